"""Removes a deployment from AWS: the stack, and only if told so the data that outlives it.

Usage: ``python -m tools.remove_stack --stack-name NAME [--delete-data]``, with the usual variables
of AWS for the account and the region. It asks for the stack's name before it does anything.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

SECRET_RECOVERY_DAYS = 7  # the least that Secrets Manager takes
OBJECTS_AT_ONCE = 1000
LOOK_EVERY_SECONDS = 2
LOOKS_MAX = 900  # half an hour

type Client = Callable[[str], Any]


class RemovalError(Exception):
    """It cannot be removed, and nothing was; or AWS did not end what it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What the stack's deletion leaves, by AWS's names."""

    table: str
    bucket: str
    secret: str

    def __str__(self) -> str:
        return f"  table  {self.table}\n  bucket {self.bucket}\n  secret {self.secret}"


def data_of(resources: Mapping[str, str]) -> Data:
    """Return what is kept of a stack whose resources are given by their logical ids.

    Raises:
        RemovalError: it is not a stack of this project.
    """
    try:
        return Data(
            table=resources["Table"],
            bucket=resources["Bucket"],
            secret=resources["WebhookMasterSecret"],
        )
    except KeyError as error:
        raise RemovalError(f"The stack has no {error.args[0]}, so it is something else.") from error


def refuse_if_protected(client: Client, data: Data) -> None:
    """Refuse before anything is gone.

    Raises:
        RemovalError: the table is protected.
    """
    table = client("dynamodb").describe_table(TableName=data.table)["Table"]
    if table.get("DeletionProtectionEnabled"):
        raise RemovalError(
            "The table is protected, as Stage=prod asks. Deploy with Stage=dev first:\n"
            "  .tools/sam/bin/sam deploy --parameter-overrides Stage=dev"
        )


def delete_stack(client: Client, stack_id: str) -> None:
    """Delete the stack and wait until it is gone.

    Raises:
        RemovalError: something of it was not deleted.
    """
    cloudformation = client("cloudformation")
    cloudformation.delete_stack(StackName=stack_id)
    waiter = cloudformation.get_waiter("stack_delete_complete")
    config = {"Delay": LOOK_EVERY_SECONDS, "MaxAttempts": LOOKS_MAX}
    waiter.wait(StackName=stack_id, WaiterConfig=config)


def delete_data(client: Client, data: Data) -> None:
    """Delete the table and the bucket for good, and let the secret expire."""
    client("dynamodb").delete_table(TableName=data.table)
    s3 = client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(
        Bucket=data.bucket, PaginationConfig={"PageSize": OBJECTS_AT_ONCE}
    ):
        keys = [{"Key": it["Key"]} for it in page.get("Contents", [])]
        if keys:
            gone = s3.delete_objects(Bucket=data.bucket, Delete={"Objects": keys, "Quiet": True})
            if gone.get("Errors"):
                raise RemovalError(f"Objects were not deleted: {gone['Errors'][0]}")
    s3.delete_bucket(Bucket=data.bucket)
    client("secretsmanager").delete_secret(
        SecretId=data.secret, RecoveryWindowInDays=SECRET_RECOVERY_DAYS
    )


def remove(client: Client, name: str, *, with_data: bool, confirm: Callable[[str], str]) -> None:
    """Remove a stack after its name was typed.

    Raises:
        RemovalError: it cannot be, or the name was not typed.
    """
    cloudformation = client("cloudformation")
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    data = data_of(
        {
            it["LogicalResourceId"]: it.get("PhysicalResourceId", "")
            for page in pages
            for it in page["StackResourceSummaries"]
        }
    )
    if with_data:
        refuse_if_protected(client, data)
    print(f"{'This goes too' if with_data else 'This stays'}, with every job and answer in it:")
    print(data)
    if confirm(f"Type {name} to remove the stack {name}: ").strip() != name:
        raise RemovalError("Nothing was removed.")
    delete_stack(client, stack["StackId"])
    print("The stack is deleted.")
    if with_data:
        delete_data(client, data)
        print(f"Its data is deleted; the secret can be restored for {SECRET_RECOVERY_DAYS} days.")


def main() -> int:
    """Remove the stack that the command line names, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stack-name", required=True)
    parser.add_argument("--delete-data", action="store_true", help="delete all jobs and keys too")
    parser.add_argument("--region", help="the stack's region, if not that of the environment")
    options = parser.parse_args()
    session = botocore.session.Session()
    clients: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in clients:
            clients[service] = session.create_client(service, region_name=options.region)
        return clients[service]

    try:
        remove(client, options.stack_name, with_data=options.delete_data, confirm=input)
    except EOFError:
        print("Nothing was removed.", file=sys.stderr)
        return 1
    except (RemovalError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
