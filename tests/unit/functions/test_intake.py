"""A producer's message becomes exactly one job, of its sender's tenant."""

import json
from datetime import timedelta

import pytest

from relay.domain.idempotency import (
    ACCEPTING_TIME,
    KEPT_FOR,
    SUBMISSIONS,
    IdempotencyKey,
    fingerprint_of,
    reservation,
)
from relay.domain.ids import TenantId
from relay.domain.job import Submission
from relay.domain.messages import job_message
from relay.domain.wheel import HintKind, Purpose
from tests.fakes.clock import NOON
from tests.fakes.examples import OTHER_TENANT, TENANT, a_job_id
from tests.fakes.lambda_context import FakeLambdaContext
from tests.unit.functions.intake_on_fakes import BODY, PRODUCER, RETENTION, Intake
from tests.unit.functions.sample_events import failures, sample

NO_TENANT = TenantId("")


class TestAccepting:
    def test_a_message_becomes_a_job_that_is_queued_and_watched_over(self) -> None:
        intake = Intake()
        message_id = intake.send()

        assert intake.run() == []

        job = intake.job
        assert intake.outcomes == ["accepted"]
        assert job.tenant_id == TENANT
        assert job.submission == Submission(source="sqs", message_id=message_id)
        assert [json.loads(message.body) for message in intake.jobs_queue.messages] == [
            job_message(job)
        ]
        assert intake.jobs_queue.messages[0].group == TENANT
        (hint,) = intake.wheel.all()
        assert (hint.kind, hint.purpose, hint.id) == (HintKind.JOB, Purpose.WATCH, job.id)
        assert intake.submissions.messages == intake.dead.messages == []

    def test_it_is_checked_and_filled_in_as_the_api_does(self) -> None:
        intake = Intake()
        intake.send({**BODY, "metadata": {"order": "4711"}, "timeout_seconds": 90})

        intake.run()

        assert intake.job.model == "mistral-small-latest"
        assert intake.job.metadata == {"order": "4711"}
        assert intake.job.timeout == timedelta(seconds=90)
        assert intake.job.purge_at == NOON + RETENTION

    def test_its_producer_finds_the_job_by_its_message(self) -> None:
        intake = Intake()
        message_id = intake.send()

        intake.run()

        assert intake.job_of(message_id) == intake.job.id
        intake.clock.wait(RETENTION - timedelta(seconds=1))
        assert intake.job_of(message_id) == intake.job.id

    def test_two_messages_that_ask_for_the_same_are_two_jobs(self) -> None:
        intake = Intake()
        intake.send()
        intake.send()

        intake.run()

        assert len(intake.jobs.all()) == 2

    def test_a_message_that_comes_again_is_the_same_job(self) -> None:
        intake = Intake()
        intake.send()
        event = intake.submissions.received()
        intake.handle(event, FakeLambdaContext())
        intake.clock.wait(timedelta(seconds=180))

        intake.run()

        assert intake.outcomes == ["accepted", "replayed"]
        assert len(intake.jobs.all()) == 1
        assert len(intake.jobs_queue.messages) == 1

    def test_the_message_of_a_job_that_was_deleted_makes_no_other(self) -> None:
        intake = Intake()
        intake.send()
        event = intake.submissions.received()
        intake.handle(event, FakeLambdaContext())
        ended = intake.job.cancelled(NOON)
        intake.jobs.save(intake.job, ended)
        intake.jobs.save(ended, ended.deleted(NOON))
        intake.clock.wait(timedelta(seconds=180))

        assert intake.run() == []

        assert intake.outcomes[-1] == "deleted_since"
        assert len(intake.jobs.all()) == 1
        assert intake.dead.messages == []


class TestKeys:
    def test_two_messages_under_one_key_are_one_job_that_both_are_found_by(self) -> None:
        intake = Intake()
        first = intake.send(idempotency_key="order-4711")
        second = intake.send(idempotency_key="order-4711")

        assert intake.run() == []

        assert intake.outcomes == ["accepted", "replayed"]
        assert intake.job.submission == Submission(
            source="sqs", message_id=first, idempotency_key="order-4711"
        )
        assert intake.job_of(first) == intake.job_of(second) == intake.job.id

    def test_the_same_json_written_otherwise_is_the_same_request(self) -> None:
        intake = Intake()
        intake.send(json.dumps(BODY), idempotency_key="order-4711")
        intake.send(json.dumps(BODY, indent=4, sort_keys=True), idempotency_key="order-4711")

        intake.run()

        assert intake.outcomes == ["accepted", "replayed"]

    def test_a_key_is_one_tenant_s_own(self) -> None:
        intake = Intake()
        intake.send(idempotency_key="order-4711")
        intake.run()
        intake.map_sender(PRODUCER, OTHER_TENANT)
        intake.send(idempotency_key="order-4711")

        intake.run()

        assert intake.outcomes == ["accepted", "accepted"]

    def test_a_key_s_time_ends_after_a_day(self) -> None:
        intake = Intake()
        intake.send(idempotency_key="order-4711")
        intake.run()
        intake.clock.wait(KEPT_FOR)
        intake.send(idempotency_key="order-4711")

        intake.run()

        assert intake.outcomes == ["accepted", "accepted"]

    def test_a_key_that_is_a_number_is_its_digits(self) -> None:
        intake = Intake()
        intake.send(idempotency_key="4711")
        event = intake.submissions.received()
        event["Records"][0]["messageAttributes"]["idempotency_key"]["dataType"] = "Number"

        intake.handle(event, FakeLambdaContext())

        assert intake.job.submission.idempotency_key == "4711"

    def test_while_the_first_under_a_key_may_be_at_work_the_second_comes_back(self) -> None:
        intake = Intake()
        fingerprint = fingerprint_of(json.dumps(BODY).encode())
        key = IdempotencyKey(
            tenant_id=TENANT, route=SUBMISSIONS, key="order-4711", fingerprint=fingerprint
        )
        intake.idempotency.reserve(reservation(key, a_job_id(), NOON), at=NOON)
        intake.send(idempotency_key="order-4711")

        assert len(intake.run()) == 1
        assert intake.outcomes == ["early"]
        assert intake.jobs.all() == []
        assert intake.next_at() == NOON + ACCEPTING_TIME
        intake.run_to_the_end()

        assert intake.outcomes == ["early", "accepted"]
        assert intake.job.id == a_job_id()


class TestTenants:
    def test_a_mapped_sender_s_messages_are_its_tenant_s(self) -> None:
        intake = Intake()
        intake.map_sender(PRODUCER, OTHER_TENANT)
        message_id = intake.send()

        intake.run()

        assert intake.job.tenant_id == OTHER_TENANT
        assert intake.job_of(message_id, OTHER_TENANT) == intake.job.id
        assert intake.job_of(message_id, TENANT) is None

    def test_an_unknown_sender_s_messages_are_the_default_tenant_s(self) -> None:
        intake = Intake()
        intake.map_sender("AROASOMEBODYELSE", OTHER_TENANT)
        intake.send()

        intake.run()

        assert intake.job.tenant_id == TENANT

    @pytest.mark.parametrize(
        "attributes",
        [
            {"tenant_id": OTHER_TENANT},
            {"sender_id": "AROAVICTIM"},
            {"message_id": "the-id-of-another-s-message"},
            {"SenderId": "AROAVICTIM"},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("body", [BODY, {**BODY, "metadata": {"tenant_id": OTHER_TENANT}}])
    def test_nothing_that_a_message_says_makes_it_another_tenant_s(
        self, attributes: dict[str, str], body: dict[str, object]
    ) -> None:
        intake = Intake()
        intake.map_sender("AROAVICTIM", OTHER_TENANT)
        intake.send(body, **attributes)

        intake.run()

        assert [job for job in intake.jobs.all() if job.tenant_id != TENANT] == []
        assert [event for event in intake.events.all() if event.tenant_id != TENANT] == []

    def test_a_tenant_in_the_body_is_refused(self) -> None:
        intake = Intake()
        intake.send({**BODY, "tenant_id": OTHER_TENANT})

        intake.run()

        assert intake.outcomes == ["refused"]
        assert intake.jobs.all() == []

    def test_without_a_default_an_unknown_sender_is_refused_and_nobody_is_told(self) -> None:
        intake = Intake(default_tenant=NO_TENANT)
        intake.send()

        assert intake.run() == []

        assert intake.outcomes == ["refused"]
        assert not intake.jobs.all()
        assert not intake.events.all()
        assert not intake.wheel.all()
        assert "mapped to no tenant" in intake.buried.attributes["reason"]
        assert intake.buried.group == "unknown"


class TestLog:
    def test_one_wide_line_says_what_became_of_a_message_and_nothing_of_its_content(self) -> None:
        intake = Intake()
        message_id = intake.send({**BODY, "metadata": {"canary": "canary"}})

        intake.run()

        (line,) = intake.log.lines
        assert line["message"] == "submission.taken"
        assert line["outcome"] == "accepted"
        assert line["message_id"] == message_id
        assert line["tenant_id"] == TENANT
        assert line["job_id"] == intake.job.id
        assert "canary" not in intake.log.text

    @pytest.mark.parametrize(
        "body",
        ["canary-prompt", '{"canary-prompt": 1}', '{"body": {"canary-prompt": 1}}'],
    )
    def test_nor_does_the_line_of_one_that_is_refused(self, body: str) -> None:
        intake = Intake()
        intake.send(body, idempotency_key="canary-prompt ü")

        intake.run()

        assert intake.outcomes == ["refused"]
        assert "canary" not in intake.log.text


def test_the_sample_event_becomes_two_jobs() -> None:
    intake = Intake()

    assert failures(intake.handle(sample("intake_submissions"), FakeLambdaContext())) == []

    assert intake.outcomes == ["accepted", "accepted"]
