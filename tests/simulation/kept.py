"""Where content is kept in a simulated history: it notes what must never happen."""

from typing import override

from relay.domain.content import Content
from relay.domain.ids import JobId
from relay.domain.job import Job
from tests.fakes.contents import InMemoryContentStore
from tests.fakes.seam import Seam


class WatchedContentStore(InMemoryContentStore):
    """Notes a content that was changed after it was written."""

    def __init__(self, seam: Seam) -> None:
        super().__init__(seam)
        self.faults: list[str] = []
        self._written: dict[tuple[JobId, str], bytes] = {}

    @override
    def put(self, job: Job, key: str, body: bytes) -> Content:
        if self._written.setdefault((job.id, key), body) != body:
            self.faults.append(f"I5: {key} of {job.id} was written twice, and differently")
        return super().put(job, key, body)
