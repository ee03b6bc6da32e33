"""How an endpoint fares, and what follows from that."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.backoff import WEBHOOK_SCHEDULE
from relay.domain.delivery import DELIVERY_LEASE
from relay.domain.secret_versions import OVERLAP
from relay.domain.webhook_endpoint import (
    DISABLED_AFTER,
    FAILING_TURNS_APART,
    PACED_AFTER,
    SLOW,
    TURN_PATIENCE,
    TURNS_APART,
    DisabledReason,
    EndpointStatus,
    WebhookEndpoint,
)
from relay.domain.webhook_exchange import WebhookAnswer, WebhookFailure
from tests.fakes.clock import NOON
from tests.fakes.examples import an_endpoint
from tests.fakes.strategies import endpoints, moments
from tests.fakes.webhook_sender import answered, unanswered

EARLIER = NOON - timedelta(minutes=3)
MILLISECOND = timedelta(milliseconds=1)
YES = answered(200)
NO = answered(500)
GONE = answered(410)
FARES_WELL = {"failing_since": None, "slow_since": None, "turn_at": None}
POST_TAKES_AT_MOST = timedelta(seconds=15)
"""The sender's time-out."""

answers = st.builds(
    WebhookAnswer,
    status_code=st.integers(100, 599),
    failure=st.none(),
    retry_after=st.none(),
    response_head=st.just(""),
    duration=st.sampled_from([timedelta(0), SLOW - MILLISECOND, SLOW, POST_TAKES_AT_MOST]),
) | st.sampled_from(WebhookFailure).map(unanswered)
troubled = st.none() | st.sampled_from([EARLIER, NOON - PACED_AFTER, NOON - DISABLED_AFTER])


def slowly(answer: WebhookAnswer) -> WebhookAnswer:
    return replace(answer, duration=SLOW)


def fares(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {name: getattr(endpoint, name) for name in FARES_WELL}


@pytest.mark.parametrize(
    ("before", "answer", "after"),
    [
        pytest.param({}, NO, {"failing_since": NOON}, id="its first failure"),
        pytest.param({}, unanswered(), {"failing_since": NOON}, id="no answer at all"),
        pytest.param({}, answered(302), {"failing_since": NOON}, id="a redirect"),
        pytest.param({}, answered(199), {"failing_since": NOON}, id="just below success"),
        pytest.param({}, answered(300), {"failing_since": NOON}, id="just above success"),
        pytest.param({}, slowly(YES), {"slow_since": NOON}, id="a slow success"),
        pytest.param(
            {}, slowly(NO), {"failing_since": NOON, "slow_since": NOON}, id="a slow failure"
        ),
        pytest.param({"failing_since": EARLIER}, YES, {}, id="a success after failures"),
        pytest.param({"slow_since": EARLIER}, YES, {}, id="a quick success after slow ones"),
        pytest.param(
            {"failing_since": EARLIER}, slowly(YES), {"slow_since": NOON}, id="well, but slow now"
        ),
        pytest.param(
            {"slow_since": EARLIER},
            NO,
            {"slow_since": EARLIER, "failing_since": NOON},
            id="a quick failure does not make it quick",
        ),
        pytest.param({"turn_at": NOON}, YES, {}, id="turns that nobody has to take any more"),
        pytest.param(
            {"slow_since": EARLIER, "turn_at": NOON},
            NO,
            {"slow_since": EARLIER, "failing_since": NOON, "turn_at": NOON},
            id="turns go on while it is slow",
        ),
    ],
)
def test_each_answer_that_changes_how_it_fares_is_its_next_version(
    before: dict[str, Any], answer: WebhookAnswer, after: dict[str, Any]
) -> None:
    endpoint = an_endpoint(**before)

    heard = endpoint.heard(answer, NOON)

    assert fares(heard) == FARES_WELL | after
    assert heard == replace(endpoint, version=2, **fares(heard))


@pytest.mark.parametrize(
    ("before", "answer"),
    [
        pytest.param({}, YES, id="well and well again"),
        pytest.param({"failing_since": EARLIER}, NO, id="failing and failing again"),
        pytest.param({"slow_since": EARLIER}, slowly(YES), id="slow and slow again"),
        pytest.param(
            {"slow_since": EARLIER, "failing_since": EARLIER}, slowly(NO), id="both, and both again"
        ),
        pytest.param(
            {"status": EndpointStatus.DISABLED, "disabled_reason": DisabledReason.MANUAL},
            GONE,
            id="disabled already",
        ),
    ],
)
def test_what_changes_nothing_is_the_endpoint_itself(
    before: dict[str, Any], answer: WebhookAnswer
) -> None:
    endpoint = an_endpoint(**before)

    assert endpoint.heard(answer, NOON) is endpoint


def test_a_410_disables_it_at_once() -> None:
    heard = an_endpoint().heard(GONE, NOON)

    assert (heard.status, heard.disabled_reason) == (EndpointStatus.DISABLED, DisabledReason.GONE)
    assert heard.version == 2


@pytest.mark.parametrize("failed_for", [timedelta(0), DISABLED_AFTER - MILLISECOND])
def test_less_than_five_days_of_nothing_but_failure_disable_nothing(failed_for: timedelta) -> None:
    endpoint = an_endpoint(failing_since=NOON - failed_for)

    assert endpoint.heard(NO, NOON).is_enabled


@pytest.mark.parametrize("failed_for", [DISABLED_AFTER, 3 * DISABLED_AFTER])
@pytest.mark.parametrize("answer", [NO, slowly(NO), unanswered()])
def test_five_days_of_nothing_but_failure_disable_it(
    failed_for: timedelta, answer: WebhookAnswer
) -> None:
    endpoint = an_endpoint(failing_since=NOON - failed_for)

    heard = endpoint.heard(answer, NOON)

    assert heard.disabled_reason is DisabledReason.FAILING
    assert heard.failing_since == endpoint.failing_since


def after_days(*answers: tuple[float, WebhookAnswer]) -> WebhookEndpoint:
    endpoint = an_endpoint()
    for day, answer in answers:
        endpoint = endpoint.heard(answer, NOON + timedelta(days=day))
    return endpoint


@pytest.mark.parametrize(
    ("heard", "is_enabled"),
    [
        pytest.param([(0, NO), (2.5, NO), (4.99, NO)], True, id="not yet"),
        pytest.param([(0, NO), (5, NO)], False, id="two failures in five days"),
        pytest.param([(0, NO), (40, NO)], False, id="two failures in forty days"),
        pytest.param([(0, NO), (2, YES), (5, NO), (6.9, NO)], True, id="a success in between"),
        pytest.param([(0, NO), (2, slowly(YES)), (5, NO), (9, NO)], True, id="a slow success"),
        pytest.param([(0, NO), (2, YES), (3, NO), (8, NO)], False, id="five days since a success"),
        pytest.param([(0, NO)], True, id="one failure, however long ago"),
        pytest.param([(0, slowly(YES)), (9, slowly(YES))], True, id="slow for ever"),
    ],
)
def test_only_failures_and_nothing_but_failures_count_however_rare_deliveries_are(
    heard: Sequence[tuple[float, WebhookAnswer]],
    is_enabled: bool,  # noqa: FBT001 - pytest passes it
) -> None:
    assert after_days(*heard).is_enabled is is_enabled


@pytest.mark.parametrize(
    ("state", "is_paced"),
    [
        ({}, False),
        ({"slow_since": NOON}, True),
        ({"failing_since": NOON - PACED_AFTER}, True),
        ({"failing_since": NOON - PACED_AFTER + MILLISECOND}, False),
        ({"turn_at": NOON}, False),
    ],
)
def test_it_is_paced_once_it_is_slow_or_has_failed_for_ten_minutes(
    state: dict[str, datetime],
    is_paced: bool,  # noqa: FBT001 - pytest passes it
) -> None:
    assert an_endpoint(**state).is_paced(NOON) is is_paced


@pytest.mark.parametrize(
    ("state", "apart"),
    [
        ({"slow_since": NOON}, TURNS_APART),
        ({"slow_since": NOON, "failing_since": EARLIER}, TURNS_APART),
        ({"failing_since": NOON - PACED_AFTER}, FAILING_TURNS_APART),
        ({"slow_since": NOON, "failing_since": NOON - PACED_AFTER}, FAILING_TURNS_APART),
    ],
)
def test_one_that_has_only_failed_for_a_while_is_asked_less_often(
    state: dict[str, datetime], apart: timedelta
) -> None:
    assert an_endpoint(**state).turns_apart(NOON) == apart


@pytest.mark.parametrize(
    ("turn_at", "next_free", "is_now"),
    [
        pytest.param(NOON, NOON + TURNS_APART, True, id="now"),
        pytest.param(NOON - TURN_PATIENCE, NOON + FAILING_TURNS_APART, True, id="a little late"),
        pytest.param(NOON - TURN_PATIENCE - MILLISECOND, NOON + TURNS_APART, False, id="late"),
        pytest.param(NOON + MILLISECOND, NOON + 2 * TURNS_APART, False, id="early"),
        pytest.param(None, NOON + TURNS_APART, False, id="none was reserved"),
        pytest.param(NOON, None, False, id="none is reserved any more"),
        pytest.param(NOON, NOON + TURNS_APART - MILLISECOND, False, id="turns have begun anew"),
    ],
)
def test_a_reserved_turn_is_good_for_a_moment_and_while_turns_go_on(
    turn_at: datetime | None,
    next_free: datetime | None,
    is_now: bool,  # noqa: FBT001 - pytest passes it
) -> None:
    assert an_endpoint(turn_at=next_free).is_turn(turn_at, NOON) is is_now


@pytest.mark.parametrize(
    ("before", "answer", "has_healed"),
    [
        pytest.param({"slow_since": EARLIER}, YES, True, id="slow, and quick now"),
        pytest.param({"failing_since": NOON - PACED_AFTER}, YES, True, id="failed, and well now"),
        pytest.param({"failing_since": EARLIER}, YES, False, id="it had not failed for long"),
        pytest.param({"failing_since": NOON - PACED_AFTER}, slowly(YES), False, id="slow now"),
        pytest.param({"slow_since": EARLIER}, NO, False, id="failing now"),
        pytest.param({"slow_since": EARLIER}, GONE, False, id="gone now"),
        pytest.param({}, YES, False, id="always well"),
    ],
)
def test_it_has_healed_when_its_deliveries_need_no_turns_any_more(
    before: dict[str, Any],
    answer: WebhookAnswer,
    has_healed: bool,  # noqa: FBT001 - pytest passes it
) -> None:
    endpoint = an_endpoint(**before)

    assert endpoint.heard(answer, NOON).has_healed_since(endpoint, NOON) is has_healed


def test_a_disabled_one_that_answers_its_test_well_has_healed_but_gets_nothing_yet() -> None:
    endpoint = an_endpoint(slow_since=EARLIER).disabled(DisabledReason.MANUAL)

    heard = endpoint.heard(YES, NOON)

    assert fares(heard) == FARES_WELL
    assert not heard.is_enabled
    assert not heard.has_healed_since(endpoint, NOON)


def test_its_trouble_began_with_the_first_of_what_troubles_it() -> None:
    both = an_endpoint(failing_since=NOON, slow_since=EARLIER)

    assert both.troubled_since == EARLIER
    assert an_endpoint(failing_since=NOON).troubled_since == NOON
    assert an_endpoint().troubled_since is None


def test_enabling_it_gives_it_a_clean_slate() -> None:
    failing = an_endpoint(failing_since=NOON - DISABLED_AFTER, slow_since=EARLIER, turn_at=NOON)
    disabled = failing.heard(NO, NOON)

    enabled = disabled.enabled()

    assert enabled == an_endpoint(version=3)
    assert enabled.heard(NO, NOON + timedelta(days=1)).is_enabled


def test_a_disabled_one_wants_nothing_whatever_it_has_chosen() -> None:
    endpoint = an_endpoint(event_types=("job.completed",))

    assert endpoint.wants("job.completed")
    assert not endpoint.wants("job.failed")
    assert not endpoint.disabled(DisabledReason.MANUAL).wants("job.completed")


def test_a_rotation_is_its_next_version_and_the_old_secret_signs_along() -> None:
    rotated = an_endpoint().rotated(NOON)

    assert rotated.version == 2
    assert rotated.secrets.active(NOON) == [2, 1]
    assert rotated.secrets.active(NOON + OVERLAP) == [2]


@pytest.mark.parametrize(
    "state",
    [{"status": EndpointStatus.DISABLED}, {"disabled_reason": DisabledReason.GONE}],
)
def test_a_state_that_nothing_leads_to_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=an_endpoint().id):
        an_endpoint(**state)


@given(endpoint=endpoints(), answer=answers, at=moments)
def test_the_version_rises_if_and_only_if_something_has_changed(
    endpoint: WebhookEndpoint, answer: WebhookAnswer, at: datetime
) -> None:
    heard = endpoint.heard(answer, at)

    is_changed = replace(heard, version=endpoint.version) != endpoint
    assert heard.version == endpoint.version + is_changed
    assert is_changed or heard is endpoint


@given(st.lists(answers, max_size=20), troubled, troubled)
def test_an_endpoint_that_is_well_never_causes_a_second_write(
    heard: Sequence[WebhookAnswer], failing_since: datetime | None, slow_since: datetime | None
) -> None:
    endpoint = an_endpoint(failing_since=failing_since, slow_since=slow_since)
    for answer in heard:
        endpoint = endpoint.heard(answer, NOON)
    well = endpoint.heard(YES, NOON)

    assert well.heard(YES, NOON + timedelta(days=99)) is well
    assert fares(well) == FARES_WELL


@given(st.lists(st.tuples(st.integers(0, 60 * 24 * 12), answers), max_size=30))
def test_without_a_410_it_is_disabled_by_a_failure_five_days_after_the_last_success_at_the_soonest(
    history: Sequence[tuple[int, WebhookAnswer]],
) -> None:
    endpoint, last_success = an_endpoint(), NOON
    for minutes, answer in sorted(history, key=lambda it: it[0]):
        at = NOON + timedelta(minutes=minutes)
        before, endpoint = endpoint, endpoint.heard(answer, at)
        is_success = answer.status_code is not None and 200 <= answer.status_code < 300
        last_success = at if is_success else last_success
        is_newly_disabled = before.is_enabled and not endpoint.is_enabled
        if is_newly_disabled and answer.status_code != 410:
            assert not is_success
            assert at - last_success >= DISABLED_AFTER
            assert endpoint.disabled_reason is DisabledReason.FAILING


def test_two_attempts_in_turn_never_meet_and_five_days_see_more_than_one_attempt() -> None:
    assert TURN_PATIENCE + POST_TAKES_AT_MOST < TURNS_APART < FAILING_TURNS_APART < PACED_AFTER
    assert TURNS_APART < DELIVERY_LEASE
    assert SLOW < POST_TAKES_AT_MOST
    assert WEBHOOK_SCHEDULE[1] < PACED_AFTER < DISABLED_AFTER
