from typing import override

from relay.domain.errors import AlreadyExistsError, NotFoundError
from relay.domain.sender import Sender
from relay.ports import SenderStore
from tests.fakes.seam import QUIET, Seam


class InMemorySenderStore(SenderStore):
    def __init__(self, seam: Seam = QUIET) -> None:
        self._senders: dict[str, Sender] = {}
        self._seam = seam

    @override
    def create(self, sender: Sender) -> None:
        with self._seam.around("senders.create"):
            if sender.id in self._senders:
                raise AlreadyExistsError(sender.id)
            self._senders[sender.id] = sender

    @override
    def get(self, identity: str) -> Sender:
        with self._seam.around("senders.get"):
            try:
                return self._senders[identity]
            except KeyError as error:
                raise NotFoundError("no such sender") from error
