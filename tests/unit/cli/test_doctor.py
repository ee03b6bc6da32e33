"""``relay doctor``: one line for each check, and what to do."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.exceptions import NoCredentialsError

from relay.adapters.dynamodb_circuit import DynamoDBCircuitStore
from relay.adapters.dynamodb_tenants import DynamoDBTenantStore
from relay.adapters.dynamodb_wheel import DynamoDBWheel
from relay.domain.api_key import Scope, hash_of, new_key
from relay.domain.circuit import Circuit
from relay.domain.ids import TenantId
from relay.domain.job import StatusReason
from relay.domain.tenant import Tenant
from relay.domain.wheel import SHARDS, Position, minute_of
from tests.cloud import TABLE, Cloud
from tests.fakes.examples import an_api_key
from tests.unit.cli.conftest import NOON, Relay, Said
from tests.unit.cli.fake_aws import DEAD_LETTERS, FakeAws
from tests.unit.cli.fake_deployment import TENANT_ID, FakeDeployment
from tests.unit.cli.fake_relay import API_URL
from tools.cli.saved_settings import Saved, read_saved, write_saved

MISTRAL_KEY = "mistral-canary"
SUBMITTER = new_key(bytes([1]) * 32)
ADMIN = new_key(bytes([2]) * 32)
SAVED = Saved(
    api_url=API_URL,
    stack_name="mistral-relay",
    region="eu-west-1",
    tenant_id=TENANT_ID,
    api_key=SUBMITTER,
    admin_key=ADMIN,
)


@pytest.fixture
def api(cloud: Cloud) -> FakeDeployment:
    api = FakeDeployment(cloud)
    jobs = frozenset({Scope.JOBS_READ, Scope.JOBS_WRITE})
    operator = TenantId("operator")
    api.keys.create(an_api_key(SUBMITTER, id="key_1", scopes=jobs))
    api.keys.create(
        an_api_key(ADMIN, id="key_2", tenant_id=operator, scopes=frozenset({Scope.ADMIN}))
    )
    return api


@pytest.fixture
def aws(cloud: Cloud) -> FakeAws:
    aws = FakeAws(cloud, API_URL)
    cloud.secretsmanager().put_secret_value(SecretId=aws.secret_arn, SecretString=MISTRAL_KEY)
    aws.oldest_due = [(NOON - timedelta(minutes=2), 900.0), (NOON - timedelta(minutes=1), 4.0)]
    return aws


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mistral-relay" / "config.json"


@pytest.fixture
def doctor(relay: Relay, api: FakeDeployment, aws: FakeAws, path: Path) -> Relay:
    """A machine on which ``relay init`` was run for a deployment that is well."""
    relay.service, relay.aws = api, aws
    relay.environment = {"XDG_CONFIG_HOME": str(path.parents[1])}
    relay.canaries += [MISTRAL_KEY, SUBMITTER, ADMIN]
    write_saved(path, SAVED)
    return relay


def troubles(said: Said) -> list[tuple[str, str]]:
    return [(one["check"], one["state"]) for one in said.json if one["state"] != "ok"]


def found(said: Said, check: str) -> str:
    (one,) = [one for one in said.json if one["check"] == check]
    return f"{one['found']} {one['what_to_do'] or ''}"


def test_a_deployment_that_is_well_has_no_other_line_than_ok(doctor: Relay) -> None:
    said = doctor("doctor")

    assert (said.exit_code, said.stderr) == (0, "")
    assert {line.split()[0] for line in said.stdout.splitlines()} == {"ok"}
    assert "It may read jobs, submit jobs.\n" in said.stdout
    assert "manage tenants and senders.\n" in said.stdout


def test_nothing_is_changed_by_looking(doctor: Relay, api: FakeDeployment) -> None:
    doctor("doctor")

    assert (api.made_keys, api.tenants) == ([], [])
    assert [body for body in api.bodies if body] == []


def test_for_machines_it_is_one_array(doctor: Relay) -> None:
    said = doctor("doctor", "--json")

    assert troubles(said) == []
    assert said.json[0] == {
        "check": "stack",
        "state": "ok",
        "found": "mistral-relay in eu-west-1 is CREATE_COMPLETE.",
        "what_to_do": None,
    }


def open_circuit(cloud: Cloud) -> None:
    store = DynamoDBCircuitStore(cloud.dynamodb(), TABLE)
    store.save(Circuit(), Circuit().opened(NOON, StatusReason.INSUFFICIENT_CREDITS))


def lay_down(queue: str) -> Callable[[FakeAws], None]:
    def act(aws: FakeAws) -> None:
        aws.cloud.sqs().send_message(QueueUrl=aws.resources[queue][0], MessageBody="x")

    return act


@pytest.mark.parametrize(
    ("spoil", "check", "state", "words"),
    [
        (lambda it: setattr(it, "status", "UPDATE_IN_PROGRESS"), "stack", "warning", "Wait"),
        (lambda it: setattr(it, "status", "ROLLBACK_COMPLETE"), "stack", "failed", "events"),
        (
            lambda it: setattr(it, "status", "UPDATE_ROLLBACK_COMPLETE"),
            "stack",
            "warning",
            "last deployment failed",
        ),
        (lambda it: setattr(it, "name", "other"), "stack", "failed", "no stack mistral-relay"),
        (lambda it: it.outputs.pop("EventBusName"), "outputs", "failed", "EventBusName"),
        (lambda it: open_circuit(it.cloud), "circuit", "failed", "no credit left"),
        (lambda it: it.ringing.add("WorkerErrorsAlarm"), "alarms", "failed", "See it."),
        (lambda it: setattr(it, "concurrency", 10), "concurrency", "warning", "Service Quotas"),
        (lambda it: it.alarms.clear(), "alarms", "cannot_tell", "none of the stack's 2"),
        (
            lambda it: it.mapping.update(State="Disabled"),
            "event sources",
            "failed",
            "WorkerFunctionJobs is Disabled",
        ),
        (
            lambda it: it.mapping.update(LastProcessingResult="PROBLEM: denied"),
            "event sources",
            "warning",
            "PROBLEM: denied",
        ),
        (
            lambda it: it.parameters.update(DefaultSqsTenant=TENANT_ID),
            "DefaultSqsTenant",
            "failed",
            "no tenant",
        ),
        (lay_down(DEAD_LETTERS[0]), "dead letters", "warning", "no job is lost"),
        (lay_down(DEAD_LETTERS[1]), "dead letters", "failed", "Redrive"),
        (lay_down(DEAD_LETTERS[2]), "dead letters", "warning", "reason says why"),
    ],
)
def test_what_is_wrong_in_aws_is_one_line_with_what_to_do(
    doctor: Relay,
    aws: FakeAws,
    spoil: Callable[[FakeAws], None],
    check: str,
    state: str,
    words: str,
) -> None:
    spoil(aws)

    said = doctor("doctor", "--json")

    assert troubles(said) == [(check, state)]
    assert words in said.stdout
    assert said.exit_code == int(state == "failed")


def test_a_default_tenant_that_exists_is_named(doctor: Relay, aws: FakeAws) -> None:
    tenant = Tenant(id=TenantId(TENANT_ID), name="Aperture", created_at=NOON)
    DynamoDBTenantStore(aws.cloud.dynamodb(), TABLE).create(tenant)
    aws.parameters["DefaultSqsTenant"] = TENANT_ID

    assert "Aperture" in found(doctor("doctor", "--json"), "DefaultSqsTenant")


@pytest.mark.parametrize(
    ("behind", "state", "words"),
    [(1, "ok", "by the table"), (60, "failed", "waits for 3600 s"), (None, "failed", "never")],
)
def test_without_the_metric_the_table_tells_whether_the_wheel_turns(
    doctor: Relay, aws: FakeAws, behind: int | None, state: str, words: str
) -> None:
    aws.oldest_due = [(NOON - timedelta(minutes=30), 1.0)]
    if behind is not None:
        swept = [Position(minute_of(NOON) - behind)] * SHARDS
        DynamoDBWheel(aws.cloud.dynamodb(), TABLE).advance(None, swept)

    said = doctor("doctor", "--json")

    assert troubles(said) == ([] if state == "ok" else [("wheel", state)])
    assert words in found(said, "wheel")


def test_a_stack_of_this_minute_may_not_have_turned_its_wheel_yet(
    doctor: Relay, aws: FakeAws
) -> None:
    aws.oldest_due, aws.created_at = [], NOON - timedelta(minutes=1)

    assert troubles(doctor("doctor", "--json")) == [("wheel", "warning")]


def test_a_metric_that_says_late_is_a_failure(doctor: Relay, aws: FakeAws) -> None:
    aws.oldest_due.append((NOON, 301.0))

    assert troubles(doctor("doctor", "--json")) == [("wheel", "failed")]


@pytest.mark.parametrize(
    ("denied", "check"),
    [
        ("get_secret_value", "Mistral's key"),
        ("get_account_settings", "concurrency"),
        ("get_event_source_mapping", "event sources"),
        ("get_queue_attributes", "dead letters"),
        ("describe_alarms", "alarms"),
        ("get_item", "circuit"),
        ("describe_stacks", "stack"),
    ],
)
def test_what_the_credentials_may_not_read_is_told_and_no_failure(
    doctor: Relay, aws: FakeAws, denied: str, check: str
) -> None:
    aws.denied = {denied}

    said = doctor("doctor", "--json")

    assert (said.exit_code, troubles(said)) == (0, [(check, "cannot_tell")])
    assert "".join(word.title() for word in denied.split("_")) in found(said, check)


@pytest.mark.parametrize("denied", ["get_metric_statistics", "get_function_configuration"])
def test_some_things_are_known_otherwise(doctor: Relay, aws: FakeAws, denied: str) -> None:
    aws.denied = {denied}
    swept = [Position(minute_of(NOON))] * SHARDS
    DynamoDBWheel(aws.cloud.dynamodb(), TABLE).advance(None, swept)

    assert troubles(doctor("doctor", "--json")) == []


def test_without_aws_credentials_the_rest_is_checked(doctor: Relay) -> None:
    def nobody(_: str) -> None:
        raise NoCredentialsError

    doctor.aws = nobody

    said = doctor("doctor", "--json")

    assert (said.exit_code, troubles(said)) == (0, [("stack", "cannot_tell")])
    assert "AWS_PROFILE" in found(said, "stack")
    assert "is accepted" in found(said, "admin key")


@pytest.mark.parametrize("stored", ["unset", MISTRAL_KEY, "two words"])
def test_a_key_for_mistral_that_is_of_no_use_is_told(
    doctor: Relay, api: FakeDeployment, aws: FakeAws, stored: str
) -> None:
    aws.cloud.secretsmanager().put_secret_value(SecretId=aws.secret_arn, SecretString=stored)
    api.mistral_status = 401

    said = doctor("doctor", "--json")

    assert (said.exit_code, troubles(said)) == (1, [("Mistral's key", "failed")])
    assert "relay init" in found(said, "Mistral's key")


def test_an_address_alone_is_asked_by_http_alone(doctor: Relay, aws: FakeAws) -> None:
    aws.denied = {"describe_stacks"}

    said = doctor("doctor", "--api-url", API_URL)

    checks = {line.split()[1] for line in said.stdout.splitlines()}
    assert checks == {"API", "version", "clock", "settings", "key", "admin"}
    assert "--stack-name" in said.stderr


def test_no_key_is_shown_to_another_address(doctor: Relay, api: FakeDeployment) -> None:
    said = doctor("doctor", "--api-url", "https://other.example", "--json")

    assert troubles(said) == [("key", "cannot_tell")]
    assert api.bodies == []


@pytest.mark.parametrize(
    ("date", "state", "words"),
    [
        ("Sat, 21 Nov 2026 12:00:20 GMT", "ok", "agree"),
        ("Sat, 21 Nov 2026 12:01:00 GMT", "warning", "60 s behind"),
        ("Sat, 21 Nov 2026 11:50:00 GMT", "failed", "600 s ahead of"),
        ("soon", "cannot_tell", "no time"),
    ],
)
def test_clocks_are_compared(
    doctor: Relay, api: FakeDeployment, date: str, state: str, words: str
) -> None:
    api.date = date

    said = doctor("doctor", "--json")

    assert troubles(said) == ([] if state == "ok" else [("clock", state)])
    assert words in found(said, "clock")


def test_another_version_is_a_warning(doctor: Relay, api: FakeDeployment) -> None:
    api.health["version"] = "99.0"

    assert troubles(doctor("doctor", "--json")) == [("version", "warning")]


def test_what_is_no_relay_is_told(doctor: Relay, api: FakeDeployment) -> None:
    api.health.clear()

    assert ("API", "failed") in troubles(doctor("doctor", "--json"))


def test_a_revoked_and_an_unknown_key_are_told(
    doctor: Relay, api: FakeDeployment, path: Path
) -> None:
    api.keys.revoke(api.keys.get(hash_of(ADMIN)), at=NOON)
    unknown = new_key(bytes([3]) * 32)
    write_saved(path, replace(SAVED, api_key=unknown))
    doctor.canaries.append(unknown)

    said = doctor("doctor", "--json")

    assert troubles(said) == [("key", "failed"), ("admin key", "failed")]


def test_settings_that_others_may_read_are_a_warning(doctor: Relay, path: Path) -> None:
    path.chmod(0o644)

    said = doctor("doctor", "--json")

    assert troubles(said) == [("settings", "warning")]
    assert "chmod 600" in found(said, "settings")


def test_without_any_settings_the_stack_alone_is_enough(doctor: Relay, path: Path) -> None:
    path.unlink()

    said = doctor("doctor", "--stack-name", "mistral-relay", "--json")

    assert troubles(said) == [("settings", "cannot_tell")]
    assert doctor("doctor").exit_code == 2


def test_settings_say_no_key_when_they_are_printed(path: Path) -> None:
    write_saved(path, SAVED)

    assert read_saved(path) == SAVED
    assert SUBMITTER not in repr(SAVED)
    assert ADMIN not in repr(SAVED)
