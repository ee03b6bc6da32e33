"""Acts that make no resource of their own, and are done once under an ``Idempotency-Key``."""

from collections.abc import Mapping

from functions.api.http import Request
from functions.api.idempotency import REPLAYED, key_of, refusal_of
from functions.api.services import Services
from relay.domain.errors import KeyReusedError, NotFoundError
from relay.domain.idempotency import reservation
from relay.domain.ids import RANDOM_BYTES, ulid

RACES_MAX = 5
"""How often a row may change between our reading and our writing."""


class Once:
    """What a request's key stands for: the id by which its act is done, however often.

    Doing it by the same id again must do nothing more. It is looked up before a request is checked,
    since what was done may be refused by now, and reserved after, since refusals use up no key.
    """

    def __init__(self, request: Request, services: Services, raw: bytes = b"") -> None:
        """Look up the key, if there is one.

        Raises:
            Problem: 422; it cannot be one, or was used for another request.
        """
        self._services = services
        self._key = key_of(request, raw)
        self.earlier = self._reserved()
        """The id that an earlier request under the key has reserved, if one came."""

    def _reserved(self) -> str | None:
        if self._key is None:
            return None
        at = self._services.clock.now()
        try:
            held = self._services.idempotency.get(self._key.tenant_id, self._key.hash, at=at)
        except NotFoundError:
            return None
        if held.fingerprint != self._key.fingerprint:
            raise refusal_of(KeyReusedError(self._key.key), at)
        return held.resource_id

    def by(self, identifier: str) -> str:
        """Return the id by which the act is done: this one, or that of whoever came before.

        Raises:
            Problem: 422; the key was used for another request at the same moment.
        """
        if self._key is not None and self.earlier is None:
            at = self._services.clock.now()
            held = self._services.idempotency.reserve(reservation(self._key, identifier, at), at=at)
            if held.resource_id != identifier:
                self.earlier = self._reserved()
        return self.earlier or identifier

    def by_new_id(self, prefix: str) -> str:
        """Return the id by which the act is done, a new one unless somebody came before."""
        randomness = self._services.accounts.dice.randomness(RANDOM_BYTES)
        return self.by(f"{prefix}_{ulid(self._services.clock.now(), randomness)}")

    @property
    def headers(self) -> Mapping[str, str]:
        """What the answer says of the key."""
        return REPLAYED if self.earlier is not None else {}
