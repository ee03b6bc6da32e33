"""What AWS refuses, in words that say what to do; and where a person's AWS is."""

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
    TokenRetrievalError,
)

from relay.domain.errors import UnavailableError
from tests.unit.cli.conftest import Relay
from tests.unit.cli.fake_aws import refusal
from tools.cli.aws import DeniedError, aws_in_words
from tools.cli.errors import CliError, RefusedError, UnreachableError, UsageError


def in_words(error: Exception) -> CliError:
    with pytest.raises(CliError) as caught, aws_in_words("look at the stack"):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (NoCredentialsError(), UsageError, "AWS_PROFILE"),
        (TokenRetrievalError(provider="sso", error_msg="over"), UsageError, "aws sso login"),
        (NoRegionError(), UsageError, "--region"),
        (ProfileNotFound(profile="p"), UsageError, "--profile"),
        (EndpointConnectionError(endpoint_url="https://a"), UnreachableError, "AWS_ENDPOINT_URL"),
        (refusal("ExpiredTokenException", "DescribeStacks"), RefusedError, "aws sso login"),
        (refusal("AccessDenied", "DescribeStacks"), DeniedError, "DescribeStacks"),
        (refusal("Throttling", "DescribeStacks", "Slower"), RefusedError, "again"),
    ],
)
def test_each_refusal_says_what_to_do(
    error: BotoCoreError | ClientError, kind: type[CliError], words: str
) -> None:
    said = in_words(error)

    assert type(said) is kind
    assert words in " ".join((said.headline, *said.advice))


def test_what_the_relays_own_stores_raise_is_told_the_same() -> None:
    outage = UnavailableError("AWS answered AccessDenied")
    outage.__cause__ = refusal("AccessDenied", "GetItem")

    assert type(in_words(outage)) is DeniedError
    assert type(in_words(UnavailableError("slow"))) is UnreachableError


def test_without_a_region_the_first_step_says_so(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "of-nobody")
    relay.environment = {"HOME": str(relay.folder), "MISTRAL_API_KEY": "k"}

    said = relay("init")

    assert said.exit_code == 2
    assert "--region" in said.stdout


def test_a_profile_that_is_not_there_is_told(relay: Relay) -> None:
    relay.environment = {"HOME": str(relay.folder)}

    said = relay("init", "--region", "eu-west-1", "--profile", "of-nobody")

    assert said.exit_code == 2
    assert "no such profile" in said.stdout


def test_an_endpoint_that_is_no_address_is_told(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "of-nobody")
    relay.environment = {"HOME": str(relay.folder)}

    said = relay("init", "--region", "eu-west-1")

    assert said.exit_code == 2
    assert "AWS_ENDPOINT_URL" in said.stdout
