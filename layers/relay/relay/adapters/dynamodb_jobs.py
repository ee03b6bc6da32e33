"""Jobs in DynamoDB."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from relay.aws.errors import aws_errors_translated, row_before
from relay.aws.job_row import from_row, key_of, to_row
from relay.aws.update import is_done, update_of
from relay.aws.values import WRITE_UNIT_BYTES, size_of, to_item, to_value
from relay.aws.wheel_row import hint_row
from relay.domain.errors import (
    AlreadyExistsError,
    JobNotClaimableError,
    LostLeaseError,
    NotFoundError,
)
from relay.domain.ids import JobId, TenantId
from relay.domain.job import Job
from relay.domain.moments import to_milliseconds
from relay.ports import Dice

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROW_GROWTH_BYTES = 300
"""What a row gains at most from its submission to its completion: see the write units' test."""
HOLDER_BYTES = 8


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
        """Write the wheel's hint, then the job: cut short, a hint without a job does nothing."""
        row = to_row(job)
        try:
            with aws_errors_translated():
                self._client.put_item(TableName=self._table, Item=hint_row(job))
                self._client.put_item(
                    TableName=self._table,
                    Item=row,
                    ConditionExpression="attribute_not_exists(pk)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ClientError as error:
            if row_before(error) != row:  # else a retry of our own write
                raise AlreadyExistsError(job.id) from error

    def get(self, tenant_id: TenantId, job_id: JobId, *, at: datetime) -> Job:
        """Read a job, strongly consistent. DynamoDB's own expiry is late, so it is checked here."""
        with aws_errors_translated():
            found = self._client.get_item(
                TableName=self._table, Key=key_of(tenant_id, job_id), ConsistentRead=True
            )
        if "Item" not in found:
            raise NotFoundError(job_id)
        job = from_row(found["Item"])
        if job.purge_at <= at:
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
        is_unchanged = "version = :version"
        try:
            with aws_errors_translated():
                self._client.update_item(
                    TableName=self._table,
                    Key=key_of(after.tenant_id, after.id),
                    ConditionExpression=is_unchanged,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **update_of(old, new, {":version": old["version"]}),
                )
        except ClientError as error:
            if not is_done(row_before(error), old, new):  # else a retry of our own write
                raise LostLeaseError(after.id) from error
