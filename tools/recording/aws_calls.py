"""What a call of AWS's API asks of IAM: an action on a resource, for each part of it.

Standard library only, since the local stack lays this beside the functions that it starts.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

OPERATION_KNOWN_AS = {
    # Source: the Service Authorization Reference of each service. A batch call of SQS needs the
    # permission of its single call, and a transaction of DynamoDB those of its parts.
    "SendMessageBatch": "SendMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
    "DeleteMessageBatch": "DeleteMessage",
    "HeadObject": "GetObject",
    "DeleteObjects": "DeleteObject",
    "ListObjectsV2": "ListBucket",
    "ListObjects": "ListBucket",
}
PARTS_OF_TRANSACTIONS = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Get": "dynamodb:GetItem",
}
TRANSACTIONS = {"TransactWriteItems", "TransactGetItems"}
BATCHES_OF_ROWS = {"BatchGetItem", "BatchWriteItem"}
UNKNOWN = "what tools/recording/aws_calls.py cannot tell yet"
"""Stands for the resource of a call that is not known here, which no policy allows."""
NOT_FOUND = 404

type Parameters = Mapping[str, Any]


class Need(NamedTuple):
    """One permission that a call needs."""

    action: str
    resource: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where calls go that do not say it themselves."""

    region: str
    account: str

    def arn(self, service: str, name: str) -> str:
        """Return the ARN of something in this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{name}"


class _Emitter(Protocol):
    def register(self, event_name: str, handler: Callable[..., None]) -> object: ...


@dataclass(frozen=True, slots=True)
class Recorder:
    """Notes what each call of a session's clients needs, presigned links included."""

    place: Place
    note: Callable[[Need], None]

    def listen_to(self, emitter: _Emitter) -> None:
        """Listen to every client that a session makes from now on."""
        for event, handler in self.handlers():
            emitter.register(event, handler)

    def handlers(self) -> tuple[tuple[str, Callable[..., None]], ...]:
        """Return botocore's events, each with what listens to it."""
        return ("provide-client-params", self._asked), ("after-call.s3", self._answered)

    def _asked(self, params: Parameters, model: Any, context: Any, **_: object) -> None:
        needs = tuple(
            needs_of(model.service_model.service_name, model.name, params, place=self.place)
        )
        context["needs"] = needs
        for need in needs:
            self.note(need)

    def _answered(self, http_response: Any, context: Any, **_: object) -> None:
        """Note what it takes to be told that an object is gone: without it S3 answers 403."""
        if http_response.status_code == NOT_FOUND:
            for need in context["needs"]:
                self.note(Need("s3:ListBucket", need.resource.partition("/")[0]))


def needs_of(service: str, operation: str, params: Parameters, *, place: Place) -> Iterator[Need]:
    """Yield the permissions that a call needs."""
    if operation in TRANSACTIONS:
        for item in params["TransactItems"]:
            ((part, of_part),) = item.items()
            yield Need(PARTS_OF_TRANSACTIONS[part], _table(of_part["TableName"], place))
        return
    action = f"{service}:{OPERATION_KNOWN_AS.get(operation, operation)}"
    for resource in _resources_of(service, operation, params, place):
        yield Need(action, resource)


def _resources_of(service: str, operation: str, params: Parameters, place: Place) -> Iterator[str]:
    match service, params:
        case "dynamodb", _:
            yield from _in_dynamodb(operation, params, place)
        case "s3", {"Bucket": bucket}:
            yield from (f"arn:aws:s3:::{bucket}{key}" for key in _keys_in_s3(params))
        case "sqs", {"QueueUrl": str(url)}:
            yield Place(place.region, url.split("/")[-2]).arn("sqs", url.split("/")[-1])
        case "secretsmanager", {"SecretId": str(arn)} if arn.startswith("arn:"):
            yield arn
        case "events", {"Entries": entries}:
            yield from (_bus(entry["EventBusName"], place) for entry in entries)
        case _:
            yield UNKNOWN


def _in_dynamodb(operation: str, params: Parameters, place: Place) -> Iterator[str]:
    match params:
        case {"RequestItems": tables} if operation in BATCHES_OF_ROWS:
            yield from (_table(table, place) for table in tables)
        case {"TableName": table, "IndexName": index}:
            yield f"{_table(table, place)}/index/{index}"
        case {"TableName": table}:
            yield _table(table, place)
        case _:
            yield UNKNOWN


def _keys_in_s3(params: Parameters) -> Iterator[str]:
    """Yield how the ARN of each object goes on after its bucket's, or nothing for the bucket."""
    match params:
        case {"Delete": {"Objects": objects}}:
            yield from (f"/{it['Key']}" for it in objects)
        case {"Key": key}:
            yield f"/{key}"
        case _:
            yield ""


def _table(name: str, place: Place) -> str:
    return name if name.startswith("arn:") else place.arn("dynamodb", f"table/{name}")


def _bus(name: str, place: Place) -> str:
    return name if name.startswith("arn:") else place.arn("events", f"event-bus/{name}")
