"""What got lost is found again, and what is in order is left alone."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from relay.domain.delivery import DELIVERY_LEASE, Delivery
from relay.domain.event import event_of, submission_rejected
from relay.domain.job import Job, StatusReason, Submission
from relay.domain.messages import delivery_message, job_message
from relay.domain.wheel import PUBLISHING_TIME, HintKind, wake, watch
from tests.fakes.clock import NOON
from tests.fakes.examples import (
    LEASE_MARGIN,
    SOME_ERROR,
    TENANT,
    a_completed_job,
    a_delivery,
    a_job,
    a_job_id,
    an_event,
)
from tests.fakes.webhook_sender import answered
from tests.unit.functions.sweeper_on_fakes import Sweeper, watch_over

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def waiting(until: datetime, **changes: Any) -> Job:
    """Return a job that was parked at noon."""
    claimed = a_job(**changes).claimed(NOON, LEASE_MARGIN)
    return claimed.released(
        NOON, ready_at=until, reason=StatusReason.RETRYING, error=SOME_ERROR, attempts=1
    )


def messages(sweeper: Sweeper) -> list[Any]:
    return [json.loads(message.body) for message in sweeper.jobs_queue.messages]


class TestQueuedJobs:
    def test_a_job_whose_message_was_lost_is_sent_again_within_minutes(self) -> None:
        sweeper = Sweeper()
        job = sweeper.accept(a_job())

        took = sweeper.sweep_until(sweeper.are_sent)

        assert 2 * MINUTE <= took <= 6 * MINUTE
        assert messages(sweeper) == [job_message(job, comes_back=True)]
        assert sweeper.jobs_queue.messages[0].group == TENANT

    def test_whatever_goes_on_getting_lost_is_sent_again_less_and_less(self) -> None:
        sweeper = Sweeper()
        sweeper.accept(a_job())

        sweeper.sweep_minutes(23 * 60)

        assert 5 <= len(messages(sweeper)) <= 12
        assert len(sweeper.watches) == 1

    def test_a_job_that_waits_in_a_long_queue_is_given_an_hour(self) -> None:
        sweeper = Sweeper()
        sweeper.accept(a_job())
        for _ in range(101):
            sweeper.jobs_queue.send_text("{}")

        took = sweeper.sweep_until(lambda: sweeper.are_sent(102))

        assert HOUR <= took <= HOUR + 3 * MINUTE

    def test_a_queue_of_a_hundred_is_not_long(self) -> None:
        sweeper = Sweeper()
        sweeper.accept(a_job())
        for _ in range(100):
            sweeper.jobs_queue.send_text("{}")

        assert sweeper.sweep_until(lambda: sweeper.are_sent(101)) <= 6 * MINUTE

    def test_a_long_queue_of_deliveries_says_nothing_of_jobs(self) -> None:
        sweeper = Sweeper()
        sweeper.accept(a_job())
        for _ in range(101):
            sweeper.deliveries_queue.send_text("{}")

        assert sweeper.sweep_until(sweeper.are_sent) <= 6 * MINUTE

    def test_a_job_whose_deadline_has_passed_is_sent_so_that_it_expires(self) -> None:
        sweeper = Sweeper()
        job = sweeper.accept(waiting(NOON + 2 * HOUR, deadline=NOON + HOUR))

        took = sweeper.sweep_until(sweeper.are_sent)

        assert HOUR + 2 * MINUTE <= took <= HOUR + 4 * MINUTE
        assert messages(sweeper) == [job_message(job, comes_back=True)]

    def test_a_job_that_is_sent_in_vain_is_looked_at_soon_after_its_deadline(self) -> None:
        sweeper = Sweeper()
        sweeper.accept(a_job(deadline=NOON + 20 * HOUR))
        sweeper.sweep_minutes(20 * 60)
        before = len(messages(sweeper))

        took = sweeper.sweep_until(lambda: sweeper.are_sent(before + 1))

        assert took <= 4 * MINUTE


class TestHeldJobs:
    def test_a_job_under_a_live_lease_is_left_alone(self) -> None:
        sweeper = Sweeper()
        held = a_job(timeout=10 * MINUTE).claimed(NOON, LEASE_MARGIN)
        sweeper.accept(held)

        sweeper.sweep_minutes(12)

        assert messages(sweeper) == []
        assert len(sweeper.watches) == 1

    def test_a_job_whose_worker_died_is_sent_again_minutes_after_its_lease(self) -> None:
        sweeper = Sweeper()
        held = sweeper.accept(a_job(timeout=10 * MINUTE).claimed(NOON, LEASE_MARGIN))
        assert held.lease_until is not None

        took = sweeper.sweep_until(sweeper.are_sent)

        assert timedelta(0) < NOON + took - held.lease_until <= 4 * MINUTE


class TestParkedJobs:
    def test_a_job_is_woken_at_its_very_second(self) -> None:
        sweeper = Sweeper()
        due = NOON + timedelta(minutes=20, seconds=37, milliseconds=400)
        sweeper.park(waiting(due))

        sweeper.sweep_minutes(20)

        (message,) = sweeper.jobs_queue.messages
        assert message.visible_at == NOON + timedelta(minutes=20, seconds=38)

    def test_nothing_is_sent_while_it_waits(self) -> None:
        sweeper = Sweeper()
        sweeper.park(waiting(NOON + 20 * MINUTE))

        sweeper.sweep_minutes(18)

        assert messages(sweeper) == []

    def test_it_is_sent_in_the_last_minute_and_seen_when_it_is_over(self) -> None:
        sweeper = Sweeper()
        sweeper.park(waiting(NOON + 20 * MINUTE))

        sweeper.sweep_minutes(19)

        (message,) = sweeper.jobs_queue.messages
        assert message.visible_at == NOON + 20 * MINUTE

    def test_it_is_woken_once(self) -> None:
        sweeper = Sweeper()
        sweeper.park(waiting(NOON + 20 * MINUTE))

        sweeper.sweep_minutes(120)

        assert len(messages(sweeper)) == 1

    def test_one_that_was_parked_anew_is_woken_for_its_new_turn_only(self) -> None:
        sweeper = Sweeper()
        first, second = NOON + 20 * MINUTE, NOON + 50 * MINUTE
        sweeper.park(waiting(first))
        (job,) = sweeper.jobs.all()
        again = job.released(
            NOON, ready_at=second, reason=StatusReason.RETRYING, error=None, attempts=1
        )
        sweeper.jobs.save(job, again)
        due_again = wake(HintKind.JOB, job.tenant_id, job.id, due=second, now=NOON)
        sweeper.wheel.put([due_again])

        sweeper.sweep_minutes(120)

        (message,) = sweeper.jobs_queue.messages
        assert message.visible_at == second

    def test_one_that_was_woken_too_late_is_sent_at_once(self) -> None:
        sweeper = Sweeper()
        sweeper.park(waiting(NOON + 20 * MINUTE))
        sweeper.clock.at = NOON + 40 * MINUTE + 7 * SECOND

        sweeper.sweep()

        (message,) = sweeper.jobs_queue.messages
        assert message.visible_at == sweeper.clock.at

    def test_one_whose_wake_was_missed_is_found_by_its_watch(self) -> None:
        """As where the clock that wrote the hint was more than half a minute behind."""
        sweeper = Sweeper()
        due = NOON + 20 * MINUTE
        sweeper.accept(waiting(due))

        took = sweeper.sweep_until(sweeper.are_sent)

        assert NOON + took - due <= 4 * MINUTE


class TestEnds:
    def test_an_end_that_was_never_told_is_told_anew_under_the_same_id(self) -> None:
        sweeper = Sweeper()
        job = sweeper.accept(a_completed_job())

        sweeper.sweep_until(lambda: len(sweeper.jobs.changes) > 1)

        before, after = sweeper.jobs.changes[-1]
        assert event_of(before, after) == an_event(job)
        assert after.version == job.version
        assert messages(sweeper) == []

    def test_an_end_that_the_publisher_may_be_about_to_tell_is_left_to_it(self) -> None:
        sweeper = Sweeper()
        ended_at = NOON + 4 * MINUTE
        job = a_job().claimed(ended_at, LEASE_MARGIN).expired(ended_at)
        sweeper.accept(job)

        while sweeper.clock.at - ended_at < PUBLISHING_TIME - MINUTE:
            sweeper.next_minute()

        assert len(sweeper.jobs.changes) == 1
        assert len(sweeper.watches) == 1
        sweeper.sweep_until(lambda: len(sweeper.jobs.changes) > 1)
        assert sweeper.clock.at - ended_at >= PUBLISHING_TIME

    def test_an_end_that_was_told_is_not_told_again_and_the_watch_is_over(self) -> None:
        sweeper = Sweeper()
        job = sweeper.accept(a_completed_job())
        sweeper.events.put([an_event(job)])

        sweeper.sweep_minutes(60)

        assert len(sweeper.jobs.changes) == 1
        assert sweeper.watches == []
        assert sweeper.log.lines[-1]["records_told_again"] == 0

    def test_an_end_that_stays_untold_is_asked_for_again_and_again(self) -> None:
        sweeper = Sweeper()
        sweeper.accept(a_completed_job())

        sweeper.sweep_until(lambda: len(sweeper.jobs.changes) > 3)

        assert [it.after.told_again for it in sweeper.jobs.changes] == [0, 1, 2, 3]

    def test_a_wake_of_a_job_that_has_ended_does_nothing(self) -> None:
        sweeper = Sweeper()
        sweeper.jobs.submit(a_completed_job())
        hint = wake(HintKind.JOB, TENANT, a_job_id(), due=NOON, now=NOON)
        sweeper.wheel.put([hint])

        sweeper.sweep_minutes(60)

        assert len(sweeper.jobs.changes) == 1
        assert messages(sweeper) == []

    def test_a_deleted_job_is_watched_over_no_more(self) -> None:
        sweeper = Sweeper()
        sweeper.accept(a_completed_job().deleted(NOON))

        sweeper.sweep_minutes(60)

        assert len(sweeper.jobs.changes) == 1
        assert sweeper.watches == []

    def test_a_job_that_never_came_is_watched_over_no_more(self) -> None:
        sweeper = Sweeper()
        sweeper.wheel.put([watch_over(a_job())])

        sweeper.sweep_minutes(60)

        assert messages(sweeper) == []
        assert sweeper.watches == []


class TestInsertedEvents:
    @staticmethod
    def event() -> Any:
        return submission_rejected(
            TENANT,
            Submission(source="sqs", message_id="message-1"),
            reason="it is not JSON",
            at=NOON,
            purge_at=NOON + timedelta(days=30),
        )

    def test_one_that_was_never_published_is_shown_to_the_publisher_again(self) -> None:
        sweeper, event = Sweeper(), self.event()
        sweeper.wheel.put([watch(HintKind.EVENT, TENANT, event.id, NOON)])
        sweeper.events.insert(event)

        took = sweeper.sweep_until(lambda: len(sweeper.stream.made) > 1)

        assert took <= 6 * MINUTE
        assert len(sweeper.watches) == 1
        assert sweeper.log.lines[-1]["records_told_again"] == 1

    def test_one_that_was_published_is_watched_over_no_more(self) -> None:
        sweeper, event = Sweeper(), self.event()
        sweeper.wheel.put([watch(HintKind.EVENT, TENANT, event.id, NOON)])
        sweeper.events.insert(event)
        sweeper.events.put([event])

        sweeper.sweep_minutes(60)

        assert len(sweeper.stream.made) == 1
        assert sweeper.watches == []

    def test_one_that_never_came_is_watched_over_no_more(self) -> None:
        """Whoever was to insert it was cut short, and may never have come to it again."""
        sweeper, event = Sweeper(), self.event()
        sweeper.wheel.put([watch(HintKind.EVENT, TENANT, event.id, NOON)])

        sweeper.sweep_minutes(60)

        assert sweeper.watches == []
        assert sweeper.log.lines[-1]["records_told_again"] == 0


class TestDeliveries:
    @staticmethod
    def made(sweeper: Sweeper, delivery: Delivery) -> Delivery:
        hint = watch(HintKind.DELIVERY, delivery.target_id, delivery.id, delivery.created_at)
        sweeper.wheel.put([hint])
        sweeper.deliveries.create(delivery)
        return delivery

    def test_one_whose_message_was_lost_is_sent_again_within_minutes(self) -> None:
        sweeper = Sweeper()
        delivery = self.made(sweeper, a_delivery())

        took = sweeper.sweep_until(lambda: bool(sweeper.deliveries_queue.messages))

        (message,) = sweeper.deliveries_queue.messages
        assert took <= 6 * MINUTE
        assert json.loads(message.body) == delivery_message(delivery)
        assert message.group == TENANT
        assert messages(sweeper) == []

    def test_one_that_waits_is_woken_at_its_very_second(self) -> None:
        sweeper = Sweeper()
        due = NOON + timedelta(hours=2, seconds=11)
        delivery = self.made(sweeper, a_delivery(next_attempt_at=due))
        hint = wake(HintKind.DELIVERY, delivery.target_id, delivery.id, due=due, now=NOON)
        sweeper.wheel.put([hint])

        sweeper.sweep_minutes(121)

        (message,) = sweeper.deliveries_queue.messages
        assert message.visible_at == due

    def test_its_second_may_come_before_the_one_at_which_its_minute_is_swept(self) -> None:
        """A turn at a paced endpoint is lost by being late, over and over at the same second."""
        sweeper = Sweeper()
        due = NOON + timedelta(hours=2, seconds=11)
        delivery = self.made(sweeper, a_delivery(next_attempt_at=due))
        hint = wake(HintKind.DELIVERY, delivery.target_id, delivery.id, due=due, now=NOON)
        sweeper.wheel.put([hint])

        for _ in range(121):
            sweeper.next_minute(second=37)

        (message,) = sweeper.deliveries_queue.messages
        assert message.visible_at == due

    def test_one_whose_deliverer_died_is_sent_again(self) -> None:
        sweeper = Sweeper()
        delivery = self.made(sweeper, a_delivery())
        sweeper.deliveries.claim(delivery.target_id, delivery.id, at=NOON, lease=DELIVERY_LEASE)

        took = sweeper.sweep_until(lambda: bool(sweeper.deliveries_queue.messages))

        assert took <= 6 * MINUTE

    @pytest.mark.parametrize("status", [200, 410])
    def test_one_that_has_ended_is_watched_over_no_more(self, status: int) -> None:
        sweeper = Sweeper()
        delivery = self.made(sweeper, a_delivery())
        held = sweeper.deliveries.claim(
            delivery.target_id, delivery.id, at=NOON, lease=DELIVERY_LEASE
        )
        sweeper.deliveries.save(held, held.attempted(answered(status), at=NOON, chance=0.5))

        sweeper.sweep_minutes(60)

        assert sweeper.deliveries_queue.messages == []
        assert sweeper.watches == []
