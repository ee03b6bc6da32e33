"""``GET /v1/deliveries`` and ``GET /v1/deliveries/{id}``."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from functions.api.list_deliveries import MADE_WITHIN
from relay.domain.cursor import to_cursor
from relay.domain.delivering import delivery_of
from relay.domain.delivery import ATTEMPTS_KEPT, Delivery, delivery_id
from relay.domain.ids import DeliveryId, EventId, ulid
from relay.domain.job_list import EXAMINED_MAX, LIMIT_MAX
from relay.domain.moments import to_iso
from relay.domain.webhook_exchange import RESPONSE_HEAD_CHARACTERS_MAX, WebhookAnswer
from tests.fakes.clock import NOON
from tests.fakes.examples import (
    OTHER_TENANT,
    a_delivery,
    a_delivery_to,
    an_endpoint,
    an_endpoint_id,
    an_event,
)
from tests.fakes.trouble import Trouble
from tests.unit.functions.api_on_fakes import Api, HttpAnswer
from tests.unit.functions.webhooks_asking import ask

LIST = "GET /v1/deliveries"
GET = "GET /v1/deliveries/{delivery_id}"
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
LAMBDA_ANSWER_BYTES_MAX = 6 * 1024 * 1024  # as it is returned: text within text
ENDPOINT, OTHER_ENDPOINT = an_endpoint(), an_endpoint(id=an_endpoint_id(2))


def api_with(*deliveries: Delivery) -> Api:
    api = Api()
    for delivery in deliveries:
        api.deliveries.create(delivery)
    return api


def listed(api: Api, **query: str | int) -> HttpAnswer:
    return ask(api, LIST, query=query)


def ids(answer: HttpAnswer) -> list[str]:
    assert answer.status == 200, answer.text
    return [it["id"] for it in answer.json["data"]]


def of_event_at(at: datetime, number: int = 1, *, made_at: datetime | None = None) -> Delivery:
    """Return what is sent to the endpoint of an event that happened at a moment."""
    event_id = EventId(f"evt_{ulid(at, number.to_bytes(10))}")
    event = replace(an_event(), id=event_id, occurred_at=at)
    return delivery_of(event, ENDPOINT, made_at or at)


class TestReading:
    def test_a_delivery_is_shown_with_every_attempt(self) -> None:
        answer = WebhookAnswer(
            status_code=503,
            failure=None,
            retry_after=None,
            response_head="busy",
            duration=timedelta(milliseconds=412),
        )
        delivery = a_delivery_to(ENDPOINT).attempted(answer, at=NOON + SECOND, chance=0.5)
        api = api_with(delivery)

        found = ask(api, GET, delivery.id)

        assert found.status == 200
        assert found.json == {
            "id": delivery.id,
            "object": "delivery",
            "event_id": delivery.event_id,
            "event_type": "job.completed",
            "endpoint_id": ENDPOINT.id,
            "url": ENDPOINT.url,
            "status": "pending",
            "next_attempt_at": to_iso(delivery.next_attempt_at),
            "created_at": to_iso(NOON),
            "finished_at": None,
            "attempts": [
                {
                    "number": 1,
                    "at": to_iso(NOON + SECOND - answer.duration),
                    "duration_ms": 412,
                    "status_code": 503,
                    "outcome": "retry",
                    "reason": "server answered 503",
                    "response_head": "busy",
                }
            ],
        }

    def test_one_to_a_callback_has_no_endpoint_and_one_that_has_ended_no_next_attempt(
        self,
    ) -> None:
        delivery = a_delivery().cancelled(NOON + SECOND)

        found = ask(api_with(delivery), GET, delivery.id).json

        assert (found["endpoint_id"], found["next_attempt_at"]) == (None, None)
        assert (found["status"], found["finished_at"]) == ("cancelled", to_iso(NOON + SECOND))

    @pytest.mark.parametrize("identifier", ["dlv_x", a_delivery().id, "evt_" + "0" * 26])
    def test_one_that_is_not_there_is_404(self, identifier: str) -> None:
        assert ask(Api(), GET, identifier).status == 404

    def test_one_whose_time_is_over_is_404_and_in_no_list(self) -> None:
        delivery = a_delivery(purge_at=NOON + SECOND)
        api = api_with(delivery)
        api.clock.at += SECOND

        assert ask(api, GET, delivery.id).status == 404
        assert ids(listed(api)) == []


class TestLists:
    def test_the_newest_come_first_page_by_page(self) -> None:
        made = [a_delivery_to(ENDPOINT, number) for number in range(5)]
        api = api_with(*made)

        first = listed(api, limit=3)
        rest = listed(api, limit=3, cursor=first.json["next_cursor"])

        assert ids(first) + ids(rest) == [it.id for it in reversed(made)]
        assert (first.json["has_more"], rest.json["has_more"]) == (True, False)
        assert rest.json["next_cursor"] is None

    def test_the_largest_page_fits_into_an_answer(self) -> None:
        answer = WebhookAnswer(
            status_code=503,
            failure=None,
            retry_after=None,
            response_head="語" * RESPONSE_HEAD_CHARACTERS_MAX,
            duration=SECOND,
        )
        attempt = a_delivery().attempted(answer, at=NOON, chance=0.5).attempts[0]
        largest = {"attempts": (attempt,) * ATTEMPTS_KEPT}
        api = api_with(*(a_delivery_to(ENDPOINT, it, **largest) for it in range(LIMIT_MAX)))

        page = listed(api, limit=LIMIT_MAX)

        assert len(page.json["data"]) == LIMIT_MAX
        assert len(page.text.encode()) < LAMBDA_ANSWER_BYTES_MAX
        assert len(ids(page)) == LIMIT_MAX

    def test_they_are_found_by_endpoint_status_and_type(self) -> None:
        there = a_delivery_to(ENDPOINT, 1)
        other = a_delivery_to(OTHER_ENDPOINT, 2, event_type="job.failed").cancelled(NOON)
        callback = a_delivery(id=DeliveryId("dlv_" + ulid(NOON, bytes(10))))
        api = api_with(there, other, callback)

        assert ids(listed(api, endpoint_id=ENDPOINT.id)) == [there.id]
        assert ids(listed(api, endpoint_id=an_endpoint_id(9))) == []
        assert ids(listed(api, status="cancelled")) == [other.id]
        assert ids(listed(api, status="cancelled, pending")) == [other.id, there.id, callback.id]
        assert ids(listed(api, event_type="job.failed")) == [other.id]
        assert ids(listed(api, event_type="job.*", status="pending")) == [there.id, callback.id]
        assert ids(listed(api, event_type="batch.completed")) == []

    def test_those_of_an_event_are_found_among_those_of_other_moments_and_the_same_one(
        self,
    ) -> None:
        event = an_event()
        wanted = [delivery_of(event, it, NOON) for it in (ENDPOINT, OTHER_ENDPOINT)]
        at = event.occurred_at
        others = [of_event_at(at + n * timedelta(milliseconds=1)) for n in (-1, 0, 1)]
        api = api_with(*wanted, *others)

        found = ids(listed(api, event_id=event.id))

        assert sorted(found) == sorted(it.id for it in wanted)
        assert ids(listed(api, event_id=event.id, endpoint_id=ENDPOINT.id)) == [wanted[0].id]

    def test_a_cursor_goes_on_among_those_of_one_event(self) -> None:
        event = an_event()
        wanted = [delivery_of(event, it, NOON) for it in (ENDPOINT, OTHER_ENDPOINT)]
        api = api_with(*wanted)

        first = listed(api, event_id=event.id, limit=1)
        rest = listed(api, event_id=event.id, limit=1, cursor=first.json["next_cursor"])

        assert sorted(ids(first) + ids(rest)) == sorted(it.id for it in wanted)

    @pytest.mark.parametrize("lag", [timedelta(0), SECOND, MADE_WITHIN])
    def test_they_are_found_by_when_they_were_made(self, lag: timedelta) -> None:
        made = [of_event_at(NOON + n * SECOND - lag, made_at=NOON + n * SECOND) for n in range(3)]
        api = api_with(*made)

        assert ids(listed(api, created_after=to_iso(NOON + SECOND))) == [made[2].id, made[1].id]
        assert ids(listed(api, created_after="1970-01-01T00:00:00Z")) == [
            it.id for it in reversed(made)
        ]

    def test_one_made_long_after_its_event_is_found_by_endpoint_or_event(self) -> None:
        late = of_event_at(NOON - 100 * HOUR, made_at=NOON)
        api = api_with(late, of_event_at(NOON))
        after = to_iso(NOON - SECOND)

        assert late.id not in ids(listed(api, created_after=after))
        assert late.id in ids(listed(api, created_after=after, endpoint_id=ENDPOINT.id))
        assert late.id in ids(listed(api, created_after=after, event_id=late.event_id))

    def test_a_rare_filter_costs_a_bounded_read_and_the_page_says_that_there_is_more(self) -> None:
        rare = a_delivery_to(ENDPOINT, 0).cancelled(NOON)
        api = api_with(rare, *(a_delivery_to(ENDPOINT, n) for n in range(1, EXAMINED_MAX + 5)))

        first = listed(api, status="cancelled")
        second = listed(api, status="cancelled", cursor=first.json["next_cursor"])

        assert (ids(first), first.json["has_more"]) == ([], True)
        assert (ids(second), second.json["has_more"]) == ([rare.id], False)

    def test_another_tenant_s_are_never_listed(self) -> None:
        theirs = a_delivery_to(replace(ENDPOINT, tenant_id=OTHER_TENANT))
        api = api_with(theirs)

        for query in ({}, {"endpoint_id": ENDPOINT.id}, {"event_id": theirs.event_id}):
            assert ids(listed(api, **query)) == []
        assert ask(api, LIST, tenant_id=OTHER_TENANT).json["data"]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("endpoint_id", "we_1"),
            ("endpoint_id", a_delivery().target_id),
            ("event_id", "evt_1"),
            ("event_id", "evt_7" + "Z" * 25),
            ("event_type", "job"),
            ("status", "failed"),
            ("created_after", "yesterday"),
            ("limit", "0"),
            ("cursor", "x"),
            ("cursor", to_cursor(an_endpoint_id())),
            ("target_id", "x"),
        ],
    )
    def test_what_cannot_be_right_is_422_and_the_pointer_says_where(
        self, name: str, value: str
    ) -> None:
        answer = listed(Api(), **{name: value})

        assert (answer.status, answer.problem["code"]) == (422, "invalid_request")
        assert [error["pointer"] for error in answer.problem["errors"]] == [f"#/query/{name}"]

    def test_an_outage_while_reading_is_503(self) -> None:
        assert ask(Api(Trouble("deliveries.list")), LIST).status == 503


def test_a_key_for_jobs_sees_no_deliveries() -> None:
    for route in (LIST, GET):
        answer = ask(Api(), route, a_delivery().id, scopes="jobs:read webhooks:write")

        assert (answer.status, answer.problem["code"]) == (403, "missing_scope")


def test_deliveries_of_one_event_have_ids_of_its_moment() -> None:
    """What the list by event is read by."""
    event = an_event()

    one = delivery_id(event.id, ENDPOINT.id, event.occurred_at)

    assert one[4:14] == event.id[4:14]
