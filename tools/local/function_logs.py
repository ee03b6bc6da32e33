"""What the functions logged. The local cloud keeps it as CloudWatch does, in log groups."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tools.local.aws import client
from tools.local.deploy import Deployment
from tools.local.folder import LOGS
from tools.template import resources_of

EVENTS_MAX = 20_000  # of each function, the latest


def save_function_logs(deployment: Deployment, endpoint: str) -> None:
    """Write each function's log beside the parts' logs. A local cloud that is gone has none."""
    logs = client("logs", endpoint)
    try:
        for name, function in resources_of(deployment.template, "AWS::Lambda::Function"):
            group = function["Properties"].get("LoggingConfig", {}).get("LogGroup", {}).get("Ref")
            if group:
                _save(logs, deployment.id_of(group), name)
    except (BotoCoreError, ClientError):
        return


def _save(logs: Any, group: str, name: str) -> None:
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, PaginationConfig={"MaxItems": EVENTS_MAX}
    )
    lines = [event["message"].rstrip("\n") for page in pages for event in page["events"]]
    (LOGS / f"{name}.log").write_text("\n".join([*lines, ""]), "utf-8")
