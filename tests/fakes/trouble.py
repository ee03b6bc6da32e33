"""Seams at which something goes wrong."""

from typing import override

from relay.domain.errors import UnavailableError
from tests.fakes.seam import Seam


class Crash(BaseException):
    """The sandbox is gone in mid-act. No code of ours may catch it."""


class Trouble(Seam):
    """Raises at one call, before or after it is done: so many times, or always."""

    def __init__(
        self,
        call: str,
        error: BaseException | None = None,
        *,
        is_after: bool = False,
        times: int | None = None,
    ) -> None:
        self.times = times
        self._call = call
        self._error = error or UnavailableError(call)
        self._is_after = is_after

    def end(self) -> None:
        """Let everything go well from now on."""
        self.times = 0

    @override
    def before(self, call: str) -> None:
        self._meet(call, is_after=False)

    @override
    def after(self, call: str) -> None:
        self._meet(call, is_after=True)

    def _meet(self, call: str, *, is_after: bool) -> None:
        if call != self._call or is_after != self._is_after or self.times == 0:
            return
        if self.times is not None:
            self.times -= 1
        raise self._error
