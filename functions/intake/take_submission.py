"""One message of a producer's becomes a job, or is refused and laid down with the reason."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from functions.intake.notes import REASON_CHARACTERS_MAX, Origin, noted_in, notes_that_fit
from relay.domain.body_rules import FieldError
from relay.domain.egress import EgressPolicy
from relay.domain.errors import KeyReusedError, NotFoundError, StillAcceptingError
from relay.domain.event import submission_rejected
from relay.domain.idempotency import (
    SUBMISSIONS,
    IdempotencyKey,
    fingerprint_of,
    is_key,
    message_key,
    reservation,
)
from relay.domain.ids import TenantId
from relay.domain.job import Job, Submission
from relay.domain.job_request import (
    BodyDefaults,
    CheckedSubmission,
    InvalidSubmissionError,
    UnreadableSubmissionError,
    check_submission,
)
from relay.domain.request_errors import NO_FIELD
from relay.domain.wheel import HintKind, watch
from relay.ports import (
    Clock,
    DeadLetters,
    EventStore,
    IdempotencyStore,
    Secret,
    SenderStore,
    Wheel,
)
from relay.use_cases.submit_job import Draft, SubmitJob, Submitted

RECEIVES_MAX = 300
"""After so many receipts a message is taken to stop whoever takes it, and is laid down.

Its waits come to a day and a half by then, so that no outage of AWS's is mistaken for that.
"""
NOBODY = TenantId("")
_OURS = re.compile(r"[a-z0-9_]{1,32}")
"""What a name in a body is, as far as it is one of Mistral's or ours, and no content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionMessage:
    """A message as SQS brings it. ``attributes`` are those of its own that are texts."""

    id: str
    body: str
    sender: str
    sent_at: datetime
    receives: int
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The producer's idempotency key, empty where it gave none."""
        return self.attributes.get("idempotency_key", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one message. ``result`` is a word for the log."""

    result: str
    tenant_id: TenantId = NOBODY
    job: Job | None = None
    look_again_at: datetime | None = None
    error: BaseException | None = None


class _RefusedError(Exception):
    """A message that cannot become a job, and why, in words for its producer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeSubmission:
    """Takes messages in, by the same use case as the API."""

    submit: SubmitJob
    senders: SenderStore
    idempotency: IdempotencyStore
    events: EventStore
    wheel: Wheel
    dead_letters: DeadLetters
    master_secret: Secret
    clock: Clock
    body_defaults: BodyDefaults
    egress_policy: EgressPolicy
    default_tenant: TenantId
    retention: timedelta

    def __call__(self, message: SubmissionMessage) -> Outcome:
        """Submit what a message asks for.

        Raises:
            UnavailableError: AWS did not take it; the message must come again.
        """
        message = self._as_first_sent(message)
        tenant_id = self._tenant_of(message.sender)
        try:
            return self._submit(message, tenant_id)
        except _RefusedError as error:
            return self._refuse(message, tenant_id, str(error))
        except StillAcceptingError as error:
            return Outcome(result="early", tenant_id=tenant_id, look_again_at=error.until)
        except NotFoundError:
            return Outcome(result="deleted_since", tenant_id=tenant_id)

    def _as_first_sent(self, message: SubmissionMessage) -> SubmissionMessage:
        """Return a message that was laid down and redriven as it was when its producer sent it.

        What is noted on it counts only with our signature: anyone who may send can note anything.
        """
        noted = noted_in(message.attributes)
        if noted is None:
            return message
        origin, signature = noted
        if not origin.is_signed(signature, message.body, self.master_secret.text()):
            return message
        # Its first receipts count as one, so that it is known to have come before.
        receives = message.receives + 1
        return replace(message, id=origin.message_id, sender=origin.sender, receives=receives)

    def _tenant_of(self, sender: str) -> TenantId:
        """Return whose a message is, by who sent it and never by what it says."""
        try:
            return self.senders.get(sender).tenant_id
        except NotFoundError:
            return self.default_tenant

    def _submit(self, message: SubmissionMessage, tenant_id: TenantId) -> Outcome:
        if tenant_id == NOBODY:
            raise _RefusedError("its sender is mapped to no tenant, and there is no default")
        if message.key and not is_key(message.key):
            raise _RefusedError("idempotency_key must be 1 to 255 visible ASCII characters")
        key = self._key_of(message, tenant_id)
        own = message_key(tenant_id, message.id, key.fingerprint, self.retention)
        made = self.submit.made_under(own) if message.receives > 1 else None
        if made is None and message.receives > RECEIVES_MAX:
            raise _RefusedError(f"it was received {message.receives} times and never got through")
        try:
            submitted = made or self._submitted(message, tenant_id, key)
        except KeyReusedError as error:
            raise _RefusedError(
                "its idempotency_key was used for another request; use a new one"
            ) from error
        if own.hash != key.hash:  # so that its producer finds the job by it, and it is no other
            at = self.clock.now()
            self.idempotency.reserve(reservation(own, submitted.job.id, at), at=at)
        result = "replayed" if submitted.is_replay else "accepted"
        return Outcome(result=result, tenant_id=tenant_id, job=submitted.job)

    def _submitted(
        self, message: SubmissionMessage, tenant_id: TenantId, key: IdempotencyKey
    ) -> Submitted:
        """Submit, unless the job was made before: a request may be past its deadline by now."""
        try:
            checked = self._checked(message)
        except _RefusedError:
            made = self.submit.made_under(key)
            if made is None:
                raise
            return made
        return self.submit(Draft.of(checked, tenant_id, _submission_of(message)), key)

    def _checked(self, message: SubmissionMessage) -> CheckedSubmission:
        try:
            return check_submission(
                message.body.encode(),
                at=self.clock.now(),
                defaults=self.body_defaults,
                policy=self.egress_policy,
            )
        except UnreadableSubmissionError as error:
            raise _RefusedError(f"it is not JSON: {error}") from error
        except InvalidSubmissionError as error:
            reasons = (f"{_pointer_of(it)}: {it.message}" for it in error.errors)
            raise _RefusedError("; ".join(reasons)) from error

    def _key_of(self, message: SubmissionMessage, tenant_id: TenantId) -> IdempotencyKey:
        """Return the producer's key, else one that is the message's own."""
        try:
            fingerprint = fingerprint_of(message.body.encode())
        except (ValueError, RecursionError) as error:
            raise _RefusedError(f"it is not JSON: {error}") from error
        if not message.key:
            return message_key(tenant_id, message.id, fingerprint, self.retention)
        return IdempotencyKey(
            tenant_id=tenant_id, route=SUBMISSIONS, key=message.key, fingerprint=fingerprint
        )

    def _refuse(self, message: SubmissionMessage, tenant_id: TenantId, reason: str) -> Outcome:
        """Tell the tenant, then lay the message down; cut short, both are done again."""
        origin = Origin(message_id=message.id, sender=message.sender)
        notes = origin.signed(message.body, self.master_secret.text())
        if message.key:
            notes["idempotency_key"] = message.key
        fitting = notes_that_fit(message.body, notes, reason=reason)
        if tenant_id != NOBODY:
            self._tell(message, tenant_id, reason)
        if fitting is None:
            # It comes back at once, so that SQS soon finds that it was received too often.
            now = self.clock.now()
            return Outcome(result="refused_unnoted", tenant_id=tenant_id, look_again_at=now)
        self.dead_letters.bury(message.body, notes=fitting, group=tenant_id or "unknown")
        return Outcome(result="refused", tenant_id=tenant_id)

    def _tell(self, message: SubmissionMessage, tenant_id: TenantId, reason: str) -> None:
        now = self.clock.now()
        told = submission_rejected(
            tenant_id,
            _submission_of(message),
            reason=reason[:REASON_CHARACTERS_MAX],
            at=message.sent_at,
            purge_at=(now + self.retention).replace(microsecond=0),
        )
        self.wheel.put([watch(HintKind.EVENT, tenant_id, told.id, now)])
        self.events.insert(told)


def _submission_of(message: SubmissionMessage) -> Submission:
    key = message.key if is_key(message.key) else None
    return Submission(source="sqs", message_id=message.id, idempotency_key=key)


def _pointer_of(error: FieldError) -> str:
    """Return where a body is wrong, without names that its producer chose: they may say anything.

    What refuses a submission is told on the bus, which carries no content.
    """
    names = error.pointer.split("/")
    is_theirs = error.pointer.startswith("#/metadata/") or error.message.startswith(NO_FIELD)
    known = names[:-1] if is_theirs else names
    shown = [name if name == "#" or _OURS.fullmatch(name) else "*" for name in known]
    return "/".join([*shown, "*"] if is_theirs else shown)
