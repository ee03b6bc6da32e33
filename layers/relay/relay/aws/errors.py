"""AWS's exceptions as ours, so that none of them crosses a port."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from relay.aws.values import Item
from relay.domain.errors import UnavailableError

CONDITION_FAILED = "ConditionalCheckFailedException"


def code_of(error: ClientError) -> str:
    """Return AWS's name for an error."""
    return error.response.get("Error", {}).get("Code", "unknown")


def row_before(error: ClientError) -> Item | None:
    """Return the row that a condition failed on, ``None`` where there is no such row.

    AWS puts it beside the error, where the stubs do not expect it.
    """
    response: Mapping[str, Any] = error.response
    return response.get("Item")


@contextmanager
def aws_errors_translated() -> Iterator[None]:
    """Turn whatever AWS says into ``UnavailableError``, except that a condition did not hold.

    A refused permission or an unknown table is no outage, but the caller can do no better about
    it than about one: keep the work, and let the log and the alarms say why.
    """
    try:
        yield
    except ClientError as error:
        if code_of(error) == CONDITION_FAILED:
            raise
        raise UnavailableError(f"AWS answered {code_of(error)}") from error
    except BotoCoreError as error:
        raise UnavailableError(f"AWS was not reached: {type(error).__name__}") from error
