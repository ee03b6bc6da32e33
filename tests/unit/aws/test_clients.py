from collections.abc import Callable, Iterator
from typing import Any

import pytest

from relay.aws import clients

ALL = [clients.dynamodb, clients.sqs, clients.s3, clients.events, clients.secretsmanager]


@pytest.fixture(autouse=True)
def _new_clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no client of this test be met by another, nor the other way round."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-nobody")
    _forget()
    yield
    _forget()


def _forget() -> None:
    clients._session.cache_clear()  # noqa: SLF001 - it keeps the environment of its first use
    for make in ALL:
        make.cache_clear()


@pytest.mark.parametrize("make", ALL)
def test_a_client_is_made_once_and_gives_up_in_time(make: Callable[[], Any]) -> None:
    client = make()

    config: Any = client.meta.config
    assert make() is client
    assert config.connect_timeout == 1
    assert config.retries["mode"] == "standard"
    assert config.retries["total_max_attempts"] in {2, 3}
    assert config.read_timeout * config.retries["total_max_attempts"] <= 60


def test_links_to_the_bucket_are_signed_with_version_4() -> None:
    config: Any = clients.s3().meta.config

    assert config.signature_version == "s3v4"
