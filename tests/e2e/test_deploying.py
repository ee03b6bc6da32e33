"""From a build to a deployment that answers, an upgrade, and nothing that is left of it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import Stack
from tests.e2e.trial import (
    EMAIL,
    NAME,
    Trial,
    a_shell,
    answers_to_the_guide,
    front_of,
    give_sam_its_bucket,
    ids_of,
    package,
)
from tools.template import read_template

INIT = ("-c", "from tools.cli.main import app; app()", "init", "--stack-name", NAME)


@pytest.fixture(scope="module")
def trial(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return a_shell(stack, tmp_path_factory.mktemp("trial"))


@pytest.fixture(scope="module")
def deployed(trial: Trial, stack: Stack) -> Iterator[dict[str, str]]:
    """Deploy by the guide; remove by the guide what a failed test may have left."""
    give_sam_its_bucket(stack.aws("cloudformation"))
    file = package(trial, stack.facts["mistral_url"])
    typed = answers_to_the_guide(read_template(file))
    trial.sam("deploy", "--guided", "--template-file", file, typed=typed)
    yield ids_of(stack.aws("cloudformation"))
    if exists(stack):
        table = ids_of(stack.aws("cloudformation"))["Table"]
        stack.aws("dynamodb").update_table(TableName=table, DeletionProtectionEnabled=False)
        remove(trial)


@pytest.fixture(scope="module")
def api(trial: Trial, deployed: dict[str, str]) -> Iterator[httpx.Client]:
    with front_of(trial, deployed["HttpApi"]) as client:
        yield client


@pytest.fixture(scope="module")
def first_job(trial: Trial, api: httpx.Client) -> dict[str, Any]:
    said = trial.python(*INIT, "--api-url", trial.api_url)
    api.headers["authorization"] = f"Bearer {trial.config()['api_key']}"
    assert "A first job was run" in said
    (job,) = api.get("/v1/jobs").json()["data"]
    return dict(job)


def remove(trial: Trial, *, status: int = 0) -> str:
    command = ("-m", "tools.remove_stack", "--stack-name", NAME, "--delete-data")
    return trial.python(*command, typed=f"{NAME}\n", status=status)


def exists(stack: Stack) -> bool:
    try:
        stack.aws("cloudformation").describe_stacks(StackName=NAME)
    except ClientError:
        return False
    return True


def test_a_deployment_by_the_guide_runs_a_first_job(first_job: dict[str, Any]) -> None:
    assert (first_job["status"], first_job["model"]) == ("completed", "mistral-small-latest")


def test_the_dashboard_is_made_and_alarms_go_to_the_email(
    deployed: dict[str, str], stack: Stack
) -> None:
    dashboard = stack.aws("cloudwatch").get_dashboard(DashboardName=deployed["Dashboard"])
    topic = deployed["AlarmTopic"]
    told = stack.aws("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    alarms = stack.aws("cloudwatch").describe_alarms(AlarmNamePrefix=f"{NAME}-")["MetricAlarms"]

    assert len(json.loads(dashboard["DashboardBody"])["widgets"]) == 13
    assert [(it["Protocol"], it["Endpoint"]) for it in told] == [("email", EMAIL)]
    assert [alarm["AlarmActions"] for alarm in alarms] == [[topic]] * 10


def test_an_upgrade_keeps_the_jobs_that_are_there(
    trial: Trial,
    api: httpx.Client,
    first_job: dict[str, Any],
    deployed: dict[str, str],
    stack: Stack,
) -> None:
    changed = ("DefaultModel=mistral-large-latest", "Stage=prod")
    file = trial.folder / "template.json"

    trial.sam(
        "deploy",
        "--template-file",
        file,
        "--no-confirm-changeset",
        "--parameter-overrides",
        *changed,
    )

    body = {"body": {"messages": [{"role": "user", "content": "Hi"}]}}
    made = api.post("/v1/jobs", json=body, headers={"prefer": "wait=20"}).json()
    kept = api.get(f"/v1/jobs/{first_job['id']}").json()
    table = stack.aws("dynamodb").describe_table(TableName=deployed["Table"])["Table"]
    assert (made["status"], made["model"]) == ("completed", "mistral-large-latest")
    assert (kept["status"], kept["model"]) == ("completed", "mistral-small-latest")
    assert table["DeletionProtectionEnabled"] is True


def test_production_is_not_removed_and_a_removal_leaves_nothing(
    trial: Trial, deployed: dict[str, str], stack: Stack
) -> None:
    refused = remove(trial, status=1)
    assert "Stage=dev" in refused
    trial.update("Stage=dev")

    said = remove(trial)

    assert "Its data is deleted" in said
    assert not exists(stack)
    assert deployed["Table"] not in stack.aws("dynamodb").list_tables()["TableNames"]
    buckets = [it["Name"] for it in stack.aws("s3").list_buckets()["Buckets"]]
    assert deployed["Bucket"] not in buckets
    functions = stack.aws("lambda").list_functions()["Functions"]
    assert [it["FunctionName"] for it in functions if it["FunctionName"].startswith(NAME)] == []
