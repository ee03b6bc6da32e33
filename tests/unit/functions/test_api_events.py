"""``GET /v1/events`` and ``GET /v1/events/{id}``."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from relay.domain.content import result_key
from relay.domain.event import Event, thin_envelope
from relay.domain.event_list import SETTLED_AFTER
from relay.domain.ids import EventId, ulid
from relay.domain.job import LEASE_MARGIN
from relay.domain.job_view import RESULT_BYTES_MAX
from relay.domain.moments import to_iso
from tests.fakes.clock import NOON
from tests.fakes.examples import (
    OTHER_TENANT,
    a_job,
    an_event,
    completed,
)
from tests.fakes.trouble import Trouble
from tests.unit.functions.api_on_fakes import Api, HttpAnswer
from tests.unit.functions.test_api_waiting import EventfulClock
from tests.unit.functions.webhooks_asking import a_told_event, ask

LIST = "GET /v1/events"
GET = "GET /v1/events/{event_id}"
SECOND = timedelta(seconds=1)


def event_at(seconds: float, **changes: object) -> Event:
    at = NOON + seconds * SECOND
    identifier = EventId(f"evt_{ulid(at, bytes([1]) * 10)}")
    changed: Event = replace(an_event(), id=identifier, occurred_at=at, **changes)  # type: ignore[arg-type]  # as named
    return changed


def api_with(*events: Event) -> Api:
    api = Api()
    api.events.put(events)
    api.clock.at += 60 * SECOND
    return api


def listed(api: Api, **query: str | int) -> HttpAnswer:
    return ask(api, LIST, query=query)


def ids(answer: HttpAnswer) -> list[str]:
    assert answer.status == 200, answer.text
    return [it["id"] for it in answer.json["data"]]


class TestLists:
    def test_the_oldest_come_first_as_thin_envelopes(self) -> None:
        events = [event_at(n) for n in range(5)]
        api = api_with(*reversed(events))

        first = listed(api, limit=3)
        rest = listed(api, limit=3, cursor=first.json["next_cursor"])

        assert first.json["data"] + rest.json["data"] == [
            json.loads(json.dumps(thin_envelope(it))) for it in events
        ]
        assert (first.json["has_more"], rest.json["has_more"]) == (True, False)

    def test_a_list_that_has_come_to_its_end_can_be_gone_on_with(self) -> None:
        api = api_with(event_at(0))
        first = listed(api)

        nothing = listed(api, cursor=first.json["next_cursor"])
        api.events.put([event_at(61)])
        then = listed(api, cursor=nothing.json["next_cursor"])

        assert (ids(nothing), nothing.json["has_more"]) == ([], False)
        assert ids(then) == [event_at(61).id]

    def test_an_event_that_appears_late_below_the_last_one_seen_is_not_missed(self) -> None:
        api = api_with(event_at(2))
        first = listed(api)
        api.events.put([event_at(1)])

        then = listed(api, cursor=first.json["next_cursor"])

        assert (ids(first), ids(then)) == ([event_at(2).id], [event_at(1).id])

    def test_a_list_without_events_has_no_cursor_to_go_on_by(self) -> None:
        answer = listed(Api())

        assert answer.json == {
            "object": "list",
            "data": [],
            "has_more": False,
            "next_cursor": None,
        }

    @pytest.mark.parametrize(
        ("query", "seconds"),
        [
            ({"type": "job.failed"}, [2]),
            ({"type": "job.*"}, [0, 2]),
            ({"type": "*"}, [0, 1, 2]),
            ({"type": "batch.completed"}, []),
            ({"created_after": to_iso(NOON + SECOND)}, [1, 2]),
            ({"created_after": to_iso(NOON + 3 * SECOND)}, []),
            ({"created_after": to_iso(NOON + SECOND), "type": "job.*"}, [2]),
        ],
    )
    def test_they_are_found_by_type_and_time(
        self, query: dict[str, str], seconds: list[int]
    ) -> None:
        types = ["job.completed", "upstream.blocked", "job.failed"]
        api = api_with(*(event_at(n, type=it) for n, it in enumerate(types)))

        assert ids(listed(api, **query)) == [event_at(n).id for n in seconds]

    def test_the_later_of_cursor_and_moment_counts(self) -> None:
        api = api_with(*(event_at(n) for n in range(4)))
        cursor = listed(api, limit=1).json["next_cursor"]
        api.clock.at += SETTLED_AFTER

        later = listed(api, cursor=cursor, created_after=to_iso(NOON + 3 * SECOND))
        earlier = listed(api, cursor=cursor, created_after=to_iso(NOON))

        assert ids(later) == [event_at(3).id]
        assert ids(earlier) == [event_at(n).id for n in (1, 2, 3)]

    def test_what_waits_for_the_bus_is_there_and_what_is_past_its_time_is_not(self) -> None:
        old = event_at(0, purge_at=NOON + SECOND)
        api = api_with(old)
        api.events.insert(event_at(1))

        assert ids(listed(api)) == [event_at(1).id]

    def test_another_tenant_s_are_never_listed(self) -> None:
        api = api_with(event_at(0))

        theirs = ask(api, LIST, tenant_id=OTHER_TENANT)

        assert theirs == ask(Api(), LIST, tenant_id=OTHER_TENANT)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("type", "job"),
            ("created_after", "yesterday"),
            ("wait", "-1"),
            ("wait", "1.5"),
            ("wait", "²"),
            ("wait", "1" * 5000),
            ("limit", "0"),
            ("limit", "101"),
            ("cursor", "x"),
            ("cursor", event_at(0).id),
            ("status", "completed"),
        ],
    )
    def test_what_cannot_be_right_is_422_and_the_pointer_says_where(
        self, name: str, value: str
    ) -> None:
        answer = listed(Api(), **{name: value})

        assert (answer.status, answer.problem["code"]) == (422, "invalid_request")
        assert [error["pointer"] for error in answer.problem["errors"]] == [f"#/query/{name}"]

    def test_an_outage_while_reading_is_503(self) -> None:
        assert ask(Api(Trouble("events.list")), LIST).status == 503


class TestWaiting:
    def test_the_answer_comes_with_the_first_event(self) -> None:
        clock = EventfulClock()
        api = Api(clock=clock)
        clock.after(3 * SECOND, lambda: api.events.put([event_at(3)]))

        answer = listed(api, wait=20)

        assert ids(answer) == [event_at(3).id]
        assert 3 * SECOND <= clock.at - NOON <= 5 * SECOND

    @pytest.mark.parametrize(("asked", "seconds"), [(0, 0), (3, 3), (25, 25), (9999, 25)])
    def test_it_is_held_no_longer_than_that(self, asked: int, seconds: int) -> None:
        api = Api()

        answer = listed(api, wait=asked)

        assert ids(answer) == []
        assert api.clock.at - NOON == seconds * SECOND

    def test_what_is_there_is_answered_at_once(self) -> None:
        api = api_with(event_at(0))
        before = api.clock.at

        listed(api, wait=20)

        assert api.clock.at == before

    def test_events_of_other_types_hold_it_no_shorter(self) -> None:
        clock = EventfulClock()
        api = Api(clock=clock)
        clock.after(SECOND, lambda: api.events.put([event_at(1)]))

        answer = listed(api, wait=4, type="job.failed")

        assert ids(answer) == []
        assert clock.at - NOON == 4 * SECOND

    def test_an_invocation_that_has_little_time_left_answers_before_it_ends(self) -> None:
        api = Api(invocation=10 * SECOND)

        listed(api, wait=25)

        assert api.clock.at - NOON == 6 * SECOND

    def test_waiting_costs_a_look_every_second_or_two(self) -> None:
        looks = CountingSeam("events.list")
        api = Api(looks)

        listed(api, wait=20)

        assert 10 <= looks.count <= 15


class CountingSeam(Trouble):
    def __init__(self, call: str) -> None:
        super().__init__("nothing")
        self.count = 0
        self._counted = call

    def before(self, call: str) -> None:
        self.count += call == self._counted


class TestReading:
    def test_an_event_of_a_job_is_told_in_full(self) -> None:
        api = Api(public_url="https://relay.example.com")
        event = a_told_event(api)

        answer = ask(api, GET, event.id)

        job = answer.json["data"]
        assert answer.status == 200
        assert answer.json | {"data": None} == {
            "id": event.id,
            "type": "job.completed",
            "timestamp": to_iso(event.occurred_at),
            "api_version": "v1",
            "sequence": event.sequence,
            "data": None,
        }
        assert (job["id"], job["result"]) == (a_job().id, {"a": 1})
        assert job["urls"] == {"self": f"https://relay.example.com/v1/jobs/{job['id']}"}

    def test_a_result_that_is_too_large_is_omitted(self) -> None:
        api = Api()
        claimed = a_job().claimed(NOON, LEASE_MARGIN)
        large = json.dumps("x" * RESULT_BYTES_MAX).encode()
        job = completed(claimed, result=api.contents.put(claimed, result_key(1), large))
        api.jobs.submit(job)
        event = an_event(job)
        api.events.put([event])

        data = ask(api, GET, event.id).json["data"]

        assert (data["result"], data["result_omitted"]) == (None, True)

    def test_of_a_deleted_job_there_is_left_what_was_told_on_the_bus(self) -> None:
        api = Api()
        event = a_told_event(api)
        api.delete(a_job().id)

        answer = ask(api, GET, event.id)

        assert answer.json == json.loads(json.dumps(thin_envelope(event)))

    def test_an_event_of_no_job_is_told_as_it_is_kept(self) -> None:
        event = event_at(0, type="upstream.blocked", data={"id": "mistral", "reason": None})

        assert ask(api_with(event), GET, event.id).json["data"] == {
            "id": "mistral",
            "reason": None,
        }

    @pytest.mark.parametrize("identifier", ["evt_x", event_at(0).id, "job_" + "0" * 26])
    def test_one_that_is_not_there_is_404(self, identifier: str) -> None:
        assert ask(Api(), GET, identifier).status == 404

    def test_one_whose_time_is_over_is_404(self) -> None:
        event = event_at(0, purge_at=NOON + SECOND)

        assert ask(api_with(event), GET, event.id).status == 404

    @pytest.mark.parametrize("route", [LIST, GET])
    def test_a_key_for_jobs_sees_none(self, route: str) -> None:
        answer = ask(Api(), route, event_at(0).id, scopes="jobs:read webhooks:write")

        assert (answer.status, answer.problem["code"]) == (403, "missing_scope")
