"""What cannot become a job is told to its tenant and laid down, so that it can be redriven."""

import json
from datetime import timedelta
from typing import Any

import pytest

from functions.intake.notes import MESSAGE_BYTES_MAX
from functions.intake.take_submission import RECEIVES_MAX
from relay.domain.ids import TenantId
from relay.domain.wheel import HintKind, Purpose
from tests.fakes.clock import NOON
from tests.fakes.examples import OTHER_TENANT, TENANT
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.trouble import Crash, Trouble
from tests.unit.functions.intake_on_fakes import (
    BODY,
    PRODUCER,
    RETENTION,
    Intake,
)
from tests.unit.functions.intake_on_fakes import (
    RECEIVES_MAX as QUEUE_RECEIVES_MAX,
)

FUTURE = "2026-11-22T12:00:00Z"
PAST = "2026-11-20T12:00:00Z"


def refusal_of(body: Any, **attributes: str) -> Intake:
    """Return an intake that has refused one message."""
    intake = Intake()
    intake.send(body, **attributes)
    assert intake.run() == []
    assert intake.outcomes == ["refused"]
    assert intake.jobs.all() == []
    return intake


class TestReasons:
    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ("canary", "it is not JSON"),
            ('{"body":', "it is not JSON"),
            ("[]", "#: "),
            ({}, "#/body: "),
            ({"body": {}}, "#/body/messages: "),
            ({**BODY, "deadline": PAST}, "#/deadline: "),
            ({**BODY, "attempts_max": 0}, "#/attempts_max: "),
            ({**BODY, "callback_url": "http://169.254.169.254/"}, "#/callback_url: "),
            ({**BODY, "lane": "batch"}, "#/lane: "),
        ],
    )
    def test_a_message_that_cannot_be_right_is_refused_with_the_reason(
        self, body: Any, reason: str
    ) -> None:
        intake = refusal_of(body)

        assert intake.buried.attributes["reason"].startswith(reason)
        assert intake.rejection.data["reason"].startswith(reason)
        assert intake.buried.body == (body if isinstance(body, str) else json.dumps(body))

    @pytest.mark.parametrize("key", ["with space", "ümlaut", "x" * 256, "line\nfeed"])
    def test_a_key_that_is_no_key_is_refused(self, key: str) -> None:
        intake = refusal_of(BODY, idempotency_key=key)

        assert "idempotency_key must be" in intake.buried.attributes["reason"]
        assert intake.buried.attributes["idempotency_key"] == key
        assert intake.rejection.data["submission"]["idempotency_key"] is None

    def test_a_key_that_is_no_text_is_refused_rather_than_overlooked(self) -> None:
        intake = Intake()
        intake.send(idempotency_key="order-4711")
        event = intake.submissions.received()
        binary = {"binaryValue": "b3JkZXI=", "dataType": "Binary"}
        event["Records"][0]["messageAttributes"]["idempotency_key"] = binary

        intake.handle(event, FakeLambdaContext())

        assert intake.outcomes == ["refused"]
        assert "idempotency_key must be" in intake.buried.attributes["reason"]

    def test_a_key_that_was_used_for_another_request_is_refused(self) -> None:
        intake = Intake()
        intake.send(idempotency_key="order-4711")
        intake.send({**BODY, "timeout_seconds": 5}, idempotency_key="order-4711")

        intake.run()

        assert intake.outcomes == ["accepted", "refused"]
        assert "used for another request" in intake.buried.attributes["reason"]
        assert len(intake.jobs.all()) == 1

    def test_a_message_that_never_gets_through_is_laid_down_at_last(self) -> None:
        intake = Intake()
        intake.send()
        intake.submissions.messages[0].receives = RECEIVES_MAX

        intake.run()

        assert intake.outcomes == ["refused"]
        assert f"received {RECEIVES_MAX + 1} times" in intake.buried.attributes["reason"]

    def test_the_last_receipt_before_that_is_still_taken(self) -> None:
        intake = Intake()
        intake.send()
        intake.submissions.messages[0].receives = RECEIVES_MAX - 1

        intake.run()

        assert intake.outcomes == ["accepted"]

    @pytest.mark.parametrize(
        "body",
        [
            {**BODY, "canary prompt": 1},
            {**BODY, "metadata": {"Canary Prompt" * 9: "canary"}},
            {**BODY, "metadata": {"canary": "canary" * 100}, "Canary/Prompt": 1},
            {"body": {"messages": [{"role": "canary prompt", "content": "canary"}]}},
        ],
    )
    def test_a_reason_tells_nothing_of_the_content(self, body: Any) -> None:
        intake = refusal_of(body)

        told = json.dumps(dict(intake.rejection.data)) + intake.buried.attributes["reason"]
        assert "anary prompt" not in told.lower()
        assert "canarycanary" not in told

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"metadata": {"john_smith": 1}}, "#/metadata/*: must be a text"),
            ({"john_smith": 1}, "#/*: is not a field that this version takes"),
            ({"callback": {"url": "https://e.com", "john_smith": 1}}, "#/callback/*: is not"),
        ],
    )
    def test_a_reason_repeats_no_name_that_its_producer_chose(
        self, fields: dict[str, Any], reason: str
    ) -> None:
        intake = refusal_of({**BODY, **fields})

        assert intake.buried.attributes["reason"].startswith(reason)
        assert "john" not in json.dumps(dict(intake.rejection.data))

    def test_a_reason_is_short_and_plain(self) -> None:
        intake = refusal_of({**BODY, **{f"field_{number}": "ü" for number in range(100)}})

        reason = intake.buried.attributes["reason"]
        assert len(reason) == len(intake.rejection.data["reason"]) == 300
        assert reason.isascii()


class TestTelling:
    def test_the_tenant_is_told_in_an_event_that_is_its_own_outbox(self) -> None:
        intake = Intake()
        intake.map_sender(PRODUCER, OTHER_TENANT)
        message_id = intake.send("canary", idempotency_key="order-4711")

        intake.run()

        event = intake.rejection
        assert event.type == "submission.rejected"
        assert event.tenant_id == OTHER_TENANT
        assert event.resource_id == message_id
        assert event.data["submission"] == {
            "source": "sqs",
            "message_id": message_id,
            "idempotency_key": "order-4711",
        }
        assert event.purge_at == NOON + RETENTION
        assert intake.events.unpublished([(OTHER_TENANT, event.id)]) == {event.id}
        assert "canary" not in json.dumps(dict(event.data))

    def test_the_event_is_watched_over_before_it_is_there(self) -> None:
        intake = Intake(seam=Trouble("events.insert", Crash()))
        intake.send("canary")

        with pytest.raises(Crash):
            intake.run()

        (hint,) = intake.wheel.all()
        assert (hint.kind, hint.purpose, hint.owner) == (HintKind.EVENT, Purpose.WATCH, TENANT)
        assert not intake.events.all()
        assert not intake.dead.messages

    def test_the_tenant_is_told_before_the_message_is_laid_down(self) -> None:
        intake = Intake(seam=Trouble("submissions_dead.bury", Crash()))
        intake.send("canary")

        with pytest.raises(Crash):
            intake.run()

        assert len(intake.events.all()) == 1
        assert intake.dead.messages == []

    @pytest.mark.parametrize("call", ["wheel.put", "events.insert", "submissions_dead.bury"])
    @pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
    def test_a_crash_at_any_point_loses_no_refusal_and_tells_it_once(
        self,
        call: str,
        is_after: bool,  # noqa: FBT001 - pytest passes it
    ) -> None:
        intake = Intake(seam=Trouble(call, Crash(), is_after=is_after, times=1))
        intake.send("canary")

        with pytest.raises(Crash):
            intake.run()
        intake.run_to_the_end()

        assert intake.rejection.data["reason"]
        assert 1 <= len(intake.dead.messages) <= 2
        assert {hint.id for hint in intake.wheel.all()} == {intake.rejection.id}


class TestRedriving:
    def test_what_is_laid_down_notes_what_its_redrive_needs(self) -> None:
        intake = Intake()
        message_id = intake.send("canary", idempotency_key="order-4711")

        intake.run()

        notes = dict(intake.buried.attributes)
        assert notes.pop("reason")
        assert len(notes.pop("signature")) == 32
        assert notes == {
            "message_id": message_id,
            "sender_id": PRODUCER,
            "idempotency_key": "order-4711",
        }
        assert intake.buried.group == TENANT

    @pytest.mark.parametrize("attributes", [{}, {"idempotency_key": "order-4711"}], ids=str)
    def test_a_redrive_becomes_the_job_of_the_message_that_its_producer_knows(
        self, attributes: dict[str, str]
    ) -> None:
        intake = Intake()
        message_id = intake.send({**BODY, "deadline": FUTURE}, **attributes)
        intake.submissions.messages[0].receives = RECEIVES_MAX
        intake.run()
        intake.redrive()

        assert intake.run() == []

        assert intake.outcomes == ["refused", "accepted"]
        assert intake.job.submission.message_id == message_id
        assert intake.job_of(message_id) == intake.job.id

    @pytest.mark.parametrize("attributes", [{}, {"idempotency_key": "order-4711"}], ids=str)
    def test_a_message_that_became_a_job_is_not_laid_down_however_often_it_comes(
        self, attributes: dict[str, str]
    ) -> None:
        intake = Intake()
        message_id = intake.send(**attributes)
        intake.submissions.messages[0].receives = RECEIVES_MAX - 1
        lost = intake.submissions.received()
        intake.handle(lost, FakeLambdaContext())
        intake.clock.wait(timedelta(minutes=3))
        intake.run()

        assert intake.outcomes == ["accepted", "replayed"]
        assert intake.dead.messages == []
        assert intake.job_of(message_id) == intake.job.id

    def test_what_is_refused_again_is_told_again_under_the_id_that_its_producer_knows(self) -> None:
        intake = Intake()
        message_id = intake.send("canary")
        intake.run()
        intake.clock.wait(timedelta(hours=1))
        intake.redrive()

        intake.run()

        assert [event.resource_id for event in intake.events.all()] == [message_id] * 2
        assert len({event.id for event in intake.events.all()}) == 2
        assert intake.buried.attributes["message_id"] == message_id

    def test_a_redrive_by_anybody_is_its_first_sender_s(self) -> None:
        """It comes from whoever redrives it, who is nobody's sender: it would be the default's."""
        intake = Intake()
        intake.map_sender(PRODUCER, OTHER_TENANT)
        intake.send(BODY)
        intake.submissions.messages[0].receives = RECEIVES_MAX
        intake.run()
        intake.redrive()

        intake.run()

        assert intake.outcomes == ["refused", "accepted"]
        assert intake.job.tenant_id == OTHER_TENANT

    @pytest.mark.parametrize("change", ["body", "message_id", "sender_id", "signature"])
    def test_notes_that_are_not_just_as_we_signed_them_say_nothing(self, change: str) -> None:
        """Anyone who may send could take another tenant's place by noting its sender."""
        intake = Intake()
        intake.map_sender("AROAVICTIM", OTHER_TENANT)
        intake.send("canary")
        intake.run()
        notes = dict(intake.buried.attributes)
        changed = {"message_id": "another", "sender_id": "AROAVICTIM", "signature": "0" * 32}
        if change in changed:
            notes[change] = changed[change]
        intake.submissions.sender_id = "AROAFORGER:session"

        forged = intake.send("canary" if change != "body" else BODY, **notes)
        intake.run()

        (_, told) = intake.events.all()[-2:] if change != "body" else (None, None)
        if told is not None:
            assert (told.tenant_id, told.resource_id) == (TENANT, forged)
        else:
            assert (intake.job.tenant_id, intake.job.submission.message_id) == (TENANT, forged)

    def test_a_message_of_a_job_that_comes_again_after_its_deadline_is_no_refusal(self) -> None:
        intake = Intake()
        intake.send({**BODY, "deadline": FUTURE})
        event = intake.submissions.received()
        intake.handle(event, FakeLambdaContext())  # and its deletion is lost
        intake.clock.wait(timedelta(days=2))

        intake.run()

        assert intake.outcomes == ["accepted", "replayed"]
        assert intake.events.all() == []

    @pytest.mark.parametrize("name", ["message_id", "sender_id"])
    @pytest.mark.parametrize("text", ["x" * 5000, "with space", "ü"])
    def test_a_note_that_cannot_be_ours_says_nothing(self, name: str, text: str) -> None:
        intake = Intake()
        message_id = intake.send(**{name: text})

        intake.run()

        assert intake.job.submission.message_id == message_id


class TestSize:
    @staticmethod
    def of_size(size_bytes: int) -> str:
        """Return a body of so many bytes that is refused."""
        frame = '{"body":{"prompt":""}}'
        return frame.replace('""', '"' + "ü" * ((size_bytes - len(frame)) // 2) + '"').ljust(
            size_bytes - (size_bytes - len(frame)) // 2
        )

    @pytest.mark.parametrize("spare", [0, 1, 60, 99, 100, 101, 102, 103, 110, 200, 1000])
    def test_what_is_laid_down_never_exceeds_what_sqs_takes(self, spare: int) -> None:
        intake = Intake()
        body = self.of_size(MESSAGE_BYTES_MAX - spare)
        assert len(body.encode()) == MESSAGE_BYTES_MAX - spare
        intake.send(body)

        intake.run()

        assert len(intake.events.all()) == 1
        for message in intake.dead.messages:
            notes = message.attributes
            size = len(message.body.encode())
            size += sum(len(name) + len("String") + len(it) for name, it in notes.items())
            assert size <= MESSAGE_BYTES_MAX
            assert notes.keys() >= {"message_id", "sender_id"}
            assert all(notes.values())

    def test_a_reason_that_has_no_room_is_cut_and_then_left_out(self) -> None:
        reasons = []
        for spare in (1000, 160, 118):
            intake = Intake()
            intake.send(self.of_size(MESSAGE_BYTES_MAX - spare))
            intake.run()
            reasons.append(len(intake.buried.attributes.get("reason", "")))

        assert reasons[0] > reasons[1] > reasons[2] == 0

    def test_one_without_room_for_its_notes_is_left_to_sqs_which_moves_it_soon(self) -> None:
        intake = Intake()
        intake.send(self.of_size(MESSAGE_BYTES_MAX))

        assert len(intake.run()) == 1
        assert intake.outcomes == ["refused_unnoted"]
        assert intake.next_at() == NOON
        while intake.submissions.messages:
            event = intake.submissions.received()
            intake.submissions.settle(event, intake.handle(event, FakeLambdaContext()))

        assert len(intake.submissions.dead) == 1
        assert len(intake.outcomes) == QUEUE_RECEIVES_MAX
        assert len(intake.events.all()) == 1
        assert intake.dead.messages == []

    def test_a_key_as_long_as_a_message_is_refused_and_told(self) -> None:
        """In an event it would exceed what a row and the bus take, and never be told."""
        intake = Intake()
        intake.send(idempotency_key="k" * (MESSAGE_BYTES_MAX - 2000))

        intake.run()

        assert intake.outcomes == ["refused"]
        assert len(json.dumps(dict(intake.rejection.data))) < 1000


def test_without_a_default_tenant_a_redrive_is_refused_until_its_sender_is_mapped() -> None:
    intake = Intake(default_tenant=TenantId(""))
    intake.send()
    intake.run()
    intake.map_sender(PRODUCER, TENANT)
    for message in intake.dead.messages:
        intake.submissions.send_text(message.body, attributes=message.attributes)

    intake.run()

    assert intake.outcomes == ["refused", "accepted"]
    assert intake.job.tenant_id == TENANT
