"""The documented way to AWS, taken in the local cloud: what is typed, and what is given for AWS.

Given for AWS: its address; the template as tools/local adapts it, since the local cloud does not
read an HTTP API's routes where SAM puts them; and the bucket that SAM would make for itself by a
transform that the local cloud does not know. All else is what docs/deploying.md tells to type.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.conftest import Stack
from tools.local.adapt_template import adapted
from tools.local.folder import BUILD, REPOSITORY
from tools.local.parts import LOOPBACK, REGION, SAM, address
from tools.local.processes import answers
from tools.template import Template, read_template, translated

NAME = "relay-trial"
EMAIL = "operator@example.com"
TEMPLATE = "template.json"
SECONDS_MAX = 240
SAMS_STACK = "aws-sam-cli-managed-default"
SAMS_TEMPLATE = {
    "Resources": {"SamCliSourceBucket": {"Type": "AWS::S3::Bucket"}},
    "Outputs": {"SourceBucket": {"Value": {"Ref": "SamCliSourceBucket"}}},
}


@dataclass(frozen=True)
class Trial:
    """A person's shell, in a folder of its own."""

    folder: Path
    environment: Mapping[str, str]
    api_url: str

    def run(self, *command: str | Path, typed: str = "", status: int = 0) -> str:
        """Run a command to its expected end and return what it said."""
        done = subprocess.run(  # noqa: S603 - our own tools
            command,
            cwd=self.folder,
            env=dict(self.environment),
            input=typed,
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == status, said[-5000:]
        return said

    def sam(self, *words: str | Path, typed: str = "") -> str:
        return self.run(SAM, *words, typed=typed)

    def update(self, *parameters: str) -> str:
        """Deploy again, with other parameters."""
        words = ("--no-confirm-changeset", "--parameter-overrides", *parameters)
        return self.run(SAM, "deploy", "--template-file", self.folder / TEMPLATE, *words)

    def python(self, *words: str, typed: str = "", status: int = 0) -> str:
        return self.run(sys.executable, *words, typed=typed, status=status)

    def config(self) -> dict[str, str]:
        """Return what `relay init` saved."""
        saved: dict[str, str] = json.loads(
            (self.folder / "mistral-relay" / "config.json").read_text("utf-8")
        )
        return saved


def a_shell(stack: Stack, folder: Path) -> Trial:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        front = address(probe.getsockname()[1])
    return Trial(
        folder,
        {
            "PATH": os.defpath,
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "PYTHONPATH": str(REPOSITORY),
            "AWS_ENDPOINT_URL": stack.facts["aws_endpoint_url"],
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "MISTRAL_API_KEY": "local",
            "SAM_CLI_TELEMETRY": "0",
            "__SAM_CLI_APP_DIR": str(folder),
            "LANG": "C.UTF-8",
        },
        front,
    )


def give_sam_its_bucket(cloudformation: Any) -> None:
    """Make what `sam deploy --resolve-s3` makes at its first run in an account."""
    with suppress(cloudformation.exceptions.AlreadyExistsException):
        cloudformation.create_stack(
            StackName=SAMS_STACK,
            TemplateBody=json.dumps(SAMS_TEMPLATE),
            Tags=[{"Key": "ManagedStackSource", "Value": "AwsSamCli"}],
        )
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=SAMS_STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def package(trial: Trial, mistral: str) -> Path:
    """Upload what was built, as `sam deploy` would, and return the adapted template's file."""
    packaged = trial.folder / "packaged.yaml"
    build = BUILD / "template.yaml"
    trial.sam(
        "package", "--resolve-s3", "--template-file", build, "--output-template-file", packaged
    )
    template = adapted(
        translated(read_template(packaged), REGION),
        parameters={},
        environment={"PUBLIC_API_URL": trial.api_url, "MISTRAL_API_URL": mistral},
    )
    file = trial.folder / TEMPLATE
    file.write_text(json.dumps(template), "utf-8")
    (trial.folder / "samconfig.toml").write_bytes((REPOSITORY / "samconfig.toml").read_bytes())
    return file


def answers_to_the_guide(template: Template) -> str:
    """Type Return at every question but those of the name and the email, and agree at the end."""
    said = {"AlarmEmail": EMAIL}
    parameters = [said.get(name, "") for name in template["Parameters"]]
    # Name, region; parameters; confirm, roles, rollback, save, file, environment; deploy.
    return "\n".join([NAME, "", *parameters, "", "", "", "", "", "", "y", ""])


@contextmanager
def front_of(trial: Trial, api_id: str) -> Iterator[httpx.Client]:
    """Give the second stack's API a plain address."""
    port = trial.api_url.rpartition(":")[2]
    aws = trial.environment["AWS_ENDPOINT_URL"]
    process = subprocess.Popen(  # noqa: S603 - our own tool
        [sys.executable, "-m", "tools.local.front", port, aws, api_id], cwd=REPOSITORY
    )
    try:
        while not answers(f"{trial.api_url}/v1/health"):
            assert process.poll() is None, "the front has ended"
        with httpx.Client(base_url=trial.api_url, timeout=40) as client:
            yield client
    finally:
        process.terminate()
        process.wait()


def ids_of(cloudformation: Any) -> dict[str, str]:
    found = cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]
    return {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in found}
