"""Changes of jobs that have ended. They keep the version, and none is written over another."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from relay.adapters.dynamodb_jobs import DynamoDBJobStore
from relay.domain.errors import JobNotClaimableError, LostLeaseError, NotFoundError
from relay.domain.job import Callback, Job
from relay.domain.money import Money
from relay.domain.usage import Usage
from relay.ports import JobStore
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.dice import FakeDice
from tests.fakes.examples import LEASE_MARGIN, TENANT, a_completed_job, a_job
from tests.fakes.jobs import InMemoryJobStore

LATER = NOON + timedelta(minutes=5)
CANCELLED = (
    a_job(metadata={"order": "4711"}, callback=Callback(url="https://example.com/hooks"))
    .claimed(NOON, LEASE_MARGIN)
    .cancelled(NOON)
)

type Change = Callable[[Job], Job]


def spend(job: Job) -> Job:
    return job.spent_on(Usage(total_tokens=14), Money(Decimal("0.0000039")))


def spend_what_has_no_price(job: Job) -> Job:
    return job.spent_on(Usage(total_tokens=15), None)


def ask_to_tell_again(job: Job) -> Job:
    return job.asked_to_tell_again()


def delete(job: Job) -> Job:
    return job.deleted(LATER)


CHANGES = [spend, spend_what_has_no_price, ask_to_tell_again, delete]


def kept(jobs: JobStore, job: Job) -> Job:
    """Return a job as it is, its tombstone included."""
    return jobs.find([(job.tenant_id, job.id)]).rows[job.id]


class EndedJobsContract:
    @pytest.fixture
    def jobs(self) -> JobStore:
        raise NotImplementedError

    @pytest.mark.parametrize("change", CHANGES)
    def test_a_change_of_an_end_is_read_just_as_it_was_saved(
        self, jobs: JobStore, change: Change
    ) -> None:
        jobs.submit(CANCELLED)

        jobs.save(CANCELLED, change(CANCELLED))

        assert kept(jobs, CANCELLED) == change(CANCELLED)

    @pytest.mark.parametrize("change", CHANGES)
    def test_saving_again_what_was_saved_is_done_already(
        self, jobs: JobStore, change: Change
    ) -> None:
        jobs.submit(CANCELLED)
        jobs.save(CANCELLED, change(CANCELLED))

        jobs.save(CANCELLED, change(CANCELLED))

        assert kept(jobs, CANCELLED) == change(CANCELLED)

    @pytest.mark.parametrize("first", CHANGES)
    @pytest.mark.parametrize("second", CHANGES)
    def test_a_change_of_an_end_loses_to_another_that_came_first(
        self, jobs: JobStore, first: Change, second: Change
    ) -> None:
        """All keep the version, which alone cannot tell that the row is another by now."""
        jobs.submit(CANCELLED)
        jobs.save(CANCELLED, first(CANCELLED))
        if second(CANCELLED) == first(CANCELLED):
            return

        with pytest.raises(LostLeaseError):
            jobs.save(CANCELLED, second(CANCELLED))

        assert kept(jobs, CANCELLED) == first(CANCELLED)

    def test_changes_of_an_end_may_follow_one_another(self, jobs: JobStore) -> None:
        jobs.submit(CANCELLED)
        told, spent = CANCELLED.asked_to_tell_again(), spend(CANCELLED.asked_to_tell_again())
        jobs.save(CANCELLED, told)
        jobs.save(told, spent)
        jobs.save(spent, spent.asked_to_tell_again())

        jobs.save(spent.asked_to_tell_again(), delete(spent.asked_to_tell_again()))

        tombstone = kept(jobs, CANCELLED)
        assert tombstone == delete(spent.asked_to_tell_again())
        assert (tombstone.told_again, tombstone.usage) == (2, spent.usage)

    def test_a_call_that_used_nothing_that_is_known_leaves_the_job_as_it_is(
        self, jobs: JobStore
    ) -> None:
        jobs.submit(CANCELLED)

        jobs.save(CANCELLED, CANCELLED.spent_on(None, None))

        assert kept(jobs, CANCELLED) == CANCELLED

    def test_a_deleted_job_is_not_found_and_neither_claimed_nor_made_again(
        self, jobs: JobStore
    ) -> None:
        job = a_completed_job()
        jobs.submit(job)
        jobs.save(job, delete(job))

        with pytest.raises(NotFoundError):
            jobs.get(TENANT, job.id, at=NOON)
        with pytest.raises(JobNotClaimableError):
            jobs.claim(TENANT, job.id, at=LATER, lease_margin=LEASE_MARGIN)
        assert kept(jobs, job) == delete(job)


class TestInMemoryJobStore(EndedJobsContract):
    @pytest.fixture
    def jobs(self) -> JobStore:
        return InMemoryJobStore()


class TestDynamoDBJobStore(EndedJobsContract):
    @pytest.fixture
    def jobs(self, cloud: Cloud) -> JobStore:
        return DynamoDBJobStore(cloud.dynamodb(), TABLE, FakeDice())

    def test_nothing_of_a_deleted_jobs_content_is_left_in_its_row(
        self, jobs: JobStore, cloud: Cloud
    ) -> None:
        job = a_completed_job(metadata={"a": "b"}, callback=Callback(url="https://example.com"))
        jobs.submit(job)

        jobs.save(job, delete(job))

        (row,) = cloud.dynamodb().scan(TableName=TABLE)["Items"]
        assert not {"metadata", "callback", "error"} & row.keys()
        assert "inline" not in row["request"]["M"]
