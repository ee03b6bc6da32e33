"""The intake's real handler on fakes, and the queue that producers send to."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from functions.intake.handler import make_handler
from functions.intake.take_submission import TakeSubmission
from relay.domain.egress import EgressPolicy
from relay.domain.errors import NotFoundError
from relay.domain.event import Event
from relay.domain.idempotency import message_key_hash
from relay.domain.ids import JobId, TenantId
from relay.domain.job import Job
from relay.domain.job_request import BodyDefaults
from relay.domain.sender import Sender
from relay.use_cases.submit_job import SubmitJob
from tests.fakes.changes import Changes
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.contents import InMemoryContentStore
from tests.fakes.dice import FakeDice
from tests.fakes.events import InMemoryEventStore
from tests.fakes.examples import TENANT
from tests.fakes.idempotency import InMemoryIdempotencyStore
from tests.fakes.jobs import InMemoryJobStore
from tests.fakes.log import ReadableLog
from tests.fakes.queue import InMemoryQueue, QueuedMessage
from tests.fakes.seam import QUIET, Seam
from tests.fakes.secret import FakeSecret
from tests.fakes.senders import InMemorySenderStore
from tests.fakes.wheel import InMemoryWheel
from tests.unit.functions.receiving import Receiving

RETENTION = timedelta(days=30)
VISIBILITY_TIMEOUT = timedelta(seconds=180)
RECEIVES_MAX = 400
"""The queue's own: what is received more often, SQS moves."""
PRODUCER = "AROAPRODUCER"
INTAKE = "AROAINTAKE"
"""The role under which the intake itself sends, as to the dead-letter queue."""
BODY: Mapping[str, Any] = {"body": {"messages": [{"role": "user", "content": "canary-prompt"}]}}


class _SubmissionsQueue(InMemoryQueue):
    """A queue whose messages come from whoever each test says."""

    sender_id = f"{PRODUCER}:session"

    def received(self, limit: int = 10) -> dict[str, Any]:
        event = super().received(limit)
        for record in event["Records"]:
            record["attributes"]["SenderId"] = self.sender_id
        return event


class Intake(Receiving):
    def __init__(self, *, seam: Seam = QUIET, default_tenant: TenantId = TENANT) -> None:
        clock = FakeClock()
        self.stream = Changes()
        self.jobs = InMemoryJobStore(seam, stream=self.stream)
        self.contents = InMemoryContentStore(seam)
        self.events = InMemoryEventStore(seam, stream=self.stream)
        self.wheel = InMemoryWheel(seam)
        self.idempotency = InMemoryIdempotencyStore(seam)
        self.senders = InMemorySenderStore(seam)
        self.jobs_queue = InMemoryQueue(clock, seam, name="jobs")
        self.dead = InMemoryQueue(clock, seam, name="submissions_dead")
        self.submissions = _SubmissionsQueue(
            clock,
            seam,
            name="submissions",
            visibility_timeout=VISIBILITY_TIMEOUT,
            receives_max=RECEIVES_MAX,
        )
        self.log = ReadableLog("intake")
        dice = FakeDice()
        take = TakeSubmission(
            submit=SubmitJob(
                jobs=self.jobs,
                contents=self.contents,
                wheel=self.wheel,
                idempotency=self.idempotency,
                queue=self.jobs_queue,
                clock=clock,
                dice=dice,
                retention=RETENTION,
            ),
            senders=self.senders,
            idempotency=self.idempotency,
            events=self.events,
            wheel=self.wheel,
            dead_letters=self.dead,
            master_secret=FakeSecret("canary-master", seam),
            clock=clock,
            body_defaults=BodyDefaults(model="mistral-small-latest"),
            egress_policy=EgressPolicy(allow_loopback_http=False),
            default_tenant=default_tenant,
            retention=RETENTION,
        )
        self.handle = make_handler(take, self.submissions, clock=clock, dice=dice, log=self.log)
        super().__init__(clock, self.submissions, self.handle)

    def map_sender(self, identity: str, tenant_id: TenantId) -> None:
        self.senders.create(Sender(id=identity, tenant_id=tenant_id, created_at=NOON))

    def send(self, body: Any = BODY, **attributes: str) -> str:
        """Send a message as a producer would, and return the id that SQS gives it."""
        text = body if isinstance(body, str) else json.dumps(body)
        self.submissions.send_text(text, attributes=attributes)
        return self.submissions.messages[-1].id

    def redrive(self) -> None:
        """Move what was laid down back, as SQS does: under new ids, and by somebody else."""
        for message in self.dead.messages:
            self.submissions.send_text(message.body, attributes=message.attributes)
        self.dead.messages.clear()
        self.submissions.sender_id = f"{INTAKE}:redrive"

    def job_of(self, message_id: str, tenant_id: TenantId = TENANT) -> JobId | None:
        """Return the job that a producer finds by its message's id, as the API looks for it."""
        at = self.clock.at
        try:
            held = self.idempotency.get(tenant_id, message_key_hash(message_id), at=at)
        except NotFoundError:
            return None
        return JobId(held.resource_id)

    @property
    def job(self) -> Job:
        (job,) = self.jobs.all()
        return job

    @property
    def buried(self) -> QueuedMessage:
        (message,) = self.dead.messages
        return message

    @property
    def rejection(self) -> Event:
        (event,) = self.events.all()
        return event

    @property
    def outcomes(self) -> list[str]:
        return [line["outcome"] for line in self.log.named("submission.taken")]
