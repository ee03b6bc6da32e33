from typing import override

from relay.domain.api_key import ApiKey
from relay.domain.errors import AlreadyExistsError, NotFoundError
from relay.ports import KeyStore
from tests.fakes.seam import QUIET, Seam


class InMemoryKeyStore(KeyStore):
    def __init__(self, seam: Seam = QUIET) -> None:
        self._keys: dict[str, ApiKey] = {}
        self._seam = seam

    @override
    def create(self, key: ApiKey) -> None:
        with self._seam.around("keys.create"):
            if key.hash in self._keys:
                raise AlreadyExistsError(key.id)
            self._keys[key.hash] = key

    @override
    def get(self, key_hash: str) -> ApiKey:
        with self._seam.around("keys.get"):
            try:
                return self._keys[key_hash]
            except KeyError as error:
                raise NotFoundError("no such key") from error
