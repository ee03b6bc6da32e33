"""Many jobs at once: those that are named, and a tenant's own, the newest first."""

from collections.abc import Callable
from datetime import timedelta
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.adapters.dynamodb_jobs import PAGE_ROWS, DynamoDBJobStore
from relay.aws.job_row import to_row
from relay.aws.values import to_item
from relay.domain.ids import JobId, TenantId, shard_of
from relay.domain.job import Job
from relay.domain.job_list import first_id_at
from relay.ports import JobStore
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.dice import FakeDice
from tests.fakes.examples import OTHER_TENANT, TENANT, a_completed_job, a_job, a_job_id
from tests.fakes.jobs import InMemoryJobStore
from tests.fakes.strategies import jobs as any_jobs
from tests.fakes.strategies import unused_id

A_TICK = timedelta(milliseconds=1)
SAME_SHARD = 8  # ids whose numbers are so far apart lie in one shard
SAME_STORE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    max_examples=30,
)

type Spoil = Callable[[Job], None]
"""Makes the row of a job one that this code cannot read."""


def name_of(job: Job) -> tuple[TenantId, JobId]:
    return job.tenant_id, job.id


def submitted(jobs: JobStore, *numbers: int, tenant_id: TenantId = TENANT) -> list[Job]:
    made = [a_job(id=a_job_id(number), tenant_id=tenant_id) for number in numbers]
    for job in made:
        jobs.submit(job)
    return made


def numbers_of(jobs: list[Job]) -> list[int]:
    by_id = {a_job_id(number): number for number in range(1024)}
    return [by_id[job.id] for job in jobs]


class JobStoreReadingContract:
    @pytest.fixture
    def jobs(self) -> JobStore:
        raise NotImplementedError

    @pytest.fixture
    def spoil(self) -> Spoil:
        raise NotImplementedError

    @SAME_STORE
    @given(job=any_jobs())
    def test_a_job_is_found_just_as_it_was_submitted(self, jobs: JobStore, job: Job) -> None:
        jobs.submit(job)

        found = jobs.find([name_of(job)])

        assert (found.rows, found.unreadable) == ({job.id: job}, frozenset())

    @pytest.mark.parametrize("number", [0, 1, 100, 101])
    def test_any_number_of_jobs_is_found(self, jobs: JobStore, number: int) -> None:
        made = submitted(jobs, *range(number))

        found = jobs.find([name_of(job) for job in made])

        assert found.rows == {job.id: job for job in made}

    def test_a_name_may_come_twice_and_may_be_of_nothing(self, jobs: JobStore) -> None:
        (job,) = submitted(jobs, 1)

        names = [name_of(job), name_of(job), (TENANT, a_job_id(2)), (OTHER_TENANT, job.id)]
        assert jobs.find(names).rows == {job.id: job}
        assert jobs.find([(OTHER_TENANT, job.id)]).rows == {}

    def test_tombstones_and_what_is_past_its_time_are_found(self, jobs: JobStore) -> None:
        deleted = a_completed_job().deleted(NOON)
        old = a_job(id=a_job_id(2), purge_at=NOON - timedelta(days=365))
        jobs.submit(deleted)
        jobs.submit(old)

        found = jobs.find([name_of(deleted), name_of(old)])

        assert found.rows == {deleted.id: deleted, old.id: old}

    def test_a_job_that_cannot_be_read_is_told_and_holds_up_no_other(
        self, jobs: JobStore, spoil: Spoil
    ) -> None:
        first, second = submitted(jobs, 1, 2)
        spoil(first)

        found = jobs.find([name_of(first), name_of(second)])

        assert found.rows == {second.id: second}
        assert found.unreadable == {first.id}

    def test_a_tenants_jobs_come_the_newest_first(self, jobs: JobStore) -> None:
        submitted(jobs, 3, 17, 0, 8, 1)
        submitted(jobs, 5, tenant_id=OTHER_TENANT)

        assert numbers_of(list(jobs.newest_first(TENANT))) == [17, 8, 3, 1, 0]

    def test_a_tenant_without_jobs_has_none(self, jobs: JobStore) -> None:
        submitted(jobs, 5, tenant_id=OTHER_TENANT)

        assert list(jobs.newest_first(TENANT)) == []

    def test_a_shard_may_hold_more_than_one_page(self, jobs: JobStore) -> None:
        numbers = [*range(0, 3 * PAGE_ROWS * SAME_SHARD, SAME_SHARD), 1, 2]
        made = submitted(jobs, *numbers)
        assert len({shard_of(job.id) for job in made}) == 3

        listed = list(jobs.newest_first(TENANT))

        assert numbers_of(listed) == sorted(numbers, reverse=True)

    def test_bounds_leave_out_the_one_and_let_in_the_other(self, jobs: JobStore) -> None:
        submitted(jobs, *range(6))

        listed = jobs.newest_first(TENANT, before=a_job_id(4), since=a_job_id(2))

        assert numbers_of(list(listed)) == [3, 2]

    @pytest.mark.parametrize(("before", "since"), [(2, 2), (2, 3)])
    def test_bounds_with_nothing_in_between_bring_nothing(
        self, jobs: JobStore, before: int, since: int
    ) -> None:
        submitted(jobs, *range(6))

        listed = jobs.newest_first(TENANT, before=a_job_id(before), since=a_job_id(since))

        assert list(listed) == []

    def test_bounds_may_be_moments(self, jobs: JobStore) -> None:
        submitted(jobs, 0, 1)

        since, later = first_id_at(NOON), first_id_at(NOON + A_TICK)
        assert numbers_of(list(jobs.newest_first(TENANT, since=since))) == [1, 0]
        assert numbers_of(list(jobs.newest_first(TENANT, before=later))) == [1, 0]
        assert list(jobs.newest_first(TENANT, since=later)) == []
        assert list(jobs.newest_first(TENANT, before=since)) == []

    @SAME_STORE
    @given(
        numbers=st.sets(st.integers(0, 200), max_size=30),
        before=st.none() | st.integers(0, 200),
        since=st.none() | st.integers(0, 200),
    )
    def test_a_list_is_what_lies_within_its_bounds(
        self, jobs: JobStore, numbers: set[int], before: int | None, since: int | None
    ) -> None:
        tenant_id = TenantId(unused_id("ten"))
        submitted(jobs, *numbers, tenant_id=tenant_id)

        listed = jobs.newest_first(
            tenant_id,
            before=None if before is None else a_job_id(before),
            since=None if since is None else a_job_id(since),
        )

        below = 1024 if before is None else before
        within = [number for number in numbers if (since or 0) <= number < below]
        assert numbers_of(list(listed)) == sorted(within, reverse=True)

    def test_tombstones_and_what_is_past_its_time_come_along(self, jobs: JobStore) -> None:
        deleted = a_completed_job().deleted(NOON)
        old = a_job(id=a_job_id(2), purge_at=NOON - timedelta(days=365))
        jobs.submit(deleted)
        jobs.submit(old)

        assert list(jobs.newest_first(TENANT)) == [old, deleted]

    def test_a_job_that_cannot_be_read_is_left_out(self, jobs: JobStore, spoil: Spoil) -> None:
        made = submitted(jobs, 1, 2, 3)
        spoil(made[1])

        assert numbers_of(list(jobs.newest_first(TENANT))) == [3, 1]


class TestInMemoryJobStore(JobStoreReadingContract):
    @pytest.fixture
    def jobs(self) -> JobStore:
        return InMemoryJobStore()

    @pytest.fixture
    def spoil(self, jobs: InMemoryJobStore) -> Spoil:
        return lambda job: jobs.unreadable.add(job.id)


class TestDynamoDBJobStore(JobStoreReadingContract):
    @pytest.fixture
    def jobs(self, cloud: Cloud) -> JobStore:
        return DynamoDBJobStore(cloud.dynamodb(), TABLE, FakeDice())

    @pytest.fixture
    def spoil(self, cloud: Cloud) -> Spoil:
        def spoil(job: Job) -> None:
            row = to_row(job) | to_item({"status": "dreaming"})
            cloud.dynamodb().put_item(TableName=TABLE, Item=row)

        return spoil

    def test_a_list_reads_only_as_far_as_is_asked_for(self, cloud: Cloud) -> None:
        client = cloud.dynamodb()
        jobs = DynamoDBJobStore(client, TABLE, FakeDice())
        submitted(jobs, *range(0, 3 * PAGE_ROWS * SAME_SHARD, SAME_SHARD))
        asked: list[object] = []
        client.meta.events.register("before-send.dynamodb.Query", lambda **_: asked.append(1))

        first_page = list(islice(jobs.newest_first(TENANT), PAGE_ROWS))

        assert len(first_page) == PAGE_ROWS
        assert len(asked) == 8

    def test_a_list_asks_for_no_more_than_a_page_of_a_shard(self, cloud: Cloud) -> None:
        client = cloud.dynamodb()
        jobs = DynamoDBJobStore(client, TABLE, FakeDice())
        asked: list[int] = []
        client.meta.events.register(
            "provide-client-params.dynamodb.Query",
            lambda params, **_: asked.append(params["Limit"]),
        )

        list(jobs.newest_first(TENANT))

        assert asked == [PAGE_ROWS] * 8
