"""Requests and results: compressed in rows of their own while small, in the bucket above that.

An S3 put costs eight write units, so 8 KiB is where the bucket becomes the cheaper home. Objects
are kept as plain JSON, so that a link to one can be opened with anything, and whatever is too
large for a job's own JSON is an object, however well it compresses.
"""

import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from relay.aws.batches import delete_rows
from relay.aws.errors import aws_errors_translated, code_of
from relay.aws.values import from_item, to_item
from relay.domain.content import Content, Place
from relay.domain.errors import NotFoundError, UnavailableError
from relay.domain.job import Job
from relay.domain.job_view import RESULT_BYTES_MAX

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

ROW_BYTES_MAX = 8 * 1024
"""The largest compressed content that is kept in a row."""


class AwsContentStore:
    """Content in the table and in the bucket."""

    def __init__(
        self, dynamodb: "DynamoDBClient", table: str, s3: "Callable[[], S3Client]", bucket: str
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._s3 = s3
        self._bucket = bucket

    def put(self, job: Job, key: str, body: bytes) -> Content:
        """Keep bytes. Written twice under one key they are the same bytes, so no condition."""
        packed = zlib.compress(body)
        is_small = len(packed) <= ROW_BYTES_MAX and len(body) <= RESULT_BYTES_MAX
        place = Place.ROW if is_small else Place.OBJECT
        with aws_errors_translated():
            if place is Place.ROW:
                ttl = int(job.purge_at.timestamp())
                row = _row_key(job, key) | {"body": packed, "ttl": ttl}
                self._dynamodb.put_item(TableName=self._table, Item=to_item(row))
            else:
                self._s3().put_object(
                    Bucket=self._bucket,
                    Key=_object_key(job, key),
                    Body=body,
                    ContentType="application/json",
                )
        return Content(place=place, key=key, size_bytes=len(body))

    def get(self, job: Job, content: Content) -> bytes:
        """Return the bytes from wherever they are."""
        if content.inline is not None:
            return zlib.decompress(content.inline)
        if content.place is Place.OBJECT:
            return self._get_object(_object_key(job, content.key))
        with aws_errors_translated():
            found = self._dynamodb.get_item(
                TableName=self._table, Key=to_item(_row_key(job, content.key)), ConsistentRead=True
            )
        if "Item" not in found:
            raise NotFoundError(job.id)
        return zlib.decompress(from_item(found["Item"])["body"])

    def _get_object(self, key: str) -> bytes:
        try:
            with aws_errors_translated():
                return self._s3().get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except UnavailableError as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and code_of(cause) == "NoSuchKey":
                raise NotFoundError(key) from error
            raise

    def discard(self, job: Job, content: Content) -> None:
        """Delete a row or an object."""
        with aws_errors_translated():
            if content.place is Place.OBJECT:
                key = _object_key(job, content.key)
                self._s3().delete_object(Bucket=self._bucket, Key=key)
            else:
                self._dynamodb.delete_item(
                    TableName=self._table, Key=to_item(_row_key(job, content.key))
                )

    def purge(self, job: Job) -> None:
        """Delete every row and every object of a job, those of lost attempts included."""
        with aws_errors_translated():
            found = self._dynamodb.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues=to_item({":pk": f"B#{job.id}"}),
                ProjectionExpression="pk, sk",
                ConsistentRead=True,
            )
            objects = self._s3().list_objects_v2(
                Bucket=self._bucket, Prefix=f"{job.tenant_id}/{job.id}/"
            )
        # A job has one request and a result per attempt: far fewer than a page of either holds.
        delete_rows(self._dynamodb, self._table, found["Items"])
        for key in [kept.get("Key", "") for kept in objects.get("Contents", [])]:
            with aws_errors_translated():
                self._s3().delete_object(Bucket=self._bucket, Key=key)

    def link(self, job: Job, content: Content, *, lifetime: timedelta) -> str:
        """Return a presigned address; making it calls nobody."""
        return self._s3().generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": _object_key(job, content.key)},
            ExpiresIn=int(lifetime.total_seconds()),
        )


def _row_key(job: Job, key: str) -> dict[str, str]:
    return {"pk": f"B#{job.id}", "sk": key}


def _object_key(job: Job, key: str) -> str:
    return f"{job.tenant_id}/{job.id}/{key.replace('#', '-')}.json"
