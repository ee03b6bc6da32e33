"""From the built template to a running stack in the local cloud."""

import io
import json
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.local.adapt_template import adapted, ttl_attributes
from tools.local.aws import client
from tools.local.parts import LOOPBACK, REGION
from tools.template import (
    CODE_PROPERTIES,
    Template,
    read_template,
    resources_of,
    translated,
    with_code_at,
)

STACK_NAME = "mistral-relay"
ARTIFACTS_BUCKET = "relay-local-artifacts"
TEMPLATE_KEY = "template.json"
DEPLOY_SECONDS_MAX = 120
POLL_SECONDS = 0.1


class DeployError(Exception):
    """The local cloud refused the template, or did not finish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A stack as deployed."""

    template: Template
    """What was deployed, after all adaptations."""
    physical_ids: Mapping[str, str]

    def id_of(self, logical_id: str) -> str:
        """Return what the local cloud calls a resource of the template."""
        return self.physical_ids[logical_id]

    def queue_url(self, logical_id: str) -> str:
        """Return a queue's address; nothing if the template has no such queue.

        The local cloud says ``localhost``, which not every client resolves to where it listens.
        """
        return self.physical_ids.get(logical_id, "").replace("//localhost:", f"//{LOOPBACK}:")


def deploy(
    endpoint: str,
    build: Path,
    *,
    parameters: Mapping[str, str],
    environment: Mapping[str, str],
) -> Deployment:
    """Upload what was built, adapt the template, and create the stack."""
    built = read_template(build / "template.yaml")
    upload(built, build, client("s3", endpoint))
    in_s3 = with_code_at(built, lambda logical_id: f"s3://{ARTIFACTS_BUCKET}/{logical_id}")
    template = adapted(translated(in_s3, REGION), parameters=parameters, environment=environment)
    # By an address, since a template that comes in the request itself may have 51,200 bytes only.
    body = json.dumps(template).encode()
    client("s3", endpoint).put_object(Bucket=ARTIFACTS_BUCKET, Key=TEMPLATE_KEY, Body=body)
    url = f"{endpoint}/{ARTIFACTS_BUCKET}/{TEMPLATE_KEY}"
    deployment = Deployment(
        template=template,
        physical_ids=_created(client("cloudformation", endpoint), url, parameters),
    )
    _set_ttl(client("dynamodb", endpoint), deployment)
    return deployment


def upload(built: Template, build: Path, s3: Any) -> None:
    """Put what was built for each function and layer into the local S3."""
    s3.create_bucket(
        Bucket=ARTIFACTS_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    folders = {
        logical_id: build / resource["Properties"][code]
        for type_name, code in CODE_PROPERTIES.items()
        for logical_id, resource in resources_of(built, type_name)
    }
    for logical_id, folder in folders.items():
        s3.put_object(Bucket=ARTIFACTS_BUCKET, Key=logical_id, Body=zipped(folder))


def zipped(folder: Path) -> bytes:
    """Return the folder as a zip file, stored: it does not leave this machine."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    return buffer.getvalue()


def _created(
    cloudformation: Any, template_url: str, parameters: Mapping[str, str]
) -> dict[str, str]:
    cloudformation.create_stack(
        StackName=STACK_NAME,
        TemplateURL=template_url,
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ],
        Capabilities=["CAPABILITY_IAM"],
        OnFailure="DO_NOTHING",
    )
    deadline = time.monotonic() + DEPLOY_SECONDS_MAX
    while True:
        (stack,) = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            break
        if stack["StackStatus"] != "CREATE_IN_PROGRESS" or time.monotonic() > deadline:
            raise DeployError(f"{stack['StackStatus']}: {_failures(cloudformation)}")
        time.sleep(POLL_SECONDS)
    resources = cloudformation.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    return {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in resources}


def _failures(cloudformation: Any) -> str:
    events = cloudformation.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
    return "; ".join(
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
        for event in events
        if event["ResourceStatus"].endswith("FAILED")
    )


def _set_ttl(dynamodb: Any, deployment: Deployment) -> None:
    for logical_id, attribute in ttl_attributes(deployment.template).items():
        dynamodb.update_time_to_live(
            TableName=deployment.id_of(logical_id),
            TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute},
        )
