"""The one way through which every call of every fake passes."""

from collections.abc import Iterator
from contextlib import contextmanager


class Seam:
    """Does nothing. A simulation overrides either half to fail there or to let others act.

    What ``before`` raises means that nothing was done; what ``after`` raises, that it was done and
    the caller does not know. A call that is refused, since its condition does not hold, has no
    ``after``: there was nothing to do.
    """

    def before(self, call: str) -> None:
        """Come between a caller's decision and its act. ``call`` reads like ``jobs.claim``."""

    def after(self, call: str) -> None:
        """Come between an act and the caller's hearing of it."""

    @contextmanager
    def around(self, call: str) -> Iterator[None]:
        self.before(call)
        yield
        self.after(call)


QUIET = Seam()
