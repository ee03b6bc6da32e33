"""A recovery goes on by the wheel until it is finished, or its time is over."""

import json
from datetime import timedelta
from typing import Any

from relay.domain.ids import EventId
from relay.domain.messages import recovery_message
from relay.domain.recovery import RECOVERY_LASTS_AT_MOST, Recovery
from relay.domain.wheel import BUSY_PATIENCE, HintKind, wake, watch
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT, a_recovery
from tests.fakes.trouble import Trouble
from tests.unit.functions.sweeper_on_fakes import Sweeper

MINUTE = timedelta(minutes=1)
LOOKS_BY = 6
"""In minutes: by then each first look has come, whichever minute it was spread to."""


def begin(sweeper: Sweeper, *, is_woken: bool = True) -> Recovery:
    """Keep a recovery with its hints, as whoever asks for one does."""
    recovery = a_recovery()
    owner = recovery.endpoint_id
    hints = [watch(HintKind.RECOVERY, owner, recovery.id, NOON)]
    if is_woken:
        hints.append(wake(HintKind.RECOVERY, owner, recovery.id, due=NOON, now=NOON))
    sweeper.wheel.put(hints)
    sweeper.recoveries.create(recovery)
    return recovery


def messages(sweeper: Sweeper) -> list[Any]:
    return [json.loads(message.body) for message in sweeper.events_queue.messages]


def test_a_recovery_gets_going_in_the_next_minute() -> None:
    sweeper = Sweeper()
    recovery = begin(sweeper)

    took = sweeper.sweep_until(lambda: bool(sweeper.events_queue.messages))

    assert took <= MINUTE
    assert messages(sweeper) == [recovery_message(recovery)]
    assert sweeper.events_queue.messages[0].group == TENANT
    assert sweeper.deliveries_queue.messages == sweeper.jobs_queue.messages == []


def test_one_whose_message_was_lost_is_sent_again_within_minutes() -> None:
    sweeper = Sweeper()
    recovery = begin(sweeper, is_woken=False)

    took = sweeper.sweep_until(lambda: bool(sweeper.events_queue.messages))

    assert took <= LOOKS_BY * MINUTE
    assert messages(sweeper) == [recovery_message(recovery)]
    assert [hint.id for hint in sweeper.watches] == [recovery.id]


def test_one_that_is_finished_is_looked_at_no_more() -> None:
    sweeper = Sweeper()
    recovery = begin(sweeper)
    sweeper.recoveries.save(recovery, recovery.finished(NOON, redelivered=0))

    sweeper.sweep_minutes(LOOKS_BY)

    assert messages(sweeper) == []
    assert sweeper.watches == []


def test_one_that_gets_on_is_left_alone_and_stays_watched() -> None:
    sweeper = Sweeper()
    recovery = begin(sweeper, is_woken=False)
    due_at = NOON + LOOKS_BY * MINUTE
    part = recovery.advanced(EventId("evt_1"), redelivered=1, due_at=due_at)
    sweeper.recoveries.save(recovery, part)

    sweeper.sweep_minutes(LOOKS_BY)

    assert messages(sweeper) == []
    assert [hint.id for hint in sweeper.watches] == [recovery.id]


def test_one_that_waits_in_a_long_queue_is_given_an_hour() -> None:
    sweeper = Sweeper()
    begin(sweeper, is_woken=False)
    for _ in range(101):
        sweeper.events_queue.send_text("{}")

    took = sweeper.sweep_until(lambda: len(sweeper.events_queue.messages) > 101)

    assert BUSY_PATIENCE <= took <= BUSY_PATIENCE + 3 * MINUTE


def test_one_that_never_ends_is_given_up_after_two_days() -> None:
    sweeper = Sweeper()
    begin(sweeper)
    two_days = RECOVERY_LASTS_AT_MOST // MINUTE
    sweeper.sweep_minutes(two_days)
    sent = len(messages(sweeper))

    sweeper.sweep_minutes(two_days)

    assert sent > 1
    assert len(messages(sweeper)) == sent
    assert sweeper.watches == []


def test_a_hint_that_leads_nowhere_since_no_recovery_came_of_it_is_forgotten() -> None:
    sweeper = Sweeper()
    recovery = a_recovery()
    owner = recovery.endpoint_id
    sweeper.wheel.put([watch(HintKind.RECOVERY, owner, recovery.id, NOON)])

    sweeper.sweep_minutes(LOOKS_BY)

    assert messages(sweeper) == []
    assert sweeper.watches == []


def test_one_that_nobody_can_read_stays_watched_until_somebody_can() -> None:
    sweeper = Sweeper()
    recovery = begin(sweeper, is_woken=False)
    sweeper.recoveries.unreadable = {recovery.id}
    sweeper.sweep_minutes(LOOKS_BY)
    assert [hint.id for hint in sweeper.watches] == [recovery.id]
    assert sum(line["records_unreadable"] for line in sweeper.log.named("wheel.swept")) == 1

    sweeper.recoveries.unreadable = set()
    sweeper.sweep_until(lambda: bool(sweeper.events_queue.messages))

    assert messages(sweeper) == [recovery_message(recovery)]


def test_one_whose_queue_takes_nothing_is_woken_again_and_holds_up_nobody() -> None:
    sweeper = Sweeper(seam=Trouble("events.send_all", times=1))
    recovery = begin(sweeper)

    sweeper.sweep_until(lambda: bool(sweeper.events_queue.messages))

    assert messages(sweeper)[0] == recovery_message(recovery)
    assert len(sweeper.log.named("shard.not_swept")) == 1
