"""``relay init``: from a stack to the answer of a first job, as often as one likes."""

import json
from pathlib import Path
from typing import Any

import pytest

from relay.adapters.dynamodb_keys import DynamoDBKeyStore
from relay.domain.api_key import Scope, hash_of, new_key
from relay.domain.event import OPERATOR
from tests.cloud import TABLE, Cloud
from tests.fakes.examples import an_api_key
from tests.unit.cli.conftest import NOON, Relay, TerminalInput
from tests.unit.cli.fake_aws import FakeAws
from tests.unit.cli.fake_deployment import TENANT_ID, FakeDeployment
from tests.unit.cli.fake_relay import API_URL, JOB_ID

MISTRAL_KEY = "mistral-canary"
STEPS = 8


@pytest.fixture
def api(cloud: Cloud) -> FakeDeployment:
    return FakeDeployment(cloud)


@pytest.fixture
def aws(cloud: Cloud) -> FakeAws:
    return FakeAws(cloud, API_URL)


@pytest.fixture
def fresh(relay: Relay, api: FakeDeployment, aws: FakeAws, tmp_path: Path) -> Relay:
    """A machine with AWS credentials and Mistral's key, on which nothing is saved."""
    relay.service, relay.aws = api, aws
    relay.environment = {"XDG_CONFIG_HOME": str(tmp_path), "MISTRAL_API_KEY": MISTRAL_KEY}
    relay.canaries += [MISTRAL_KEY, *(new_key(bytes([number]) * 32) for number in range(1, 200))]
    return relay


def file_in(folder: Path) -> Path:
    return folder / "mistral-relay" / "config.json"


def saved_in(folder: Path) -> Any:
    return json.loads(file_in(folder).read_text())


def marks(stdout: str) -> str:
    return "".join(line[0] for line in stdout.splitlines())


def test_a_fresh_stack_answers_its_first_job(
    fresh: Relay, api: FakeDeployment, aws: FakeAws, tmp_path: Path
) -> None:
    said = fresh("init")

    assert (said.exit_code, marks(said.stdout)) == (0, "✓" * (STEPS + 1))
    assert "Because of Rayleigh." in said.stdout
    assert (aws.stored_key, api.mistral_keys) == (MISTRAL_KEY, [MISTRAL_KEY])
    saved = saved_in(tmp_path)
    admin, tenants = (api.keys.get(hash_of(saved[name])) for name in ("admin_key", "api_key"))
    assert (admin.tenant_id, admin.scopes) == (OPERATOR, frozenset({Scope.ADMIN}))
    assert tenants.tenant_id == TENANT_ID
    assert tenants.scopes == frozenset(Scope) - {Scope.ADMIN}
    assert api.tenants == [{"id": TENANT_ID, "name": "default"}]
    assert api.strangers == set()


def test_what_is_saved_is_for_its_owner_only_and_other_commands_find_it(
    fresh: Relay, tmp_path: Path
) -> None:
    fresh("init")

    assert file_in(tmp_path).stat().st_mode & 0o777 == 0o600
    assert fresh("submit", "Hello").stdout == f"{JOB_ID} completed\n"
    assert TENANT_ID in fresh("tenants", "list").stdout


def test_run_again_it_makes_nothing_more(fresh: Relay, api: FakeDeployment, tmp_path: Path) -> None:
    fresh("init")
    before = saved_in(tmp_path)

    said = fresh("init")

    assert said.exit_code == 0
    assert said.stdout.count("already") == 4
    assert (saved_in(tmp_path), len(api.made_keys), len(api.tenants)) == (before, 1, 1)
    assert len(api.keys.page(OPERATOR, before=None, limit=9)) == 1


@pytest.mark.parametrize("denied", ["put_secret_value", "transact_write_items"])
def test_what_was_refused_is_told_and_made_by_the_next_run(
    fresh: Relay, aws: FakeAws, api: FakeDeployment, denied: str
) -> None:
    aws.denied = {denied}
    first = fresh("init")
    aws.denied = set()

    second = fresh("init")

    assert (first.exit_code, marks(first.stdout)[-1]) == (3, "✗")
    assert "".join(word.title() for word in denied.split("_")) in first.stdout
    assert (second.exit_code, api.strangers) == (0, set())


def test_a_key_lost_on_the_way_is_told_and_another_made_next_time(
    fresh: Relay, api: FakeDeployment, tmp_path: Path
) -> None:
    api.loses_keys = True
    first = fresh("init")
    api.loses_keys = False

    assert fresh("init").exit_code == 0
    assert (first.exit_code, "key_1 was made" in first.stdout) == (4, True)
    assert saved_in(tmp_path)["api_key"] == api.made_keys[1]


def test_a_stored_key_stays_unless_it_is_to_be_replaced(fresh: Relay, aws: FakeAws) -> None:
    fresh("init")
    fresh.environment = {**fresh.environment, "MISTRAL_API_KEY": "second-canary"}
    fresh.canaries.append("second-canary")

    fresh("init")
    stayed = aws.stored_key
    fresh("init", "--replace-mistral-key")

    assert (stayed, aws.stored_key) == (MISTRAL_KEY, "second-canary")


def test_the_key_is_read_from_standard_input_or_asked_for_unseen(
    fresh: Relay, aws: FakeAws
) -> None:
    fresh.stdin = b"piped-canary\n"
    fresh.canaries += ["piped-canary", "typed-canary"]
    fresh("init", "--mistral-key-file", "-")
    piped = aws.stored_key
    fresh.environment = {"XDG_CONFIG_HOME": fresh.environment["XDG_CONFIG_HOME"]}
    fresh.input, fresh.typed_unseen = TerminalInput, "typed-canary"

    fresh("init", "--replace-mistral-key")

    assert (piped, aws.stored_key) == ("piped-canary", "typed-canary")


def test_without_a_key_and_without_anybody_to_ask_it_says_how_to_give_one(
    fresh: Relay, aws: FakeAws, tmp_path: Path
) -> None:
    fresh.environment = {"XDG_CONFIG_HOME": str(tmp_path)}

    said = fresh("init")

    assert (said.exit_code, aws.stored_key) == (2, "unset")
    assert "MISTRAL_API_KEY" in said.stdout
    assert "--mistral-key-file -" in said.stdout


def test_a_key_that_mistral_refuses_is_not_stored_and_no_job_is_run(
    fresh: Relay, api: FakeDeployment, aws: FakeAws, tmp_path: Path
) -> None:
    api.mistral_status = 401

    said = fresh("init")

    assert (said.exit_code, aws.stored_key) == (1, "unset")
    assert "Mistral refuses this key (401)" in said.stdout
    assert JOB_ID not in said.stdout
    assert saved_in(tmp_path)["api_key"] == api.made_keys[0]


@pytest.mark.parametrize(
    ("status", "word", "exit_code"),
    [
        (402, "credit", 1),
        (403, "may not", 1),
        (404, "MistralApiUrl", 1),
        (429, "MistralRequestsPerSecond", 0),
        (503, "answered 503", 0),
        (0, "Could not reach", 0),
    ],
)
def test_what_mistral_says_of_the_key_is_told_with_what_to_do(
    fresh: Relay, api: FakeDeployment, aws: FakeAws, status: int, word: str, exit_code: int
) -> None:
    api.mistral_status = status

    said = fresh("init")

    assert (said.exit_code, aws.stored_key) == (exit_code, MISTRAL_KEY)
    assert word in said.stdout


@pytest.mark.parametrize(
    ("status", "word"),
    [("CREATE_IN_PROGRESS", "Wait"), ("ROLLBACK_COMPLETE", "events"), ("UPDATE_FAILED", "events")],
)
def test_a_stack_that_is_not_ready_is_left_alone(
    fresh: Relay, aws: FakeAws, tmp_path: Path, status: str, word: str
) -> None:
    aws.status = status

    said = fresh("init")

    assert said.exit_code == 3
    assert f"{status}. " in said.stdout
    assert word in said.stdout
    assert (aws.stored_key, file_in(tmp_path).exists()) == ("unset", False)


def test_a_stack_that_is_not_there_is_told_with_where_it_was_looked_for(fresh: Relay) -> None:
    said = fresh("init", "--stack-name", "other")

    assert said.exit_code == 3
    assert "no stack other in eu-west-1" in said.stdout
    assert "--region" in said.stdout


def test_another_stack_is_not_taken_for_the_relay(fresh: Relay, aws: FakeAws) -> None:
    aws.outputs.clear()

    assert "has no output ApiUrl" in fresh("init").stdout


def test_an_admin_key_that_is_known_elsewhere_only_is_not_doubled_unasked(
    fresh: Relay, cloud: Cloud
) -> None:
    elsewhere = new_key(bytes([250]) * 32)
    keys = DynamoDBKeyStore(cloud.dynamodb(), TABLE)
    keys.create(an_api_key(elsewhere, tenant_id=OPERATOR, scopes=frozenset({Scope.ADMIN})))
    fresh.canaries.append(elsewhere)

    refused = fresh("init")
    fresh.environment = {**fresh.environment, "RELAY_API_KEY": elsewhere}
    taken = fresh("init")

    assert (refused.exit_code, "--new-admin-key" in refused.stdout) == (2, True)
    assert taken.exit_code == 0
    assert len(keys.page(OPERATOR, before=None, limit=9)) == 1


def test_another_admin_key_is_made_when_it_is_asked_for(fresh: Relay, api: FakeDeployment) -> None:
    elsewhere = new_key(bytes([250]) * 32)
    api.keys.create(an_api_key(elsewhere, tenant_id=OPERATOR, scopes=frozenset({Scope.ADMIN})))

    assert fresh("init", "--new-admin-key").exit_code == 0
    assert fresh("init", "--new-admin-key").exit_code == 0

    assert len(api.keys.page(OPERATOR, before=None, limit=9)) == 2


def test_a_revoked_admin_key_is_made_anew(
    fresh: Relay, api: FakeDeployment, tmp_path: Path
) -> None:
    fresh("init")
    revoked = saved_in(tmp_path)["admin_key"]
    api.keys.revoke(api.keys.get(hash_of(revoked)), at=NOON)

    assert fresh("init").exit_code == 0
    assert saved_in(tmp_path)["admin_key"] != revoked


def test_keys_of_another_deployment_are_never_overwritten(fresh: Relay, tmp_path: Path) -> None:
    fresh("init")
    before = saved_in(tmp_path)

    said = fresh("init", "--api-url", "https://other.example")

    assert (said.exit_code, saved_in(tmp_path)) == (2, before)
    assert "another deployment" in said.stdout


def test_a_key_of_another_tenant_is_never_overwritten(
    fresh: Relay, api: FakeDeployment, tmp_path: Path
) -> None:
    fresh("init")
    before = saved_in(tmp_path)
    api.tenants.append({"id": "ten_other", "name": "other"})

    said = fresh("init", "--tenant", "other")

    assert (said.exit_code, saved_in(tmp_path)) == (2, before)
    assert "relay keys create --tenant ten_other" in said.stdout


def test_a_first_job_that_fails_is_a_failure(fresh: Relay, api: FakeDeployment) -> None:
    error = {"code": "model_not_found", "hint": "Set DefaultModel."}
    api.ending = {"status": "failed", "error": error}

    said = fresh("init")

    assert said.exit_code == 1
    assert "model_not_found. Set DefaultModel." in said.stdout


def test_a_first_job_that_waits_says_why(fresh: Relay, api: FakeDeployment) -> None:
    api.ending = {"status": "queued", "status_reason": "invalid_api_key"}

    said = fresh("init")

    assert said.exit_code == 1
    assert "It waits: Mistral refuses the service's key." in said.stdout


def test_settings_that_hide_what_was_saved_are_told(fresh: Relay) -> None:
    fresh.environment = {
        **fresh.environment,
        "RELAY_API_URL": "https://other.example",
        "RELAY_API_KEY": "k",
    }

    said = fresh("init", "--skip-job")

    assert (said.exit_code, marks(said.stdout)[-1]) == (0, "!")
    assert "the environment" in said.stdout
