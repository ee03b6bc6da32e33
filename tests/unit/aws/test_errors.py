import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from relay.aws.errors import aws_errors_translated, code_of, row_before
from relay.domain.errors import UnavailableError


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "quotes a key"}}, "PutItem")


@pytest.mark.parametrize(
    "error",
    [
        client_error("ProvisionedThroughputExceededException"),
        client_error("AccessDeniedException"),
        ConnectTimeoutError(endpoint_url="https://dynamodb.invalid"),
    ],
)
def test_whatever_aws_says_is_an_outage_to_the_caller(error: Exception) -> None:
    with pytest.raises(UnavailableError) as raised, aws_errors_translated():
        raise error

    assert raised.value.__cause__ is error
    assert "quotes a key" not in str(raised.value)


def test_a_condition_that_did_not_hold_is_left_to_the_adapter() -> None:
    with pytest.raises(ClientError), aws_errors_translated():
        raise client_error("ConditionalCheckFailedException")


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), aws_errors_translated():
        raise KeyError("a defect of ours")


def test_an_error_without_a_code_is_still_read() -> None:
    error = ClientError({}, "PutItem")

    assert code_of(error) == "unknown"
    assert row_before(error) is None
