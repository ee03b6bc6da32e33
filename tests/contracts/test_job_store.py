from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.adapters.dynamodb_jobs import DynamoDBJobStore
from relay.domain.content import REQUEST_KEY, Content, Place, inline
from relay.domain.errors import (
    AlreadyExistsError,
    JobNotClaimableError,
    LostLeaseError,
    NotFoundError,
)
from relay.domain.job import Job, JobStatus, StatusReason
from relay.ports import JobStore
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.dice import FakeDice
from tests.fakes.examples import (
    BODY,
    LEASE_MARGIN,
    OTHER_TENANT,
    SOME_ERROR,
    TENANT,
    a_completed_job,
    a_job,
    a_job_id,
    completed,
)
from tests.fakes.jobs import InMemoryJobStore
from tests.fakes.strategies import jobs as any_jobs
from tests.fakes.strategies import unused_id

DICE = FakeDice()  # one for all: two claims must never draw the same


A_TICK = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
# One store serves all examples, whose jobs have ids of their own, and each subclass runs them.
SAME_STORE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    max_examples=30,
)

queued = a_job(version=3, attempts=1, fence=1)
held = a_job().claimed(NOON, LEASE_MARGIN)
waiting = held.released(
    NOON,
    ready_at=NOON + 5 * SECOND,
    reason=StatusReason.RATE_LIMITED,
    error=SOME_ERROR,
    attempts=0,
)
ENDED = [
    a_completed_job(),
    held.failed(NOON, error=SOME_ERROR, attempts=1),
    held.expired(NOON),
    a_job(status=JobStatus.CANCELLED, finished_at=NOON),
]


def claim(store: JobStore, job: Job, at: datetime) -> Job:
    return store.claim(job.tenant_id, job.id, at=at, lease_margin=LEASE_MARGIN)


def lease_end(job: Job) -> datetime:
    assert job.lease_until is not None
    return job.lease_until


class JobStoreContract:
    @pytest.fixture
    def jobs(self) -> JobStore:
        raise NotImplementedError

    def test_a_small_request_has_room_in_its_jobs_row(self, jobs: JobStore) -> None:
        assert jobs.has_room_for(a_job())

    def test_a_large_request_has_none(self, jobs: JobStore) -> None:
        incompressible = bytes(range(256)) + bytes(range(255, -1, -1))

        assert not jobs.has_room_for(a_job(request=inline(REQUEST_KEY, incompressible * 2)))

    @SAME_STORE
    @given(job=any_jobs())
    def test_a_job_is_read_just_as_it_was_submitted(self, jobs: JobStore, job: Job) -> None:
        seen = replace(job, deleted_at=None)
        jobs.submit(seen)

        assert jobs.get(job.tenant_id, job.id, at=job.purge_at - SECOND) == seen

    def test_submitting_the_same_job_again_is_done_already(self, jobs: JobStore) -> None:
        jobs.submit(a_job())

        jobs.submit(a_job())

        assert jobs.get(TENANT, a_job_id(), at=NOON) == a_job()

    def test_another_job_of_the_same_id_is_refused_and_changes_nothing(
        self, jobs: JobStore
    ) -> None:
        jobs.submit(a_job())

        with pytest.raises(AlreadyExistsError):
            jobs.submit(a_job(model="another"))

        assert jobs.get(TENANT, a_job_id(), at=NOON) == a_job()

    def test_an_unknown_job_is_not_found(self, jobs: JobStore) -> None:
        with pytest.raises(NotFoundError):
            jobs.get(TENANT, a_job_id(), at=NOON)

    def test_another_tenants_job_is_not_found(self, jobs: JobStore) -> None:
        jobs.submit(a_job())

        with pytest.raises(NotFoundError):
            jobs.get(OTHER_TENANT, a_job_id(), at=NOON)

    def test_a_job_is_there_until_its_last_second_and_gone_from_then_on(
        self, jobs: JobStore
    ) -> None:
        job = a_job(purge_at=NOON + timedelta(days=8))
        jobs.submit(job)

        assert jobs.get(TENANT, job.id, at=job.purge_at - A_TICK) == job
        with pytest.raises(NotFoundError):
            jobs.get(TENANT, job.id, at=job.purge_at)

    @pytest.mark.parametrize(
        ("job", "at"),
        [
            pytest.param(a_job(), NOON, id="queued"),
            pytest.param(queued, NOON, id="queued again"),
            pytest.param(waiting, NOON + 5 * SECOND, id="due just now"),
            pytest.param(held, lease_end(held) + A_TICK, id="abandoned"),
            pytest.param(a_job(deadline=NOON + A_TICK), NOON, id="just in time"),
            pytest.param(a_job(attempts=4, attempts_max=5), NOON, id="one attempt left"),
            pytest.param(a_job(timeout=timedelta(seconds=600)), NOON, id="long attempts"),
        ],
    )
    def test_claim_takes_a_job_as_the_domain_says(
        self, jobs: JobStore, job: Job, at: datetime
    ) -> None:
        jobs.submit(job)

        claimed = claim(jobs, job, at)

        assert claimed == job.claimed(at, LEASE_MARGIN)
        assert jobs.get(TENANT, job.id, at=at) == claimed

    @pytest.mark.parametrize(
        ("job", "at"),
        [
            pytest.param(waiting, NOON + 5 * SECOND - A_TICK, id="not due"),
            pytest.param(held, NOON, id="under a live lease"),
            pytest.param(held, lease_end(held), id="in the last moment of a lease"),
            pytest.param(a_job(deadline=NOON), NOON, id="past its deadline"),
            pytest.param(
                replace(held, deadline=NOON + SECOND), lease_end(held) + A_TICK, id="too late again"
            ),
            pytest.param(a_job(attempts=5, attempts_max=5), NOON, id="spent"),
            pytest.param(
                replace(held, attempts=5), lease_end(held) + A_TICK, id="abandoned and spent"
            ),
            *(pytest.param(job, NOON + timedelta(hours=1), id=job.status) for job in ENDED),
        ],
    )
    def test_claim_refuses_a_job_that_cannot_be_run_now(
        self, jobs: JobStore, job: Job, at: datetime
    ) -> None:
        jobs.submit(job)

        with pytest.raises(JobNotClaimableError) as refusal:
            claim(jobs, job, at)

        assert refusal.value.job == job
        assert jobs.get(TENANT, job.id, at=at) == job

    def test_claim_finds_no_unknown_job_and_makes_none(self, jobs: JobStore) -> None:
        with pytest.raises(NotFoundError):
            claim(jobs, a_job(), NOON)

        with pytest.raises(NotFoundError):
            jobs.get(TENANT, a_job_id(), at=NOON)

    def test_claim_finds_no_job_of_another_tenant(self, jobs: JobStore) -> None:
        jobs.submit(a_job())

        with pytest.raises(NotFoundError):
            claim(jobs, a_job(tenant_id=OTHER_TENANT), NOON)

    def test_a_second_start_keeps_the_time_of_the_first(self, jobs: JobStore) -> None:
        jobs.submit(a_job())
        first = claim(jobs, a_job(), NOON)

        second = claim(jobs, a_job(), lease_end(first) + SECOND)

        assert second.started_at == NOON
        assert (second.fence, second.attempts) == (2, 2)

    @pytest.mark.parametrize(
        "after",
        [
            pytest.param(completed(held), id="completed"),
            pytest.param(
                completed(held, usage=None, cost=None, model_used=None), id="nothing known"
            ),
            pytest.param(held.failed(NOON, error=SOME_ERROR, attempts=1), id="failed"),
            pytest.param(held.expired(NOON), id="expired"),
            pytest.param(held.spent(NOON), id="spent"),
            pytest.param(waiting, id="released"),
        ],
    )
    def test_save_writes_what_became_of_a_claimed_job(self, jobs: JobStore, after: Job) -> None:
        jobs.submit(a_job())
        before = claim(jobs, a_job(), NOON)

        jobs.save(before, after)

        assert jobs.get(TENANT, after.id, at=NOON) == after

    def test_saving_again_what_was_saved_is_done_already(self, jobs: JobStore) -> None:
        jobs.submit(a_job())
        before = claim(jobs, a_job(), NOON)
        jobs.save(before, completed(before))

        jobs.save(before, completed(before))

        assert jobs.get(TENANT, before.id, at=NOON) == completed(before)

    def test_save_refuses_a_worker_whose_lease_was_taken_over(self, jobs: JobStore) -> None:
        jobs.submit(a_job())
        late = claim(jobs, a_job(), NOON)
        rival = claim(jobs, a_job(), lease_end(late) + SECOND)

        with pytest.raises(LostLeaseError):
            jobs.save(late, completed(late))

        assert jobs.get(TENANT, late.id, at=NOON) == rival

    def test_save_is_open_to_a_worker_whose_lease_ended_and_was_not_taken_over(
        self, jobs: JobStore
    ) -> None:
        jobs.submit(a_job())
        late = claim(jobs, a_job(), NOON)
        after = late.failed(lease_end(late) + SECOND, error=SOME_ERROR, attempts=1)

        jobs.save(late, after)

        assert jobs.get(TENANT, late.id, at=NOON) == after

    def test_save_never_changes_a_job_that_has_ended(self, jobs: JobStore) -> None:
        jobs.submit(a_job())
        before = claim(jobs, a_job(), NOON)
        jobs.save(before, completed(before))

        with pytest.raises(LostLeaseError):
            jobs.save(before, before.failed(NOON, error=SOME_ERROR, attempts=1))

        assert jobs.get(TENANT, before.id, at=NOON) == completed(before)

    def test_save_makes_no_job_that_is_gone(self, jobs: JobStore) -> None:
        with pytest.raises(LostLeaseError):
            jobs.save(held, completed(held))

        with pytest.raises(NotFoundError):
            jobs.get(TENANT, held.id, at=NOON)

    @SAME_STORE
    @given(
        looks=st.lists(
            st.tuples(st.integers(0, 1000).map(lambda s: NOON + s * SECOND), st.booleans()),
            max_size=12,
        )
    )
    def test_two_leases_on_one_job_never_overlap(
        self, jobs: JobStore, looks: list[tuple[datetime, bool]]
    ) -> None:
        """Whatever the workers' clocks say, and whether they release the job or vanish."""
        job = a_job(id=unused_id("job"), attempts_max=20)
        jobs.submit(job)
        leases: list[tuple[datetime, datetime]] = []
        fences = [0]

        for at, vanishes in looks:
            try:
                claimed = claim(jobs, job, at)
            except JobNotClaimableError:
                continue
            end = lease_end(claimed)
            if not vanishes:
                end = at
                jobs.save(claimed, released(claimed, at))
            leases.append((at, end))
            fences.append(claimed.fence)

        assert all(earlier[1] <= later[0] for earlier, later in pairwise(leases))
        assert fences == list(range(len(fences)))


def released(job: Job, at: datetime) -> Job:
    return job.released(
        at, ready_at=at, reason=StatusReason.RETRYING, error=SOME_ERROR, attempts=job.attempts
    )


class TestInMemoryJobStore(JobStoreContract):
    @pytest.fixture
    def jobs(self) -> JobStore:
        return InMemoryJobStore()


class TestDynamoDBJobStore(JobStoreContract):
    @pytest.fixture
    def jobs(self, cloud: Cloud) -> JobStore:
        return DynamoDBJobStore(cloud.dynamodb(), TABLE, DICE)

    def test_what_newer_code_wrote_survives_a_save_by_this_code(
        self, jobs: JobStore, cloud: Cloud
    ) -> None:
        jobs.submit(a_job())
        before = claim(jobs, a_job(), NOON)
        add_an_unknown_attribute(cloud, before)

        jobs.save(before, completed(before))

        assert row_of(cloud, before)["of_the_future"] == {"S": "kept"}

    def test_what_newer_code_wrote_does_not_hide_that_a_save_was_done(
        self, jobs: JobStore, cloud: Cloud
    ) -> None:
        jobs.submit(a_job())
        before = claim(jobs, a_job(), NOON)
        jobs.save(before, completed(before))
        add_an_unknown_attribute(cloud, before)

        jobs.save(before, completed(before))

        assert jobs.get(TENANT, before.id, at=NOON) == completed(before)

    def test_a_request_of_a_row_of_its_own_leaves_room(self, jobs: JobStore) -> None:
        elsewhere = Content(place=Place.ROW, key=REQUEST_KEY, size_bytes=len(BODY))

        assert jobs.has_room_for(a_job(request=elsewhere))


def add_an_unknown_attribute(cloud: Cloud, job: Job) -> None:
    row = row_of(cloud, job)
    cloud.dynamodb().put_item(TableName=TABLE, Item=row | {"of_the_future": {"S": "kept"}})


def row_of(cloud: Cloud, job: Job) -> dict[str, Any]:
    rows = cloud.dynamodb().scan(TableName=TABLE)["Items"]
    (row,) = (row for row in rows if row["sk"] == {"S": job.id})
    return dict(row)
