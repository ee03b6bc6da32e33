import random
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import pytest

from relay.adapters.content_store import AwsContentStore
from relay.aws.values import to_item
from relay.domain.content import REQUEST_KEY, Content, Place, inline, result_key
from relay.domain.errors import NotFoundError, UnavailableError
from relay.domain.job import Job
from relay.domain.job_view import RESULT_BYTES_MAX
from relay.ports import ContentStore
from tests.cloud import BUCKET, TABLE, Cloud
from tests.fakes.contents import InMemoryContentStore
from tests.fakes.examples import BODY, OTHER_TENANT, a_job, a_job_id

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

A_WHILE = timedelta(minutes=15)


def noise(length: int) -> bytes:
    """Return bytes that do not compress, the same each time."""
    return random.Random(1).randbytes(length)  # noqa: S311 - an example


class Losing(ContentStore, Protocol):
    """A store of which a test can take something away."""

    def lose(self, job: Job, content: Content) -> None: ...


class ContentStoreContract:
    @pytest.fixture
    def contents(self) -> Losing:
        raise NotImplementedError

    @pytest.mark.parametrize(
        ("body", "place"),
        [
            pytest.param(b"", Place.ROW, id="nothing"),
            pytest.param(BODY, Place.ROW, id="small"),
            pytest.param(b"a" * RESULT_BYTES_MAX, Place.ROW, id="small once compressed"),
            pytest.param(noise(8_000), Place.ROW, id="just small enough"),
            pytest.param(noise(9_000), Place.OBJECT, id="too large for a row"),
            pytest.param(b"a" * (RESULT_BYTES_MAX + 1), Place.OBJECT, id="too large for a job"),
            pytest.param(noise(1_000_000), Place.OBJECT, id="large"),
        ],
    )
    def test_bytes_come_back_from_wherever_they_were_put(
        self, contents: Losing, body: bytes, place: Place
    ) -> None:
        kept = contents.put(a_job(), result_key(1), body)

        assert kept == Content(place=place, key="res#1", size_bytes=len(body))
        assert contents.get(a_job(), kept) == body

    def test_inline_bytes_are_read_from_the_job_itself(self, contents: Losing) -> None:
        assert contents.get(a_job(), inline(REQUEST_KEY, BODY)) == BODY

    @pytest.mark.parametrize("body", [BODY, noise(9_000)])
    def test_bytes_put_twice_are_the_same_bytes(self, contents: Losing, body: bytes) -> None:
        contents.put(a_job(), REQUEST_KEY, body)

        kept = contents.put(a_job(), REQUEST_KEY, body)

        assert contents.get(a_job(), kept) == body

    @pytest.mark.parametrize("size", [100, 9_000])
    def test_the_results_of_two_attempts_do_not_meet(self, contents: Losing, size: int) -> None:
        first = contents.put(a_job(), result_key(1), b"1" + noise(size))
        second = contents.put(a_job(), result_key(2), b"2" + noise(size))

        assert contents.get(a_job(), first).startswith(b"1")
        assert contents.get(a_job(), second).startswith(b"2")

    @pytest.mark.parametrize("body", [BODY, noise(9_000)])
    def test_bytes_that_have_expired_are_not_found(self, contents: Losing, body: bytes) -> None:
        kept = contents.put(a_job(), REQUEST_KEY, body)
        contents.lose(a_job(), kept)

        with pytest.raises(NotFoundError):
            contents.get(a_job(), kept)

    @pytest.mark.parametrize("body", [BODY, noise(9_000)])
    def test_one_jobs_bytes_are_not_anothers(self, contents: Losing, body: bytes) -> None:
        kept = contents.put(a_job(), REQUEST_KEY, body)

        with pytest.raises(NotFoundError):
            contents.get(a_job(id=a_job_id(2)), kept)

    def test_a_link_names_its_one_object_and_how_long_it_is_good(self, contents: Losing) -> None:
        kept = contents.put(a_job(), result_key(1), noise(9_000))

        link = contents.link(a_job(), kept, lifetime=A_WHILE)

        assert link.startswith("https://")
        assert a_job().id in link
        assert "900" in link

    @pytest.mark.parametrize("body", [BODY, noise(9_000)])
    def test_what_is_discarded_is_gone_and_the_rest_is_not(
        self, contents: Losing, body: bytes
    ) -> None:
        first = contents.put(a_job(), result_key(1), body)
        second = contents.put(a_job(), result_key(2), body)

        contents.discard(a_job(), first)
        contents.discard(a_job(), first)

        with pytest.raises(NotFoundError):
            contents.get(a_job(), first)
        assert contents.get(a_job(), second) == body

    def test_discarding_what_lies_in_the_jobs_own_row_is_no_error(self, contents: Losing) -> None:
        contents.discard(a_job(), inline(REQUEST_KEY, BODY))

    def test_a_job_is_purged_of_all_its_content_lost_attempts_included(
        self, contents: Losing
    ) -> None:
        """More than the batch calls of AWS take at once, some of it in rows, some in objects."""
        kept = [contents.put(a_job(), REQUEST_KEY, BODY)]
        kept += [contents.put(a_job(), result_key(fence), BODY) for fence in range(1, 28)]
        kept += [contents.put(a_job(), result_key(fence), noise(9_000)) for fence in (28, 29)]

        contents.purge(a_job())

        for content in kept:
            with pytest.raises(NotFoundError):
                contents.get(a_job(), content)

    def test_a_job_is_purged_of_nothing_of_another_job(self, contents: Losing) -> None:
        another = a_job(id=a_job_id(2))
        theirs = a_job(tenant_id=OTHER_TENANT, id=a_job_id(3))
        kept = [
            (job, contents.put(job, result_key(fence), body))
            for job in (another, theirs)
            for fence, body in enumerate([BODY, noise(9_000)])
        ]

        contents.purge(a_job())

        assert [contents.get(*it) for it in kept] == [BODY, noise(9_000)] * 2

    def test_purging_twice_is_done_already(self, contents: Losing) -> None:
        kept = contents.put(a_job(), REQUEST_KEY, BODY)
        contents.purge(a_job())

        contents.purge(a_job())

        with pytest.raises(NotFoundError):
            contents.get(a_job(), kept)


class TestInMemoryContentStore(ContentStoreContract):
    @pytest.fixture
    def contents(self) -> Losing:
        return InMemoryContentStore()


class AwsContents(AwsContentStore):
    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud.dynamodb(), TABLE, cloud.s3, BUCKET)
        self._cloud = cloud

    def lose(self, job: Job, content: Content) -> None:
        key = to_item({"pk": f"B#{job.id}", "sk": content.key})
        self._cloud.dynamodb().delete_item(TableName=TABLE, Key=key)
        name = f"{job.tenant_id}/{job.id}/{content.key.replace('#', '-')}.json"
        self._cloud.s3().delete_object(Bucket=BUCKET, Key=name)


class TestAwsContentStore(ContentStoreContract):
    @pytest.fixture
    def contents(self, cloud: Cloud) -> Losing:
        return AwsContents(cloud)

    def test_an_object_is_plain_json_that_any_reader_of_a_link_can_open(
        self, contents: Losing, cloud: Cloud
    ) -> None:
        body = b'{"text":"' + b"a" * RESULT_BYTES_MAX + b'"}'
        contents.put(a_job(), result_key(1), body)

        found = cloud.s3().get_object(
            Bucket=BUCKET, Key=f"{a_job().tenant_id}/{a_job().id}/res-1.json"
        )

        assert found["ContentType"] == "application/json"
        assert found["Body"].read() == body

    def test_bytes_in_a_row_expire_with_their_job(self, contents: Losing, cloud: Cloud) -> None:
        contents.put(a_job(), REQUEST_KEY, BODY)

        (row,) = cloud.dynamodb().scan(TableName=TABLE)["Items"]
        assert row["ttl"] == {"N": str(int(a_job().purge_at.timestamp()))}

    def test_a_bucket_that_fails_is_no_proof_that_bytes_are_gone(self, cloud: Cloud) -> None:
        store = AwsContentStore(cloud.dynamodb(), TABLE, cloud.s3, "no-such-bucket")

        with pytest.raises(UnavailableError):
            store.get(a_job(), Content(place=Place.OBJECT, key="res#1", size_bytes=1))

    def test_the_buckets_client_is_made_only_for_what_lies_in_the_bucket(
        self, cloud: Cloud
    ) -> None:
        def no_client() -> "S3Client":
            raise AssertionError("the bucket was not needed")

        store = AwsContentStore(cloud.dynamodb(), TABLE, no_client, BUCKET)

        assert store.get(a_job(), store.put(a_job(), REQUEST_KEY, BODY)) == BODY

    def test_nothing_of_a_purged_job_is_left_in_the_table_or_the_bucket(
        self, contents: Losing, cloud: Cloud
    ) -> None:
        contents.put(a_job(), REQUEST_KEY, BODY)
        contents.put(a_job(), result_key(1), noise(9_000))

        contents.purge(a_job())

        assert cloud.dynamodb().scan(TableName=TABLE)["Items"] == []
        assert "Contents" not in cloud.s3().list_objects_v2(Bucket=BUCKET)
