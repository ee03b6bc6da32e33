from typing import override

from relay.domain.errors import AlreadyExistsError, NotFoundError
from relay.domain.sender import Sender
from relay.ports import SenderStore
from tests.fakes.paging import page_of
from tests.fakes.seam import QUIET, Seam


class InMemorySenderStore(SenderStore):
    def __init__(self, seam: Seam = QUIET) -> None:
        self._senders: dict[str, Sender] = {}
        self._seam = seam

    @override
    def create(self, sender: Sender) -> None:
        with self._seam.around("senders.create"):
            if self._senders.setdefault(sender.id, sender) != sender:
                raise AlreadyExistsError(sender.id)

    @override
    def get(self, identity: str) -> Sender:
        with self._seam.around("senders.get"):
            try:
                return self._senders[identity]
            except KeyError as error:
                raise NotFoundError("no such sender") from error

    @override
    def page(self, *, before: str | None, limit: int) -> list[Sender]:
        with self._seam.around("senders.page"):
            return page_of(self._senders, before, limit)

    @override
    def remove(self, identity: str) -> None:
        with self._seam.around("senders.remove"):
            self._senders.pop(identity, None)
