"""How an endpoint fares is noted after each attempt, and what follows from it."""

from datetime import timedelta
from typing import Any

import pytest

from relay.domain.event import Event, endpoint_disabled
from relay.domain.job import Callback
from relay.domain.recovery import RECOVERIES_APART
from relay.domain.webhook_endpoint import (
    DISABLED_AFTER,
    DisabledReason,
    WebhookEndpoint,
)
from relay.domain.webhook_exchange import WebhookAnswer, WebhookRequest
from relay.domain.wheel import Hint, HintKind, Purpose, begin_of
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT, an_endpoint, an_endpoint_id
from tests.fakes.meanwhile import Meanwhile
from tests.fakes.trouble import Crash, Trouble
from tests.fakes.webhook_sender import answered
from tests.unit.functions.deliverer_on_fakes import Deliverer
from tests.unit.functions.endpoint_deliveries import ToEndpoint, slowly

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
GONE = answered(410)
NO = answered(500)
YES = answered(200)


def registered(**state: Any) -> WebhookEndpoint:
    return an_endpoint(event_types=("*",), **state)


def told(deliverer: Deliverer) -> list[Event]:
    """Return the events that wait to be told, as their own outbox."""
    names = [(event.tenant_id, event.id) for event in deliverer.events.all()]
    waiting = deliverer.events.unpublished(names)
    return [event for event in deliverer.events.all() if event.id in waiting]


def hints(deliverer: Deliverer, kind: HintKind) -> list[Hint]:
    return [hint for hint in deliverer.wheel.all() if hint.kind is kind]


class TestDisabling:
    def test_a_410_disables_it_and_its_owner_is_told(self) -> None:
        deliverer = ToEndpoint(GONE)
        deliverer.tell()

        assert deliverer.run() == []

        assert deliverer.status == "exhausted"
        assert deliverer.endpoint.disabled_reason is DisabledReason.GONE
        (event,) = told(deliverer)
        assert (event.type, event.tenant_id) == ("webhook_endpoint.disabled", TENANT)
        assert event.data["disabled_reason"] == "gone"
        (hint,) = hints(deliverer, HintKind.EVENT)
        assert (hint.purpose, hint.owner, hint.id) == (Purpose.WATCH, TENANT, event.id)

    def test_a_hundred_410s_tell_it_once(self) -> None:
        deliverer = ToEndpoint(GONE)
        for _ in range(100):
            deliverer.tell()

        deliverer.run_to_the_end()

        assert len(told(deliverer)) == 1
        assert deliverer.endpoint.version == 2
        assert {it.status for it in deliverer.deliveries.all()} == {"exhausted", "cancelled"}

    def test_two_410s_at_the_same_moment_tell_it_once(self) -> None:
        meanwhile = Meanwhile("endpoints.save")
        deliverer = ToEndpoint(GONE, seam=meanwhile)
        deliverer.tell()
        before = deliverer.endpoint
        other = before.heard(GONE, NOON - SECOND)
        event = endpoint_disabled(other, NOON - SECOND)
        meanwhile.act = lambda: deliverer.endpoints.save(before, other, told_by=event)

        deliverer.run()

        assert told(deliverer) == [event]
        assert deliverer.endpoint.version == 2

    def test_the_event_is_watched_over_before_it_is_there(self) -> None:
        deliverer = ToEndpoint(GONE, seam=Trouble("endpoints.save", Crash()))
        deliverer.tell()

        with pytest.raises(BaseExceptionGroup):
            deliverer.run()

        assert deliverer.endpoint.is_enabled
        assert told(deliverer) == []
        assert len(hints(deliverer, HintKind.EVENT)) == 1

    def test_a_410_of_a_callback_ends_its_delivery_and_nothing_else(self) -> None:
        deliverer = ToEndpoint(GONE)
        deliverer.add(callback=Callback(url=deliverer.endpoint.url))

        deliverer.run()

        assert deliverer.status == "exhausted"
        assert deliverer.endpoint == registered()
        assert deliverer.events.all() == []

    def test_five_days_of_nothing_but_failure_disable_it_and_end_what_is_on_its_way(self) -> None:
        deliverer = ToEndpoint(NO, registered=registered(failing_since=NOON - DISABLED_AFTER))
        deliverer.tell()

        deliverer.run_to_the_end()

        assert deliverer.endpoint.disabled_reason is DisabledReason.FAILING
        (event,) = told(deliverer)
        assert event.data["failing_since"] == "2026-11-16T12:00:00.000Z"
        assert deliverer.status == "cancelled"
        assert len(deliverer.posts) == 1

    @pytest.mark.parametrize(
        ("answers", "disabled_on_day"), [([NO], 5), ([NO, NO, YES, NO], 8), ([NO, YES, NO], 7)]
    )
    def test_one_event_a_day_is_enough_to_find_out(
        self, answers: list[WebhookAnswer], disabled_on_day: int
    ) -> None:
        deliverer, day = ToEndpoint(*answers), 0
        while deliverer.endpoint.is_enabled and day < 20:
            deliverer.clock.at = NOON + day * DAY
            deliverer.tell()
            deliverer.run()
            deliverer.queue.messages.clear()
            day += 1

        assert day - 1 == disabled_on_day
        assert len(told(deliverer)) == 1

    def test_one_that_its_owner_disables_meanwhile_stays_so_for_his_reason(self) -> None:
        meanwhile = Meanwhile("endpoints.save")
        deliverer = ToEndpoint(GONE, seam=meanwhile)
        deliverer.tell()
        before = deliverer.endpoint
        disabled = before.disabled(DisabledReason.MANUAL)
        meanwhile.act = lambda: deliverer.endpoints.save(before, disabled)

        deliverer.run()

        assert deliverer.endpoint.disabled_reason is DisabledReason.MANUAL
        assert told(deliverer) == []

    @pytest.mark.parametrize("answer", [GONE, NO, slowly(200)])
    def test_what_an_address_answers_that_is_changed_meanwhile_says_nothing_of_the_new(
        self, answer: WebhookAnswer
    ) -> None:
        """A 410 of the old address, on its way during the change, disabled the new one."""
        deliverer = ToEndpoint()
        deliverer.tell()

        def change(_: WebhookRequest) -> WebhookAnswer:
            deliverer.change(url="https://new.example.com/hooks")
            return answer

        deliverer.sender.script = change
        deliverer.run()

        assert deliverer.endpoint == registered(url="https://new.example.com/hooks", version=2)


class TestNoting:
    def test_an_endpoint_that_is_well_costs_no_write(self) -> None:
        deliverer = ToEndpoint(seam=Trouble("endpoints.save"))
        for _ in range(10):
            deliverer.tell()

        assert deliverer.run() == []

        assert deliverer.endpoint.version == 1
        assert {line["outcome"] for line in deliverer.log.lines} == {"delivered"}
        assert "error_type" not in deliverer.log.text

    def test_failing_and_failing_again_costs_one_write(self) -> None:
        deliverer = ToEndpoint(NO)
        deliverer.tell()

        deliverer.run_to_the_end()

        assert deliverer.endpoint.failing_since == deliverer.posted_at[0]
        assert deliverer.endpoint.version == 2

    def test_a_slow_answer_flags_it(self) -> None:
        deliverer = ToEndpoint(slowly(200))
        deliverer.tell()

        deliverer.run()

        assert deliverer.status == "delivered"
        assert deliverer.endpoint == registered(slow_since=NOON, version=2)

    def test_whoever_changes_it_at_this_moment_changes_nothing_of_how_it_fares(self) -> None:
        meanwhile = Meanwhile("endpoints.save")
        deliverer = ToEndpoint(NO, seam=meanwhile)
        deliverer.tell()
        meanwhile.act = lambda: deliverer.change(description="ours")

        deliverer.run()

        assert deliverer.endpoint == registered(description="ours", failing_since=NOON, version=3)

    def test_where_it_never_stays_the_same_the_next_attempt_will_note_it(self) -> None:
        meanwhile = Meanwhile("endpoints.save", times=99)
        deliverer = ToEndpoint(NO, seam=meanwhile)
        deliverer.tell()
        meanwhile.act = lambda: deliverer.change(description="ours")

        assert len(deliverer.run()) == 1

        assert deliverer.endpoint.failing_since is None
        assert deliverer.log.lines[-1]["outcome"] == "retried"

    def test_one_that_is_deleted_at_this_moment_is_gone(self) -> None:
        meanwhile = Meanwhile("endpoints.save")
        deliverer = ToEndpoint(GONE, seam=meanwhile)
        deliverer.tell()
        meanwhile.act = deliverer.remove

        assert deliverer.run() == []

        assert deliverer.endpoints.all() == []
        assert told(deliverer) == []
        assert deliverer.status == "exhausted"

    @pytest.mark.parametrize("call", ["wheel.put", "endpoints.save"])
    def test_where_aws_does_not_take_it_the_delivery_stays_what_it_became(self, call: str) -> None:
        deliverer = ToEndpoint(GONE, seam=Trouble(call))
        deliverer.tell()

        assert deliverer.run() == []

        assert deliverer.status == "exhausted"
        assert len(deliverer.posts) == 1
        assert deliverer.endpoint.is_enabled
        (line,) = deliverer.log.lines
        assert (line["outcome"], line["error_type"]) == ("exhausted", "UnavailableError")

    def test_what_could_not_be_noted_is_at_the_next_attempt(self) -> None:
        deliverer = ToEndpoint(NO, NO, YES, seam=Trouble("endpoints.save", times=1))
        deliverer.tell()

        assert len(deliverer.run()) == 1
        assert deliverer.endpoint.failing_since is None
        deliverer.clock.at += 5 * SECOND
        deliverer.run()

        assert deliverer.endpoint.failing_since == NOON + 5 * SECOND
        assert len(deliverer.delivery.attempts) == 2

    def test_a_crash_in_the_middle_posts_nothing_twice(self) -> None:
        deliverer = ToEndpoint(slowly(200), seam=Trouble("endpoints.save", Crash(), times=1))
        deliverer.tell()

        with pytest.raises(BaseExceptionGroup):
            deliverer.run()
        deliverer.run_to_the_end()

        assert deliverer.status == "delivered"
        assert len(deliverer.posts) == 1


class TestHealing:
    @pytest.mark.parametrize(
        "trouble",
        [{"slow_since": NOON - MINUTE}, {"failing_since": NOON - 2 * DAY, "turn_at": NOON}],
    )
    def test_one_that_is_well_again_gets_what_it_missed_by_a_recovery(
        self, trouble: dict[str, Any]
    ) -> None:
        deliverer = ToEndpoint(registered=registered(**trouble))
        deliverer.tell()

        deliverer.run()

        assert deliverer.endpoint.troubled_since is None
        (recovery,) = deliverer.recoveries.all()
        assert (recovery.endpoint_id, recovery.tenant_id) == (an_endpoint_id(), TENANT)
        assert recovery.since <= min(trouble.values())
        assert recovery.until == recovery.due_at == NOON
        found = hints(deliverer, HintKind.RECOVERY)
        assert {(it.owner, it.id) for it in found} == {(an_endpoint_id(), recovery.id)}
        assert {it.purpose for it in found} == {Purpose.WATCH, Purpose.WAKE}
        assert begin_of(min(it.minute for it in found)) <= NOON + MINUTE

    def test_the_events_whose_delivery_showed_the_trouble_are_recovered_too(self) -> None:
        """They had happened before; of a burst all but the first waited hours for their turns."""
        deliverer = ToEndpoint(slowly(200), YES)
        burst = [deliverer.tell() for _ in range(20)]
        deliverer.clock.at = NOON + 7 * SECOND

        deliverer.run_to_the_end()

        recovery = deliverer.recoveries.all()[0]
        assert all(recovery.since <= it.occurred_at < recovery.until for it in burst)

    def test_one_that_heals_over_and_over_is_recovered_once_in_a_while(self) -> None:
        """Each recovery walks through an hour of the tenant's events at least."""
        deliverer = ToEndpoint(*[slowly(200), YES] * 5)
        told = []
        for _ in range(10):
            deliverer.clock.at += 10 * SECOND
            told.append(deliverer.tell())
            deliverer.run()

        assert len(deliverer.posts) == 10
        (recovery,) = deliverer.recoveries.all()
        assert all(recovery.since <= it.occurred_at < recovery.until for it in told)
        assert recovery.due_at == recovery.until == NOON + RECOVERIES_APART

    def test_one_that_had_not_failed_for_long_needs_none(self) -> None:
        deliverer = ToEndpoint(registered=registered(failing_since=NOON - MINUTE))
        deliverer.tell()

        deliverer.run()

        assert deliverer.endpoint.failing_since is None
        assert deliverer.recoveries.all() == []

    @pytest.mark.parametrize("call", ["recoveries.create", "endpoints.save"])
    def test_its_hint_comes_first_so_that_a_crash_loses_none(self, call: str) -> None:
        troubled = registered(slow_since=NOON - MINUTE)
        deliverer = ToEndpoint(seam=Trouble(call, Crash(), times=1), registered=troubled)
        deliverer.tell()

        with pytest.raises(BaseExceptionGroup):
            deliverer.run()

        assert len(hints(deliverer, HintKind.RECOVERY)) == 2
        assert deliverer.endpoint.slow_since == NOON - MINUTE
        deliverer.tell()
        deliverer.run_to_the_end()
        assert deliverer.endpoint.slow_since is None
        assert deliverer.recoveries.all()

    def test_where_it_cannot_be_kept_the_endpoint_has_not_healed_yet(self) -> None:
        troubled = registered(slow_since=NOON - MINUTE)
        deliverer = ToEndpoint(seam=Trouble("recoveries.create", times=1), registered=troubled)
        deliverer.tell()

        assert deliverer.run() == []

        assert deliverer.status == "delivered"
        assert deliverer.endpoint.slow_since == NOON - MINUTE
