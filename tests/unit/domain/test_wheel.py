from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.backoff import MESSAGE_WAIT_MAX
from relay.domain.ids import JobId, ulid
from relay.domain.job import StatusReason
from relay.domain.wheel import (
    BUSY_PATIENCE,
    FIRST_LOOK,
    LOOKS_APART_MAX,
    SHARDS,
    WRITTEN_AHEAD,
    Hint,
    HintKind,
    Position,
    Purpose,
    Watched,
    begin_of,
    look,
    look_later,
    minute_of,
    wake,
    watch,
)
from tests.fakes.clock import NOON
from tests.fakes.examples import LEASE_MARGIN, SOME_ERROR, TENANT, a_delivery, a_job, a_job_id

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
FAR = NOON + timedelta(days=7)

moments = st.integers(0, 2**41).map(
    lambda ms: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
_spans_ms = st.integers(0, 10 * 60 * 1000) | st.integers(0, 8 * 24 * 3600 * 1000)
spans = _spans_ms.map(lambda ms: timedelta(milliseconds=ms))
ids = st.binary(min_size=10, max_size=10).map(lambda noise: JobId("job_" + ulid(NOON, noise)))
kinds = st.sampled_from(HintKind)


@st.composite
def watch_hints(draw: st.DrawFn) -> Hint:
    hint = watch(draw(kinds), TENANT, draw(ids), draw(moments))
    return replace(hint, looks=draw(st.integers(0, 50)))


@st.composite
def rows(draw: st.DrawFn, around: datetime) -> Watched:
    """Return a row that was, is or will be due, and ends then or later."""
    due_at = around + draw(spans) * draw(st.sampled_from([1, -1]))
    return Watched(due_at=due_at, ends_at=due_at + draw(spans))


def a_watch(at: datetime = NOON, looks: int = 0) -> Hint:
    """Return a hint of a watch that comes round at a moment."""
    return replace(watch(HintKind.JOB, TENANT, a_job_id(), at), at=at, looks=looks)


def due(at: datetime, *, ends_at: datetime = FAR) -> Watched:
    return Watched(due_at=at, ends_at=ends_at)


class TestHints:
    @given(kind=kinds, identifier=ids, at=moments)
    def test_a_first_look_falls_two_to_five_minutes_ahead_and_never_comes_early(
        self, kind: HintKind, identifier: JobId, at: datetime
    ) -> None:
        hint = watch(kind, TENANT, identifier, at)

        assert FIRST_LOOK < begin_of(hint.minute) - at <= timedelta(minutes=5)
        assert begin_of(hint.minute) == hint.at
        assert 0 <= hint.shard < SHARDS

    def test_a_burst_is_spread_over_minutes_and_shards(self) -> None:
        burst = [a_job_id(number) for number in range(1024)]

        hints = [watch(HintKind.JOB, TENANT, job_id, NOON) for job_id in burst]

        assert len({hint.minute for hint in hints}) == 3
        assert set(Counter(hint.shard for hint in hints).values()) == {1024 // SHARDS}

    @given(identifier=ids, now=moments, until_due=spans, is_past=st.booleans())
    def test_a_wake_is_never_early_and_never_in_the_minute_under_way(
        self,
        identifier: JobId,
        now: datetime,
        until_due: timedelta,
        is_past: bool,  # noqa: FBT001 - Hypothesis passes it
    ) -> None:
        due_at = now + (-until_due if is_past else until_due)

        hint = wake(HintKind.JOB, TENANT, identifier, due=due_at, now=now)

        assert hint.at >= due_at
        assert begin_of(hint.minute) > now + WRITTEN_AHEAD
        assert hint.minute > minute_of(now)

    @given(identifier=ids, now=moments, until_due=spans)
    def test_a_wake_comes_at_the_very_moment_or_within_two_minutes(
        self, identifier: JobId, now: datetime, until_due: timedelta
    ) -> None:
        hint = wake(HintKind.JOB, TENANT, identifier, due=now + until_due, now=now)

        if until_due >= WRITTEN_AHEAD + MINUTE:
            assert hint.at == now + until_due
        else:
            assert hint.at - (now + until_due) <= WRITTEN_AHEAD + MINUTE

    @given(identifier=ids, now=moments, until_due=spans)
    def test_a_wake_that_has_the_time_comes_in_the_minute_before_its_moment(
        self, identifier: JobId, now: datetime, until_due: timedelta
    ) -> None:
        """So that a sweep at any second of that minute is in time."""
        hint = wake(HintKind.JOB, TENANT, identifier, due=now + until_due, now=now)

        if until_due >= WRITTEN_AHEAD + 2 * MINUTE:
            assert begin_of(hint.minute + 1) <= hint.at < begin_of(hint.minute + 2)

    @given(identifier=ids, written_at=moments, behind=st.integers(0, 119_999))
    def test_the_hint_of_a_clock_almost_two_minutes_behind_is_written_before_its_minute_is_swept(
        self, identifier: JobId, written_at: datetime, behind: int
    ) -> None:
        true_time = written_at + timedelta(milliseconds=behind)

        hint = watch(HintKind.JOB, TENANT, identifier, written_at)

        assert hint.minute > minute_of(true_time)

    @given(identifier=ids, written_at=moments, behind=st.integers(0, 30_000), until_due=spans)
    def test_the_wake_of_a_clock_half_a_minute_behind_is_written_before_its_minute_is_swept(
        self, identifier: JobId, written_at: datetime, behind: int, until_due: timedelta
    ) -> None:
        """Further behind it may be missed; then the watch finds the row: see below."""
        true_time = written_at + timedelta(milliseconds=behind)

        hint = wake(HintKind.JOB, TENANT, identifier, due=written_at + until_due, now=written_at)

        assert hint.minute > minute_of(true_time)

    @given(at=moments)
    def test_a_moment_lies_in_its_minute(self, at: datetime) -> None:
        assert begin_of(minute_of(at)) <= at < begin_of(minute_of(at) + 1)

    def test_a_shard_goes_on_within_its_minute_and_then_with_the_next(self) -> None:
        assert Position(7).after_page("watch#job#1") == Position(7, "watch#job#1")
        assert Position(7, "watch#job#1").after_page(None) == Position(8)


class TestWatches:
    @given(st.data())
    def test_a_look_at_what_is_not_final_gives_a_next_hint_in_a_later_minute(
        self, data: st.DataObject
    ) -> None:
        hint = data.draw(watch_hints())
        at = hint.at + data.draw(spans)
        row = data.draw(rows(around=at))

        result = look(hint, row, at=at, is_queue_busy=data.draw(st.booleans()))

        following = result.next_hint
        assert following is not None
        assert following.minute > minute_of(at)
        assert begin_of(following.minute) > at + WRITTEN_AHEAD
        assert following == replace(hint, at=following.at, looks=following.looks)
        assert result.send_at in (None, at)

    @pytest.mark.parametrize("seconds", range(60))
    def test_a_hint_that_would_come_at_once_is_given_the_time_to_be_written(
        self, seconds: int
    ) -> None:
        """Else another sweep may be through with its minute before it stands there."""
        at = NOON + seconds * SECOND
        nearly_due = due(at - FIRST_LOOK + SECOND)
        nearly_over = due(at - timedelta(hours=1), ends_at=at - FIRST_LOOK + SECOND)

        for row in (nearly_due, nearly_over):
            following = look(a_watch(at), row, at=at, is_queue_busy=False).next_hint
            assert following is not None
            assert following.at > at + WRITTEN_AHEAD

    @given(st.data())
    def test_what_is_overdue_is_sent_unless_its_queue_is_busy(self, data: st.DataObject) -> None:
        hint = data.draw(watch_hints())
        at = hint.at + data.draw(spans)
        row = data.draw(rows(around=at))

        result = look(hint, row, at=at, is_queue_busy=False)

        assert (result.send_at == at) == (at - row.due_at >= FIRST_LOOK)

    @given(st.data())
    def test_a_busy_queue_is_given_an_hour_but_not_beyond_the_row_s_end(
        self, data: st.DataObject
    ) -> None:
        hint = data.draw(watch_hints())
        at = hint.at + data.draw(spans)
        row = data.draw(rows(around=at))

        result = look(hint, row, at=at, is_queue_busy=True)

        patience = BUSY_PATIENCE if at < row.ends_at else FIRST_LOOK
        assert (result.send_at == at) == (at - row.due_at >= patience)

    @given(st.data())
    def test_no_look_comes_long_after_what_is_overdue_could_be_sent(
        self, data: st.DataObject
    ) -> None:
        """So that a lost message costs minutes, or an hour where the queue is busy."""
        hint = data.draw(watch_hints())
        at = hint.at + data.draw(spans)
        row = data.draw(rows(around=at))
        is_busy = data.draw(st.booleans())

        result = look(hint, row, at=at, is_queue_busy=is_busy)

        if result.send_at is None and result.next_hint is not None:
            late = result.next_hint.at - max(row.due_at, at)
            assert late <= (BUSY_PATIENCE if is_busy else FIRST_LOOK) + WRITTEN_AHEAD + MINUTE

    @given(st.data())
    def test_a_look_comes_soon_after_the_row_s_end(self, data: st.DataObject) -> None:
        hint = data.draw(watch_hints())
        at = hint.at + data.draw(spans)
        row = data.draw(rows(around=at))

        result = look(hint, row, at=at, is_queue_busy=data.draw(st.booleans()))

        assert result.next_hint is not None
        if at < row.ends_at + FIRST_LOOK - WRITTEN_AHEAD:
            assert result.next_hint.at <= row.ends_at + FIRST_LOOK + MINUTE

    def test_looks_at_what_stays_overdue_double_up_to_a_cap(self) -> None:
        hint, waits = a_watch(), []

        for _ in range(12):
            result = look(hint, due(NOON - FIRST_LOOK), at=hint.at, is_queue_busy=False)
            assert result.next_hint is not None
            waits.append((result.next_hint.at - hint.at) // MINUTE)
            hint = result.next_hint

        cap = LOOKS_APART_MAX // MINUTE
        assert waits == [4 + 1, 8 + 1, 16 + 1, 32 + 1, 64 + 1, 128 + 1, 256 + 1, *[cap + 1] * 5]
        assert hint.looks == 12

    @given(st.data())
    def test_two_watches_over_a_row_that_is_in_order_become_one(self, data: st.DataObject) -> None:
        """A sweep that is cut short and done again would else multiply them."""
        identifier, due_at = data.draw(ids), data.draw(moments)
        latest = due_at + FIRST_LOOK - WRITTEN_AHEAD
        times = [latest - data.draw(spans) for _ in range(2)]
        hints = [replace(watch(HintKind.JOB, TENANT, identifier, NOON), at=at) for at in times]

        one, other = (
            look(hint, due(due_at, ends_at=due_at), at=hint.at, is_queue_busy=False)
            for hint in hints
        )

        assert one == other
        assert one.next_hint is not None

    @pytest.mark.parametrize("seconds", [0, 30, 60, 110])
    def test_a_page_that_is_done_again_soon_gets_the_same_next_hints(self, seconds: int) -> None:
        hint, row = a_watch(), due(NOON - timedelta(hours=1))

        first = look(hint, row, at=NOON, is_queue_busy=False)
        again = look(hint, row, at=NOON + seconds * SECOND, is_queue_busy=False)

        assert again.next_hint == first.next_hint
        assert look_later(hint, NOON + seconds * SECOND) == look_later(hint, NOON)

    def test_a_sweep_that_is_far_behind_waits_from_now(self) -> None:
        late = NOON + timedelta(hours=3)

        result = look(a_watch(), due(NOON), at=late, is_queue_busy=False)

        assert result.next_hint is not None
        assert result.next_hint.at == late + timedelta(minutes=5)

    @given(hint=watch_hints(), late=spans)
    def test_what_cannot_be_read_is_looked_at_less_and_less_and_for_ever(
        self, hint: Hint, late: timedelta
    ) -> None:
        at = hint.at + late

        following = look_later(hint, at)

        assert following.minute > minute_of(at)
        assert following.at - at <= LOOKS_APART_MAX + MINUTE
        assert following.looks == hint.looks + 1
        assert following.purpose is hint.purpose


class TestWakes:
    @given(st.data())
    def test_a_wake_sends_what_is_due_by_then_and_leaves_no_hint(self, data: st.DataObject) -> None:
        now, until_due = data.draw(moments), data.draw(spans)
        hint = wake(HintKind.JOB, TENANT, data.draw(ids), due=now + until_due, now=now)
        at = begin_of(hint.minute) + data.draw(st.integers(0, 120)) * SECOND

        result = look(hint, due(now + until_due), at=at, is_queue_busy=True)

        assert result.next_hint is None
        assert result.send_at == max(at, hint.at)
        assert result.send_at - at < 2 * MINUTE < MESSAGE_WAIT_MAX

    def test_a_job_that_was_parked_anew_is_left_to_its_newer_hint(self) -> None:
        hint = wake(HintKind.JOB, TENANT, a_job_id(), due=NOON, now=NOON)

        result = look(hint, due(NOON + timedelta(hours=1)), at=hint.at, is_queue_busy=False)

        assert result.send_at is None
        assert result.next_hint is None

    def test_a_job_that_was_claimed_since_is_left_to_whoever_holds_it(self) -> None:
        hint = wake(HintKind.JOB, TENANT, a_job_id(), due=NOON, now=NOON)
        held = Watched.job(a_job().claimed(hint.at, LEASE_MARGIN))

        assert look(hint, held, at=hint.at, is_queue_busy=False).send_at is None


class TestWhatALookSees:
    def test_a_queued_job_is_due_from_its_submission(self) -> None:
        job = a_job()

        assert Watched.job(job) == Watched(due_at=NOON, ends_at=job.deadline)

    def test_a_held_job_is_due_when_its_lease_ends(self) -> None:
        held = a_job().claimed(NOON, LEASE_MARGIN)

        assert Watched.job(held).due_at == held.lease_until

    def test_a_lease_that_outlasts_the_deadline_is_waited_for(self) -> None:
        held = a_job(deadline=NOON + SECOND).claimed(NOON, LEASE_MARGIN)

        seen = Watched.job(held)

        assert seen.due_at == seen.ends_at == held.lease_until

    @pytest.mark.parametrize("hours", [1, 48])
    def test_a_waiting_job_is_due_when_it_is_ready_or_has_run_out_of_time(self, hours: int) -> None:
        ready_at = NOON + timedelta(hours=hours)
        waiting = (
            a_job()
            .claimed(NOON, LEASE_MARGIN)
            .released(
                NOON, ready_at=ready_at, reason=StatusReason.RETRYING, error=SOME_ERROR, attempts=1
            )
        )

        seen = Watched.job(waiting)

        assert seen == Watched(due_at=min(ready_at, waiting.deadline), ends_at=waiting.deadline)

    def test_a_delivery_is_due_at_its_next_attempt_or_when_its_lease_ends(self) -> None:
        waiting = a_delivery(next_attempt_at=NOON + timedelta(hours=1))
        held = a_delivery().claimed(NOON, timedelta(seconds=30))

        assert Watched.delivery(waiting).due_at == NOON + timedelta(hours=1)
        assert Watched.delivery(held).due_at == NOON + timedelta(seconds=30)
        assert Watched.delivery(waiting).ends_at == waiting.purge_at

    def test_the_hint_of_a_watch_names_the_row_and_goes_by_its_own_purpose(self) -> None:
        hint = watch(HintKind.JOB, TENANT, a_job_id(), NOON)

        assert (hint.owner, hint.id) == (TENANT, a_job_id())
        assert (hint.purpose, hint.looks) == (Purpose.WATCH, 0)
