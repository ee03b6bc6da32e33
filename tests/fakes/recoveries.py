from collections.abc import Collection
from typing import override

from relay.domain.errors import LostRaceError
from relay.domain.ids import EndpointId
from relay.domain.recovery import Recovery
from relay.ports import Found, RecoveryStore
from tests.fakes.seam import QUIET, Seam


class InMemoryRecoveryStore(RecoveryStore):
    def __init__(self, seam: Seam = QUIET) -> None:
        self.unreadable: set[str] = set()
        self._recoveries: dict[tuple[EndpointId, str], Recovery] = {}
        self._seam = seam

    @override
    def create(self, recovery: Recovery) -> None:
        with self._seam.around("recoveries.create"):
            self._recoveries.setdefault((recovery.endpoint_id, recovery.id), recovery)

    @override
    def find(self, names: Collection[tuple[EndpointId, str]]) -> Found[str, Recovery]:
        with self._seam.around("recoveries.find"):
            there = {n[1]: self._recoveries[n] for n in names if n in self._recoveries}
            return Found(
                rows={it: recovery for it, recovery in there.items() if it not in self.unreadable},
                unreadable=frozenset(there.keys() & self.unreadable),
            )

    @override
    def save(self, before: Recovery, after: Recovery) -> None:
        with self._seam.around("recoveries.save"):
            name = (after.endpoint_id, after.id)
            recovery = self._recoveries.get(name)
            if recovery == after:
                return
            if recovery is None or recovery.version != before.version:
                raise LostRaceError(after.id)
            self._recoveries[name] = after

    def all(self) -> list[Recovery]:
        return list(self._recoveries.values())
