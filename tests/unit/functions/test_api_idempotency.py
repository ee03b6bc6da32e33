"""The ``Idempotency-Key`` header: the same request again is the same job."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from relay.domain.idempotency import ACCEPTING_TIME
from relay.domain.job import Job
from relay.domain.moments import to_iso
from tests.fakes.clock import NOON
from tests.fakes.examples import LEASE_MARGIN, OTHER_TENANT, TENANT, completed
from tests.fakes.meanwhile import Meanwhile
from tests.fakes.trouble import Crash, Trouble
from tests.unit.functions.api_on_fakes import HELLO, Api, HttpAnswer

DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)
KEY = {"idempotency-key": "order-4711"}
ANSWER = b'{"choices":[{"message":{"role":"assistant","content":"Hello"}}]}'


def submit(api: Api, job: Mapping[str, Any] | str = HELLO, **more: Any) -> HttpAnswer:
    return api.submit(job, headers=KEY | more.pop("headers", {}), **more)


def is_replay(answer: HttpAnswer) -> bool:
    return answer.headers.get("idempotent-replayed") == "true"


def complete(api: Api) -> Job:
    (job,) = api.jobs.all()
    claimed = api.jobs.claim(job.tenant_id, job.id, at=api.clock.at, lease_margin=LEASE_MARGIN)
    done = completed(claimed, result=api.contents.put(claimed, "res#1", ANSWER))
    api.jobs.save(claimed, done)
    return done


def test_the_first_request_is_accepted_as_any_other_and_the_job_says_by_which_key() -> None:
    api = Api()

    answer = submit(api)

    assert answer.status == 202
    assert not is_replay(answer)
    assert answer.json["submission"]["idempotency_key"] == "order-4711"
    assert api.get(answer.json["id"]).json == answer.json


def test_the_same_request_again_is_the_same_job_and_queues_nothing() -> None:
    api = Api()
    first = submit(api)
    api.clock.at += ACCEPTING_TIME

    second = submit(api)

    assert second.status == 202
    assert second.json == first.json
    assert second.headers["location"] == first.headers["location"]
    assert is_replay(second)
    assert len(api.jobs.changes) == len(api.queue.messages) == 1


def test_a_job_whose_message_was_not_sent_is_run_at_the_next_try_and_not_when_the_wheel_comes() -> (
    None
):
    api = Api(Trouble("jobs.send", times=1))

    first = submit(api)
    second = submit(api)

    assert (first.status, second.status) == (503, 202)
    assert [message.body for message in api.queue.messages] == [
        json.dumps({"schema": "1", "tenant_id": TENANT, "job_id": second.json["id"]})
    ]


def test_a_job_that_is_at_work_is_not_queued_again() -> None:
    api = Api()
    submit(api)
    (job,) = api.jobs.all()
    api.jobs.claim(job.tenant_id, job.id, at=NOON, lease_margin=LEASE_MARGIN)

    assert is_replay(submit(api))

    assert len(api.queue.messages) == 1


def test_the_job_is_shown_as_it_is_now_and_200_says_that_it_has_ended() -> None:
    api = Api()
    job_id = submit(api).json["id"]
    complete(api)

    answer = submit(api)

    assert answer.status == 200
    assert is_replay(answer)
    assert answer.json == api.get(job_id).json
    assert answer.json["output_text"] == "Hello"


def test_the_second_request_may_wait_for_the_job_as_the_first_may() -> None:
    api = Api()
    submit(api)

    answer = submit(api, headers={"prefer": "wait=3"})

    assert (answer.status, is_replay(answer)) == (202, True)
    assert api.clock.at - NOON == 3 * SECOND


@pytest.mark.parametrize(
    "body",
    [
        '{"attempts_max":3,"body":{"messages":[{"role":"user","content":"é"}]}}',
        '{ "body": {"messages": [{"content": "\\u00e9", "role": "user"}]},\n\t"attempts_max": 3 }',
    ],
)
def test_how_the_json_is_spaced_ordered_and_escaped_does_not_matter(body: str) -> None:
    api = Api()
    message = {"role": "user", "content": "é"}
    first = submit(api, {"body": {"messages": [message]}, "attempts_max": 3})

    second = submit(api, body)

    assert (second.status, is_replay(second)) == (202, True)
    assert second.json == first.json


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"a": "1"}},
        {"attempts_max": 5},  # what would be filled in all the same is not what was asked
        {"body": {"messages": [{"role": "user", "content": "Hello!"}]}},
        {"body": {"messages": [*HELLO["body"]["messages"], *HELLO["body"]["messages"]]}},
    ],
)
def test_another_request_under_the_key_is_422_and_makes_nothing(change: dict[str, Any]) -> None:
    api = Api()
    first = submit(api)

    second = submit(api, {**HELLO, **change})

    assert (second.status, second.problem["code"]) == (422, "idempotency_key_reused")
    assert [job.id for job in api.jobs.all()] == [first.json["id"]]
    assert submit(api).json == first.json


def test_another_key_is_another_job() -> None:
    api = Api()

    first = submit(api)
    second = submit(api, headers={"idempotency-key": "order-4712"})

    assert first.json["id"] != second.json["id"]


def test_another_tenant_s_key_is_another_key() -> None:
    api = Api()
    ours = submit(api)

    theirs = submit(api, {**HELLO, "metadata": {"a": "1"}}, tenant_id=OTHER_TENANT)

    assert (theirs.status, is_replay(theirs)) == (202, False)
    assert theirs.json["id"] != ours.json["id"]


def test_another_route_s_key_is_another_key() -> None:
    api = Api()
    first = submit(api).json["id"]

    rerun = api.rerun(first, headers=KEY)

    assert (rerun.status, is_replay(rerun)) == (202, False)
    assert rerun.json["rerun_of"] == first


def test_a_key_is_kept_for_24_hours_and_then_means_nothing() -> None:
    api = Api()
    first = submit(api).json["id"]

    api.clock.at = NOON + DAY - SECOND
    kept = submit(api)
    api.clock.at = NOON + DAY
    forgotten = submit(api, {**HELLO, "metadata": {"a": "1"}})

    assert (kept.json["id"], is_replay(kept)) == (first, True)
    assert (forgotten.status, is_replay(forgotten)) == (202, False)
    assert forgotten.json["id"] != first


@pytest.mark.parametrize(
    "key", ["", " ", "two words", "é", "\t", "a\nb", "\x7f", "k" * 256], ids=repr
)
def test_what_cannot_be_a_key_is_422_and_makes_nothing(key: str) -> None:
    api = Api()

    answer = submit(api, headers={"idempotency-key": key})

    assert (answer.status, answer.problem["code"]) == (422, "invalid_idempotency_key")
    assert answer.problem["errors"][0]["pointer"] == "#/headers/idempotency-key"
    assert api.has_taken_nothing


@pytest.mark.parametrize("key", ["1", "k" * 255, '"quoted"', "a,b", "!~"])
def test_a_key_is_any_1_to_255_visible_characters(key: str) -> None:
    api = Api()

    first = submit(api, headers={"idempotency-key": key})
    second = submit(api, headers={"idempotency-key": key})

    assert (first.status, is_replay(second)) == (202, True)


@pytest.mark.parametrize(
    ("job", "status"), [("{", 400), ("{}", 422), (json.dumps(HELLO) + " " * 5000, 413)]
)
def test_a_refusal_is_not_kept_so_the_key_can_be_used_for_the_right_request(
    job: str, status: int
) -> None:
    api = Api()

    refused = submit(api, job)
    accepted = submit(api)

    assert refused.status == status
    assert (accepted.status, is_replay(accepted)) == (202, False)


def test_while_the_first_is_being_accepted_the_second_is_told_when_to_come_back() -> None:
    api = Api(Trouble("wheel.put", Crash(), times=1))
    with pytest.raises(Crash):
        submit(api)
    api.clock.at += SECOND

    early = submit(api)
    api.clock.at += timedelta(seconds=int(early.headers["retry-after"]))
    in_time = submit(api)

    assert (early.status, early.problem["code"]) == (409, "still_being_accepted")
    assert early.headers["retry-after"] == "34"
    assert (in_time.status, is_replay(in_time)) == (202, False)
    assert len(api.jobs.all()) == len(api.queue.messages) == 1


def test_another_request_is_422_even_while_the_first_is_being_accepted() -> None:
    api = Api(Trouble("wheel.put", Crash(), times=1))
    with pytest.raises(Crash):
        submit(api)

    answer = submit(api, {**HELLO, "metadata": {"a": "1"}})

    assert (answer.status, answer.problem["code"]) == (422, "idempotency_key_reused")


def test_two_at_once_are_one_job_and_the_second_comes_back_for_it() -> None:
    second = Meanwhile("jobs.submit")
    api = Api(second)
    answers: list[HttpAnswer] = []
    second.act = lambda: answers.append(submit(api))

    answers.append(submit(api))
    answers.append(submit(api))

    assert [answer.status for answer in answers] == [409, 202, 202]
    assert [is_replay(answer) for answer in answers] == [False, False, True]
    assert len(api.jobs.all()) == 1
    assert len({message.body for message in api.queue.messages}) == 1


def test_after_an_outage_the_client_does_as_it_is_told_and_there_is_one_job() -> None:
    api = Api(Trouble("jobs.submit", is_after=True, times=1))

    first = submit(api)
    api.clock.at += timedelta(seconds=int(first.headers["retry-after"]))
    second = submit(api)

    assert first.status == 503
    assert (second.status, is_replay(second)) == (202, True)
    assert len(api.jobs.all()) == 1
    assert [hint.id for hint in api.wheel.all()] == [second.json["id"]]


def test_an_outage_of_the_keys_themselves_is_503_and_makes_nothing() -> None:
    api = Api(Trouble("idempotency.reserve"))

    assert submit(api).status == 503
    assert api.has_taken_nothing


@pytest.mark.parametrize("after", [SECOND, ACCEPTING_TIME, DAY - SECOND])
def test_a_deleted_job_s_key_is_404_and_makes_nothing(after: timedelta) -> None:
    api = Api()
    text = "".join(f"{number:x}" for number in range(900))
    large = {"body": {"messages": [{"role": "user", "content": text}]}}
    job_id = submit(api, large).json["id"]
    api.cancel(job_id)
    api.delete(job_id)
    writes = len(api.jobs.changes)
    api.clock.at = NOON + after

    answer = submit(api, large)

    assert (answer.status, answer.problem["code"]) == (404, "not_found")
    assert "deleted" in answer.problem["detail"]
    assert api.contents.of(job_id) == {}
    assert len(api.jobs.changes) == writes
    assert len(api.queue.messages) == 1


def test_a_result_that_is_gone_means_that_the_job_s_time_is_over() -> None:
    api = Api()
    submit(api)
    done = complete(api)
    assert done.result is not None
    api.contents.lose(done, done.result)

    assert submit(api).status == 404


def test_a_job_that_cannot_be_read_is_500_and_its_content_is_not_written_again() -> None:
    api = Api()
    job_id = submit(api).json["id"]
    api.jobs.unreadable.add(job_id)
    api.clock.at += ACCEPTING_TIME

    assert submit(api).status == 500
    assert len(api.jobs.changes) == len(api.queue.messages) == 1
    assert api.contents.of(job_id) == {}


def test_the_key_stands_for_the_job_though_its_deadline_would_be_refused_by_now() -> None:
    """A client that got no answer asks again; a deadline that has passed since is no mistake."""
    api = Api()
    job = {**HELLO, "deadline": to_iso(NOON + 60 * SECOND)}
    first = submit(api, job)
    api.clock.at += 61 * SECOND

    second = submit(api, job)
    other = submit(api, {**job, "metadata": {"a": "1"}})

    assert (second.status, is_replay(second)) == (202, True)
    assert second.json == first.json
    assert (other.status, other.problem["code"]) == (422, "invalid_request")


def test_a_passed_deadline_is_still_refused_where_the_key_made_no_job() -> None:
    api = Api(Trouble("wheel.put", Crash(), times=1))
    job = {**HELLO, "deadline": to_iso(NOON + 60 * SECOND)}
    with pytest.raises(Crash):
        submit(api, job)
    api.clock.at += 61 * SECOND

    answer = submit(api, job)

    assert (answer.status, answer.problem["code"]) == (422, "invalid_request")
    assert api.has_taken_nothing


def test_a_passed_deadline_of_a_deleted_job_is_404_as_before_it_had_passed() -> None:
    api = Api()
    job = {**HELLO, "deadline": to_iso(NOON + 60 * SECOND)}
    job_id = submit(api, job).json["id"]
    api.cancel(job_id)
    api.delete(job_id)
    api.clock.at += 61 * SECOND

    assert submit(api, job).status == 404


def test_a_key_reaches_no_log() -> None:
    api = Api()

    submit(api)
    submit(api)

    assert "order-4711" not in api.log.text
