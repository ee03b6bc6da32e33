"""Batch calls against answers made by hand: what they leave undone is what moto never does."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

from relay.aws.batches import READS_MAX, WRITES_MAX, delete_rows, get_rows, put_rows
from relay.aws.values import Item, to_item
from relay.domain.errors import UnavailableError
from tests.cloud import TABLE, Cloud

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TRIES = 5

type Write = Callable[["DynamoDBClient", str, list[Item]], None]


def keys(number: int) -> list[Item]:
    return [to_item({"pk": "P#1", "sk": f"{index:03}"}) for index in range(number)]


def puts(rows: list[Item]) -> Any:
    return [{"PutRequest": {"Item": row}} for row in rows]


def deletes(rows: list[Item]) -> Any:
    return [{"DeleteRequest": {"Key": row}} for row in rows]


@pytest.fixture
def client() -> "DynamoDBClient":
    return Cloud().dynamodb()


@pytest.fixture
def answers(client: "DynamoDBClient") -> Iterator[Stubber]:
    """What the table answers, in order; the test fails where a request is another or is missing."""
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def answer_to_writes(answers: Stubber, asked: Any, left: Any) -> None:
    answers.add_response(
        "batch_write_item",
        {"UnprocessedItems": {TABLE: left} if left else {}},
        {"RequestItems": {TABLE: asked}},
    )


def answer_to_reads(
    answers: Stubber, asked: list[Item], found: list[Item], left: list[Item], **only: Any
) -> None:
    answers.add_response(
        "batch_get_item",
        {
            "Responses": {TABLE: found} if found else {},
            "UnprocessedKeys": {TABLE: {"Keys": left}} if left else {},
        },
        {"RequestItems": {TABLE: {"Keys": asked, "ConsistentRead": True} | only}},
    )


WRITES = pytest.mark.parametrize(
    ("write", "requests"),
    [pytest.param(put_rows, puts, id="put"), pytest.param(delete_rows, deletes, id="delete")],
)


@WRITES
def test_rows_are_written_twenty_five_to_a_call(
    client: "DynamoDBClient", answers: Stubber, write: Write, requests: Callable[..., Any]
) -> None:
    rows = keys(2 * WRITES_MAX + 1)
    for start in (0, 25, 50):
        answer_to_writes(answers, requests(rows[start : start + 25]), [])

    write(client, TABLE, rows)


@pytest.mark.usefixtures("answers")
@WRITES
def test_no_rows_are_no_call(
    client: "DynamoDBClient", write: Write, requests: Callable[..., Any]
) -> None:
    write(client, TABLE, requests([]))


@WRITES
def test_what_is_left_unwritten_is_asked_for_again_and_nothing_else(
    client: "DynamoDBClient", answers: Stubber, write: Write, requests: Callable[..., Any]
) -> None:
    rows = keys(3)
    answer_to_writes(answers, requests(rows), requests(rows[1:]))
    answer_to_writes(answers, requests(rows[1:]), requests(rows[2:]))
    answer_to_writes(answers, requests(rows[2:]), [])

    write(client, TABLE, rows)


@WRITES
def test_what_is_left_unwritten_for_ever_is_an_outage(
    client: "DynamoDBClient", answers: Stubber, write: Write, requests: Callable[..., Any]
) -> None:
    for _ in range(TRIES):
        answer_to_writes(answers, requests(keys(2)), requests(keys(2)))

    with pytest.raises(UnavailableError, match="2 rows unwritten"):
        write(client, TABLE, keys(2))


@WRITES
def test_a_refused_write_is_an_outage(
    client: "DynamoDBClient", answers: Stubber, write: Write, requests: Callable[..., Any]
) -> None:
    answers.add_client_error(
        "batch_write_item",
        "ProvisionedThroughputExceededException",
        expected_params={"RequestItems": {TABLE: requests(keys(1))}},
    )

    with pytest.raises(UnavailableError, match="ProvisionedThroughputExceeded"):
        write(client, TABLE, keys(1))


def test_rows_are_read_a_hundred_to_a_call(client: "DynamoDBClient", answers: Stubber) -> None:
    rows = keys(READS_MAX + 1)
    answer_to_reads(answers, rows[:100], rows[:100], [])
    answer_to_reads(answers, rows[100:], rows[100:], [])

    assert list(get_rows(client, TABLE, rows)) == rows


@pytest.mark.usefixtures("answers")
def test_no_keys_are_no_call(client: "DynamoDBClient") -> None:
    assert list(get_rows(client, TABLE, [])) == []


def test_a_row_that_is_not_there_is_left_out(client: "DynamoDBClient", answers: Stubber) -> None:
    answer_to_reads(answers, keys(3), keys(2), [])

    assert list(get_rows(client, TABLE, keys(3))) == keys(2)


def test_what_is_left_unread_is_asked_for_again_and_nothing_twice(
    client: "DynamoDBClient", answers: Stubber
) -> None:
    rows = keys(3)
    answer_to_reads(answers, rows, rows[:1], rows[1:])
    answer_to_reads(answers, rows[1:], [], rows[1:])
    answer_to_reads(answers, rows[1:], rows[1:], [])

    assert list(get_rows(client, TABLE, rows)) == rows


def test_what_is_left_unread_for_ever_is_an_outage(
    client: "DynamoDBClient", answers: Stubber
) -> None:
    for _ in range(TRIES):
        answer_to_reads(answers, keys(2), [], keys(2))

    with pytest.raises(UnavailableError, match="2 rows unread"):
        list(get_rows(client, TABLE, keys(2)))


def test_only_the_attributes_that_are_named_are_asked_for_each_time(
    client: "DynamoDBClient", answers: Stubber
) -> None:
    only = {
        "ProjectionExpression": "#n0, #n1",
        "ExpressionAttributeNames": {"#n0": "sk", "#n1": "data"},
    }
    answer_to_reads(answers, keys(2), [], keys(2), **only)
    answer_to_reads(answers, keys(2), keys(2), [], **only)

    assert list(get_rows(client, TABLE, keys(2), names=("sk", "data"))) == keys(2)
