"""One job, by the real API and the real worker, with whatever stands for Mistral."""

from typing import Any

from relay.ports import Mistral
from tests.fakes.clock import FakeClock
from tests.fakes.dice import FakeDice
from tests.fakes.examples import TENANT, an_api_key
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.webhook_sender import FakeWebhookSender
from tests.flows.deployment import TIMEOUTS, Deployment, Function, Machine
from tests.flows.gateway import Reply
from tests.flows.world import KEY


def run_one_job(mistral: Mistral, path: str, body: dict[str, Any]) -> Reply:
    """Submit a job, let the worker look at it once, and return how it then stands.

    A submission that is refused is returned as it was.
    """
    machine = Machine(
        clock=FakeClock(), dice=FakeDice(1), mistral=mistral, sender=FakeWebhookSender()
    )
    deployment = Deployment(machine)
    deployment.keys.create(an_api_key(KEY, tenant_id=TENANT))
    job = {"endpoint": path, "body": body}
    submitted = deployment.gateway.request("POST", "/v1/jobs", job, key=KEY)
    if submitted.status != 202:
        return submitted
    messages = deployment.queues[Function.WORKER].received()
    context = FakeLambdaContext(TIMEOUTS[Function.WORKER])
    deployment.handlers[Function.WORKER](messages, context)
    return deployment.gateway.request("GET", f"/v1/jobs/{submitted.json['id']}", key=KEY)
