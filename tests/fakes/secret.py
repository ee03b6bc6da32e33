from typing import override

from relay.ports import Secret
from tests.fakes.seam import QUIET, Seam


class FakeSecret(Secret):
    def __init__(self, text: str = "a-secret", seam: Seam = QUIET) -> None:
        self.value = text
        self.forgotten = 0
        self._seam = seam

    @override
    def text(self) -> str:
        with self._seam.around("secrets.get"):
            return self.value

    @override
    def forget(self) -> None:
        self.forgotten += 1
