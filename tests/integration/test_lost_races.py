"""Every conditional write loses a race as it should, and knows its own write from a rival's."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import permutations

import pytest

from relay.adapters.dynamodb_deliveries import DynamoDBDeliveryStore
from relay.adapters.dynamodb_jobs import DynamoDBJobStore
from relay.domain.delivery import DELIVERY_LEASE, Delivery
from relay.domain.errors import (
    AlreadyExistsError,
    DeliveryNotClaimableError,
    JobNotClaimableError,
    LostLeaseError,
    UnavailableError,
)
from relay.domain.job import Job
from relay.domain.money import Money
from relay.domain.usage import Usage
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.dice import FakeDice
from tests.fakes.examples import (
    LEASE_MARGIN,
    SOME_ERROR,
    a_delivery,
    a_job,
    completed,
)
from tests.fakes.webhook_sender import answered, unanswered
from tests.integration.interference import applied_twice, applied_unheard, just_before

DICE = FakeDice()  # one for all: two claims must never draw the same


SECOND = timedelta(seconds=1)
LONG_AFTER = NOON + timedelta(minutes=30)


def claim(store: DynamoDBJobStore, job: Job) -> Job:
    at = NOON if job.lease_until is None else LONG_AFTER
    return store.claim(job.tenant_id, job.id, at=at, lease_margin=LEASE_MARGIN)


def find(store: DynamoDBJobStore, job: Job) -> Job:
    """Return a job as it is, its tombstone included."""
    return store.find([(job.tenant_id, job.id)]).rows[job.id]


def claim_delivery(store: DynamoDBDeliveryStore, delivery: Delivery) -> Delivery:
    at = NOON if delivery.lease_until is None else LONG_AFTER
    return store.claim(delivery.target_id, delivery.id, at=at, lease=DELIVERY_LEASE)


class TestJobs:
    @pytest.fixture
    def rival(self, cloud: Cloud) -> DynamoDBJobStore:
        return DynamoDBJobStore(cloud.dynamodb(), TABLE, DICE)

    def test_submit_loses_to_another_job_of_its_id(
        self, cloud: Cloud, rival: DynamoDBJobStore
    ) -> None:
        client = cloud.dynamodb()
        theirs = a_job(model="theirs")
        just_before(client, "PutItem", lambda: rival.submit(theirs))

        with pytest.raises(AlreadyExistsError):
            DynamoDBJobStore(client, TABLE, DICE).submit(a_job(model="mine"))

        assert rival.get(theirs.tenant_id, theirs.id, at=NOON) == theirs

    def test_claim_loses_to_another_claim(self, cloud: Cloud, rival: DynamoDBJobStore) -> None:
        client = cloud.dynamodb()
        job = a_job()
        rival.submit(job)
        just_before(client, "UpdateItem", lambda: claim(rival, job))

        with pytest.raises(JobNotClaimableError) as refusal:
            claim(DynamoDBJobStore(client, TABLE, DICE), job)

        theirs = job.claimed(NOON, LEASE_MARGIN)
        assert refusal.value.job == theirs
        assert rival.get(job.tenant_id, job.id, at=NOON) == theirs

    def test_claim_loses_to_an_end(self, cloud: Cloud, rival: DynamoDBJobStore) -> None:
        client = cloud.dynamodb()
        job = a_job()
        rival.submit(job)
        just_before(client, "UpdateItem", lambda: rival.save(job, job.expired(NOON)))

        with pytest.raises(JobNotClaimableError) as refusal:
            claim(DynamoDBJobStore(client, TABLE, DICE), job)

        assert refusal.value.job == job.expired(NOON)

    def test_save_loses_to_whoever_took_over_the_lease(
        self, cloud: Cloud, rival: DynamoDBJobStore
    ) -> None:
        client = cloud.dynamodb()
        rival.submit(a_job())
        mine = claim(rival, a_job())
        just_before(client, "UpdateItem", lambda: claim(rival, mine))

        with pytest.raises(LostLeaseError):
            DynamoDBJobStore(client, TABLE, DICE).save(mine, completed(mine))

        theirs = mine.claimed(LONG_AFTER, LEASE_MARGIN)
        assert rival.get(mine.tenant_id, mine.id, at=NOON) == theirs

    def test_save_loses_to_another_end(self, cloud: Cloud, rival: DynamoDBJobStore) -> None:
        client = cloud.dynamodb()
        rival.submit(a_job())
        mine = claim(rival, a_job())
        theirs = mine.failed(NOON, error=SOME_ERROR, attempts=1)
        just_before(client, "UpdateItem", lambda: rival.save(mine, theirs))

        with pytest.raises(LostLeaseError):
            DynamoDBJobStore(client, TABLE, DICE).save(mine, completed(mine))

        assert rival.get(mine.tenant_id, mine.id, at=NOON) == theirs

    def test_a_submission_that_was_applied_but_not_heard_of_is_done_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBJobStore
    ) -> None:
        client = cloud.dynamodb()
        applied_twice(client, "PutItem", cloud.dynamodb())

        DynamoDBJobStore(client, TABLE, DICE).submit(a_job())

        assert rival.get(a_job().tenant_id, a_job().id, at=NOON) == a_job()

    def test_a_save_that_was_applied_but_not_heard_of_is_done_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBJobStore
    ) -> None:
        client = cloud.dynamodb()
        rival.submit(a_job())
        mine = claim(rival, a_job())
        applied_twice(client, "UpdateItem", cloud.dynamodb())

        DynamoDBJobStore(client, TABLE, DICE).save(mine, completed(mine))

        assert rival.get(mine.tenant_id, mine.id, at=NOON) == completed(mine)

    def test_a_claim_that_was_applied_but_not_heard_of_is_ours_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBJobStore
    ) -> None:
        """Taken for a rival's, it would burn an attempt; the only one, of a job with one."""
        client = cloud.dynamodb()
        rival.submit(a_job(attempts_max=1))
        applied_twice(client, "UpdateItem", cloud.dynamodb())

        claimed = claim(DynamoDBJobStore(client, TABLE, DICE), a_job())

        assert claimed == a_job(attempts_max=1).claimed(NOON, LEASE_MARGIN)

    def test_a_claim_that_was_not_heard_of_before_the_job_ended_is_not_ours_any_more(
        self, cloud: Cloud, rival: DynamoDBJobStore
    ) -> None:
        client = cloud.dynamodb()
        rival.submit(a_job())
        mine = DynamoDBJobStore(client, TABLE, FakeDice(7))
        claimed = claim(DynamoDBJobStore(client, TABLE, FakeDice(7)), a_job())
        rival.save(claimed, completed(claimed))

        with pytest.raises(JobNotClaimableError):
            claim(mine, a_job())

    def test_a_submission_whose_answer_never_came_may_be_done_again(
        self, cloud: Cloud, rival: DynamoDBJobStore
    ) -> None:
        client = cloud.dynamodb()
        applied_unheard(client, "PutItem", cloud.dynamodb())
        with pytest.raises(UnavailableError):
            DynamoDBJobStore(client, TABLE, DICE).submit(a_job())

        rival.submit(a_job())

        assert rival.get(a_job().tenant_id, a_job().id, at=NOON) == a_job()

    def test_a_save_whose_answer_never_came_may_be_done_again(
        self, cloud: Cloud, rival: DynamoDBJobStore
    ) -> None:
        client = cloud.dynamodb()
        rival.submit(a_job())
        mine = claim(rival, a_job())
        applied_unheard(client, "UpdateItem", cloud.dynamodb())
        with pytest.raises(UnavailableError):
            DynamoDBJobStore(client, TABLE, DICE).save(mine, completed(mine))

        rival.save(mine, completed(mine))

        assert rival.get(mine.tenant_id, mine.id, at=NOON) == completed(mine)


def spend(job: Job) -> Job:
    return job.spent_on(Usage(total_tokens=14), Money(Decimal("0.0000039")))


def ask_to_tell_again(job: Job) -> Job:
    return job.asked_to_tell_again()


def delete(job: Job) -> Job:
    return job.deleted(LONG_AFTER)


type Change = Callable[[Job], Job]
CHANGES_OF_AN_END = [spend, ask_to_tell_again, delete]
CANCELLED = a_job(metadata={"order": "4711"}).cancelled(NOON)


class TestEndedJobs:
    """Whose changes keep the version, so that it alone would let each write over the others."""

    @pytest.fixture
    def rival(self, cloud: Cloud) -> DynamoDBJobStore:
        store = DynamoDBJobStore(cloud.dynamodb(), TABLE, DICE)
        store.submit(CANCELLED)
        return store

    @pytest.mark.parametrize(("mine", "theirs"), [*permutations(CHANGES_OF_AN_END, 2)])
    def test_save_loses_to_another_change_of_the_same_end(
        self, cloud: Cloud, rival: DynamoDBJobStore, mine: Change, theirs: Change
    ) -> None:
        client = cloud.dynamodb()
        just_before(client, "UpdateItem", lambda: rival.save(CANCELLED, theirs(CANCELLED)))

        with pytest.raises(LostLeaseError):
            DynamoDBJobStore(client, TABLE, DICE).save(CANCELLED, mine(CANCELLED))

        assert find(rival, CANCELLED) == theirs(CANCELLED)

    def test_whoever_asks_second_to_have_an_end_told_anew_has_been_heard_already(
        self, cloud: Cloud, rival: DynamoDBJobStore
    ) -> None:
        client = cloud.dynamodb()
        told = CANCELLED.asked_to_tell_again()
        just_before(client, "UpdateItem", lambda: rival.save(CANCELLED, told))

        DynamoDBJobStore(client, TABLE, DICE).save(CANCELLED, told)

        assert find(rival, CANCELLED) == told

    def test_save_loses_to_a_later_asking_to_have_the_end_told_anew(
        self, cloud: Cloud, rival: DynamoDBJobStore
    ) -> None:
        client = cloud.dynamodb()
        told = CANCELLED.asked_to_tell_again()
        rival.save(CANCELLED, told)
        twice = told.asked_to_tell_again()
        just_before(client, "UpdateItem", lambda: rival.save(told, twice))

        with pytest.raises(LostLeaseError):
            DynamoDBJobStore(client, TABLE, DICE).save(told, delete(told))

        assert find(rival, CANCELLED) == twice

    @pytest.mark.parametrize("change", CHANGES_OF_AN_END)
    def test_a_change_that_was_applied_but_not_heard_of_is_done_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBJobStore, change: Change
    ) -> None:
        client = cloud.dynamodb()
        applied_twice(client, "UpdateItem", cloud.dynamodb())

        DynamoDBJobStore(client, TABLE, DICE).save(CANCELLED, change(CANCELLED))

        assert find(rival, CANCELLED) == change(CANCELLED)

    @pytest.mark.parametrize("change", CHANGES_OF_AN_END)
    def test_a_change_whose_answer_never_came_may_be_done_again(
        self, cloud: Cloud, rival: DynamoDBJobStore, change: Change
    ) -> None:
        client = cloud.dynamodb()
        applied_unheard(client, "UpdateItem", cloud.dynamodb())
        with pytest.raises(UnavailableError):
            DynamoDBJobStore(client, TABLE, DICE).save(CANCELLED, change(CANCELLED))

        rival.save(CANCELLED, change(CANCELLED))

        assert find(rival, CANCELLED) == change(CANCELLED)


class TestDeliveries:
    @pytest.fixture
    def rival(self, cloud: Cloud) -> DynamoDBDeliveryStore:
        return DynamoDBDeliveryStore(cloud.dynamodb(), TABLE)

    def test_create_loses_to_another_fan_out(
        self, cloud: Cloud, rival: DynamoDBDeliveryStore
    ) -> None:
        client = cloud.dynamodb()
        just_before(client, "PutItem", lambda: rival.create(a_delivery(url="https://theirs")))

        with pytest.raises(AlreadyExistsError):
            DynamoDBDeliveryStore(client, TABLE).create(a_delivery(url="https://mine"))

        assert claim_delivery(rival, a_delivery()).url == "https://theirs"

    def test_claim_loses_to_another_claim(self, cloud: Cloud, rival: DynamoDBDeliveryStore) -> None:
        client = cloud.dynamodb()
        rival.create(a_delivery())
        just_before(client, "UpdateItem", lambda: claim_delivery(rival, a_delivery()))

        with pytest.raises(DeliveryNotClaimableError) as refusal:
            claim_delivery(DynamoDBDeliveryStore(client, TABLE), a_delivery())

        assert refusal.value.delivery == a_delivery().claimed(NOON, DELIVERY_LEASE)

    def test_save_loses_to_whoever_took_over_the_lease(
        self, cloud: Cloud, rival: DynamoDBDeliveryStore
    ) -> None:
        client = cloud.dynamodb()
        rival.create(a_delivery())
        mine = claim_delivery(rival, a_delivery())
        just_before(client, "UpdateItem", lambda: claim_delivery(rival, mine))

        with pytest.raises(LostLeaseError):
            DynamoDBDeliveryStore(client, TABLE).save(mine, delivered(mine))

        theirs = mine.claimed(LONG_AFTER, DELIVERY_LEASE)
        rival.save(theirs, delivered(theirs))

    def test_save_loses_to_what_another_holder_of_the_same_lease_saved(
        self, cloud: Cloud, rival: DynamoDBDeliveryStore
    ) -> None:
        client = cloud.dynamodb()
        rival.create(a_delivery())
        mine = claim_delivery(rival, a_delivery())
        failed = mine.attempted(unanswered(), at=NOON + SECOND, chance=0.5)
        just_before(client, "UpdateItem", lambda: rival.save(mine, failed))

        with pytest.raises(LostLeaseError):
            DynamoDBDeliveryStore(client, TABLE).save(mine, delivered(mine))

    def test_a_save_that_was_applied_but_not_heard_of_is_done_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBDeliveryStore
    ) -> None:
        client = cloud.dynamodb()
        rival.create(a_delivery())
        mine = claim_delivery(rival, a_delivery())
        applied_twice(client, "UpdateItem", cloud.dynamodb())

        DynamoDBDeliveryStore(client, TABLE).save(mine, delivered(mine))

        with pytest.raises(DeliveryNotClaimableError) as refusal:
            claim_delivery(rival, mine)
        assert refusal.value.delivery == delivered(mine)


def delivered(delivery: Delivery) -> Delivery:
    return delivery.attempted(answered(200), at=NOON + SECOND, chance=0.5)
