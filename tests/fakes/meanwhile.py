from collections.abc import Callable
from typing import override

from tests.fakes.seam import Seam


class Meanwhile(Seam):
    """Lets somebody else act just before a call is done, so many times.

    What the other does goes through the same seam, and is not come between.
    """

    def __init__(
        self, call: str, act: Callable[[], object] | None = None, *, times: int = 1
    ) -> None:
        self.act = act or (lambda: None)
        self._call = call
        self._times = times
        self._is_acting = False

    @override
    def before(self, call: str) -> None:
        if call != self._call or self._is_acting or self._times == 0:
            return
        self._times -= 1
        self._is_acting = True
        self.act()
        self._is_acting = False
