"""What ``bootstrap`` builds and ``main`` puts together, without a network and without AWS."""

import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, get_protocol_members

import pytest

from relay import bootstrap, ports
from relay.adapters.webhook_http import HttpWebhookSender
from relay.domain.egress import BlockedTargetError, check_url
from relay.domain.webhook_exchange import WebhookFailure, WebhookRequest
from tests.cloud import forget_clients
from tests.fakes.lambda_context import FakeLambdaContext
from tests.unit.functions.test_config import REQUIRED

SAMPLES = Path(__file__).parents[3] / "events"
FUNCTIONS = (
    "authorizer", "api", "intake", "worker", "publisher", "fanout", "deliverer", "sweeper",
)  # fmt: skip
PRODUCTION = bootstrap.egress_policy(allow_loopback_http=False, own_url="https://api.example.com")
QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs"
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x"


@pytest.fixture(autouse=True)
def _a_region_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make clients anew from an environment of this test's own, and forget them afterwards."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    forget_clients()
    yield
    forget_clients()


BUILDERS: list[tuple[type, Callable[[], object]]] = [
    (ports.Clock, bootstrap.clock),
    (ports.Dice, bootstrap.dice),
    (ports.ContentStore, lambda: bootstrap.content_store("table", "bucket")),
    (ports.JobStore, lambda: bootstrap.job_store("table")),
    (ports.EventStore, lambda: bootstrap.event_store("table")),
    (ports.DeliveryStore, lambda: bootstrap.delivery_store("table")),
    (ports.EndpointStore, lambda: bootstrap.endpoint_store("table")),
    (ports.CallbackSecretStore, lambda: bootstrap.callback_secret_store("table")),
    (ports.RecoveryStore, lambda: bootstrap.recovery_store("table")),
    (ports.KeyStore, lambda: bootstrap.key_store("table")),
    (ports.SenderStore, lambda: bootstrap.sender_store("table")),
    (ports.TenantStore, lambda: bootstrap.tenant_store("table")),
    (ports.IdempotencyStore, lambda: bootstrap.idempotency_store("table")),
    (ports.Wheel, lambda: bootstrap.wheel("table")),
    (ports.CircuitStore, lambda: bootstrap.circuit_store("table")),
    (ports.RateBucket, lambda: bootstrap.rate_bucket("table", "calls", per_second=10)),
    (ports.EventBus, lambda: bootstrap.event_bus("bus")),
    (ports.Queue, lambda: bootstrap.queue(QUEUE_URL)),
    (ports.DeadLetters, lambda: bootstrap.dead_letters(QUEUE_URL)),
    (ports.Visibility, lambda: bootstrap.visibility(QUEUE_URL)),
    (ports.Secret, lambda: bootstrap.secret(ARN)),
    (ports.Mistral, lambda: bootstrap.mistral("https://api.mistral.ai", bootstrap.secret(ARN))),
    (ports.WebhookSender, lambda: bootstrap.webhook_sender(PRODUCTION)),
    (ports.ChangeReader, bootstrap.change_reader),
]


@pytest.mark.parametrize(("port", "build"), BUILDERS, ids=[port.__name__ for port, _ in BUILDERS])
def test_what_is_built_for_a_port_has_all_that_it_asks_for(
    port: type, build: Callable[[], object]
) -> None:
    built = build()

    for member in get_protocol_members(port):
        is_attribute = isinstance(getattr(port, member), property)
        assert callable(getattr(built, member)) is not is_attribute


def test_every_port_has_a_builder() -> None:
    protocols = {
        value
        for value in vars(ports).values()
        if isinstance(value, type) and getattr(value, "_is_protocol", False)
    }

    assert {port for port, _ in BUILDERS} == protocols - {Protocol}


def test_a_blocking_call_is_run_beside_the_event_loop() -> None:
    def add(one: int, *, other: int) -> int:
        return one + other

    assert asyncio.run(bootstrap.offload(add, 1, other=2)) == 3


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/", "http://localhost/", "http://[::1]/"])
def test_only_the_local_stack_lets_a_callback_point_to_this_machine(url: str) -> None:
    with pytest.raises(BlockedTargetError):
        check_url(url, bootstrap.egress_policy(allow_loopback_http=False))


def test_the_local_stack_lets_a_callback_point_to_this_machine() -> None:
    check_url("http://127.0.0.1:8080/", bootstrap.egress_policy(allow_loopback_http=True))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/hooks",
        "http://localhost:8080/hooks",
        "https://127.0.0.1:8443/hooks",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/hooks",
        "http://example.com/hooks",
    ],
)
def test_the_way_out_to_subscribers_that_runs_on_aws_refuses_what_it_must(url: str) -> None:
    """The last wall: nothing before it may be all that stands between a tenant and our network."""
    sender = bootstrap.webhook_sender(PRODUCTION)

    answer = asyncio.run(sender.post(WebhookRequest(url, {}, b"{}")))

    assert answer.status_code is None
    assert answer.failure is WebhookFailure.BLOCKED_URL
    assert answer.duration < timedelta(seconds=5)


def test_the_way_out_to_subscribers_dials_what_was_checked_and_asks_no_proxy() -> None:
    from relay.adapters.pinned_network import PinnedBackend  # noqa: PLC0415 - what it must be

    sender = bootstrap.webhook_sender(PRODUCTION)

    assert isinstance(sender, HttpWebhookSender)
    assert isinstance(sender._backend, PinnedBackend)  # noqa: SLF001 - no other way to see it
    assert sender._policy == sender._backend._policy  # noqa: SLF001
    assert not sender._policy.allow_loopback_http  # noqa: SLF001


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Return what imports a function's ``main`` as Lambda does, anew each time."""

    def deploy(function: str, **changes: str) -> Any:
        name = f"functions.{function}.main"
        for settings, variables in REQUIRED.items():
            if settings.__name__.lower().startswith(function):
                for variable, value in (variables | changes).items():
                    monkeypatch.setenv(variable, value)
        monkeypatch.delitem(sys.modules, name, raising=False)
        module = importlib.import_module(name)
        monkeypatch.delitem(sys.modules, name)
        return module

    return deploy


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_has_one_sample_of_what_wakes_it(function: str) -> None:
    samples = [path.stem for path in SAMPLES.glob("*.json") if path.stem.startswith(function)]

    assert len(samples) == 1


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_is_put_together_from_its_environment_alone(
    function: str, deployed: Callable[[str], Any]
) -> None:
    assert callable(deployed(function).handle)


def test_the_api_answers_as_soon_as_it_is_put_together(deployed: Callable[..., Any]) -> None:
    event = {"routeKey": "GET /v1/health", "requestContext": {"requestId": "1"}}

    answer = deployed("api", DEFAULT_MAX_TOKENS="7", DEFAULT_TEMPERATURE="0.5").handle(
        event, FakeLambdaContext()
    )

    assert answer["statusCode"] == 200


@pytest.mark.parametrize("function", ["publisher", "fanout", "intake"])
def test_an_empty_batch_needs_nobody(function: str, deployed: Callable[[str], Any]) -> None:
    answer = deployed(function).handle({"Records": []}, FakeLambdaContext())

    assert answer == {"batchItemFailures": []}


def test_the_way_out_to_subscribers_does_not_lead_back_to_ourselves() -> None:
    sender = bootstrap.webhook_sender(PRODUCTION)

    answer = asyncio.run(sender.post(WebhookRequest("https://api.example.com/v1", {}, b"{}")))

    assert answer.failure is WebhookFailure.BLOCKED_URL
