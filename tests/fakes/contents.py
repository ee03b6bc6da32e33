import zlib
from datetime import timedelta
from typing import override

from relay.domain.content import Content, Place
from relay.domain.errors import NotFoundError
from relay.domain.ids import JobId
from relay.domain.job import Job
from relay.domain.job_view import RESULT_BYTES_MAX
from relay.ports import ContentStore
from tests.fakes.seam import QUIET, Seam


class InMemoryContentStore(ContentStore):
    """Bytes by job and key, and by where they lie."""

    def __init__(self, seam: Seam = QUIET, *, row_bytes_max: int = 8 * 1024) -> None:
        self._kept: dict[tuple[JobId, Place, str], bytes] = {}
        self._seam = seam
        self._row_bytes_max = row_bytes_max

    @override
    def put(self, job: Job, key: str, body: bytes) -> Content:
        is_small = len(zlib.compress(body)) <= self._row_bytes_max and len(body) <= RESULT_BYTES_MAX
        place = Place.ROW if is_small else Place.OBJECT
        with self._seam.around("contents.put"):
            self._kept[job.id, place, key] = body
        return Content(place=place, key=key, size_bytes=len(body))

    @override
    def get(self, job: Job, content: Content) -> bytes:
        if content.inline is not None:
            return zlib.decompress(content.inline)
        with self._seam.around("contents.get"):
            try:
                return self._kept[job.id, content.place, content.key]
            except KeyError as error:
                raise NotFoundError(job.id) from error

    @override
    def discard(self, job: Job, content: Content) -> None:
        with self._seam.around("contents.discard"):
            self._kept.pop((job.id, content.place, content.key), None)

    @override
    def purge(self, job: Job) -> None:
        with self._seam.around("contents.purge"):
            for name in [name for name in self._kept if name[0] == job.id]:
                del self._kept[name]

    def of(self, job_id: JobId) -> dict[str, bytes]:
        """Return everything that is kept of a job, by its key."""
        return {key: body for (owner, _, key), body in self._kept.items() if owner == job_id}

    @override
    def link(self, job: Job, content: Content, *, lifetime: timedelta) -> str:
        seconds = int(lifetime.total_seconds())
        return f"https://bucket.invalid/{job.tenant_id}/{job.id}/{content.key}?lifetime={seconds}"

    def lose(self, job: Job, content: Content) -> None:
        """Let the bytes expire."""
        del self._kept[job.id, content.place, content.key]
