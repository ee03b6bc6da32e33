"""Jobs in DynamoDB."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from relay.aws.batches import get_rows
from relay.aws.errors import aws_errors_translated, row_before
from relay.aws.job_row import PREFIX, from_row, key_of, to_row
from relay.aws.listing import Part, merged
from relay.aws.reading import read_each, read_one
from relay.aws.update import Condition, change_row, put_row
from relay.aws.values import WRITE_UNIT_BYTES, Item, size_of, text_of, to_item, to_value
from relay.domain.errors import (
    AlreadyExistsError,
    JobNotClaimableError,
    LostLeaseError,
    NotFoundError,
    UnreadableRowError,
)
from relay.domain.ids import SHARDS, JobId, TenantId
from relay.domain.job import Job
from relay.domain.moments import to_milliseconds
from relay.ports import Dice, Found

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROW_GROWTH_BYTES = 314
"""What a row gains at most from its submission to its completion: see the write units' test."""
HOLDER_BYTES = 8
PAGE_ROWS = 10
"""Rows of one shard to a page of a list: eight of them fill the default page four times over."""
_FIRST, _LAST = "job_", "job`"  # before and after every job's id


class DynamoDBJobStore:
    """Jobs, one row each, with the request in the same row where both fit one write unit."""

    def __init__(self, client: "DynamoDBClient", table: str, dice: Dice) -> None:
        self._client = client
        self._table = table
        self._dice = dice

    def has_room_for(self, job: Job) -> bool:
        """Tell whether each write of the job's life stays within one write unit."""
        return size_of(to_row(job)) + ROW_GROWTH_BYTES <= WRITE_UNIT_BYTES

    def submit(self, job: Job) -> None:
        """Write the row unless there is one."""
        row = to_row(job)
        if put_row(self._client, self._table, row) not in (None, row):  # else our own, unheard
            raise AlreadyExistsError(job.id)

    def get(self, tenant_id: TenantId, job_id: JobId, *, at: datetime) -> Job:
        """Read a job, strongly consistent. DynamoDB's own expiry is late, so it is checked here."""
        with aws_errors_translated():
            found = self._client.get_item(
                TableName=self._table, Key=key_of(tenant_id, job_id), ConsistentRead=True
            )
        if "Item" not in found:
            raise NotFoundError(job_id)
        job = from_row(found["Item"])
        if job.purge_at <= at or job.deleted_at is not None:
            raise NotFoundError(job_id)
        return job

    def claim(
        self, tenant_id: TenantId, job_id: JobId, *, at: datetime, lease_margin: timedelta
    ) -> Job:
        """Claim in one conditional write; what it was before is read from the failure only.

        ``holder`` tells a claim of ours that was made and not heard of from a rival's.
        """
        holder = self._dice.randomness(HOLDER_BYTES)
        is_due = "#status = :queued AND (attribute_not_exists(ready_at) OR ready_at <= :at)"
        is_abandoned = "#status = :in_progress AND lease_until < :at"
        is_in_time = "deadline > :at"
        has_attempts = "attempts < attempts_max"
        try:
            with aws_errors_translated():
                changed = self._client.update_item(
                    TableName=self._table,
                    Key=key_of(tenant_id, job_id),
                    UpdateExpression=(
                        "SET #status = :in_progress, holder = :holder, changed_at = :at,"
                        " lease_until = timeout_ms + :lease_base,"
                        " started_at = if_not_exists(started_at, :at), attempts = attempts + :one,"
                        " fence = fence + :one, version = version + :one"
                        " REMOVE ready_at, status_reason"
                    ),
                    ConditionExpression=(
                        f"(({is_due}) OR ({is_abandoned})) AND {is_in_time} AND {has_attempts}"
                    ),
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues=to_item(
                        {
                            ":queued": "queued",
                            ":in_progress": "in_progress",
                            ":at": to_milliseconds(at),
                            ":lease_base": to_milliseconds(at + lease_margin),
                            ":holder": holder,
                            ":one": 1,
                        }
                    ),
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ClientError as error:
            row = row_before(error)
            if row is None:
                raise NotFoundError(job_id) from error
            is_ours = row.get("holder") == to_value(holder)
            if not is_ours or row["status"] != to_value("in_progress"):
                raise JobNotClaimableError(from_row(row)) from error
            return from_row(row)
        return from_row(changed["Attributes"])

    def save(self, before: Job, after: Job) -> None:
        """Write what differs. A claim raises the version too, so one condition fences all."""
        old, new = to_row(before), to_row(after)
        if not change_row(self._client, self._table, old, new, _is_as_read(old)):
            raise LostLeaseError(after.id)

    def find(self, names: Collection[tuple[TenantId, JobId]]) -> Found[JobId, Job]:
        """Read jobs in batches, strongly consistent."""
        keys = [key_of(tenant_id, job_id) for tenant_id, job_id in dict.fromkeys(names)]
        rows = get_rows(self._client, self._table, keys)
        return read_each(rows, lambda row: JobId(text_of(row, "sk")), from_row)

    def newest_first(
        self, tenant_id: TenantId, *, before: str | None = None, since: str | None = None
    ) -> Iterator[Job]:
        """Merge the tenant's shards, each read a page at a time and only when its turn comes."""
        shards = [
            Part(
                partition=f"{PREFIX}{tenant_id}#{shard}",
                first=since or _FIRST,
                before=before or _LAST,
                page_rows=PAGE_ROWS,
            )
            for shard in range(SHARDS)
        ]
        for row in merged(self._client, self._table, shards):
            with suppress(UnreadableRowError):
                yield read_one(row, from_row)


def _is_as_read(row: Item) -> Condition:
    """Return what holds of a row that has not changed: its version, and what an end may gain.

    What a job gains once it has ended keeps the version, or it would be told as another end.
    """
    clauses, values = ["version = :version"], {":version": row["version"]}
    for name in ("#usage", "deleted_at"):
        exists = "exists" if name.removeprefix("#") in row else "not_exists"
        clauses.append(f"attribute_{exists}({name})")
    if "told_again" in row:
        clauses.append("told_again = :told_again")
        values[":told_again"] = row["told_again"]
    else:
        clauses.append("attribute_not_exists(told_again)")
    return Condition(" AND ".join(clauses), values, {"#usage": "usage"})
