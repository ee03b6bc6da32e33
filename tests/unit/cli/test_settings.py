"""Where the command line looks for the service."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import ENVIRONMENT, Relay
from tests.unit.cli.fake_relay import API_KEY, API_URL, JOB_ID, FakeRelay
from tools.cli.errors import UsageError
from tools.cli.settings import find_settings


def write_stack(folder: Path, content: str | None = None) -> None:
    (folder / ".relay").mkdir(parents=True)
    stack = {"api_url": "http://127.0.0.1:8080", "api_key": "mrl_live_local"}
    (folder / ".relay" / "stack.json").write_text(content or json.dumps(stack))


def test_the_environment_comes_before_a_local_stack(tmp_path: Path) -> None:
    write_stack(tmp_path)

    settings = find_settings(ENVIRONMENT, tmp_path)

    assert (settings.api_url, settings.api_key) == (API_URL, API_KEY)


def test_the_nearest_stack_upwards_is_taken(tmp_path: Path) -> None:
    write_stack(tmp_path)
    (tmp_path / "a" / "b").mkdir(parents=True)

    settings = find_settings({}, tmp_path / "a" / "b")

    assert settings.api_url == "http://127.0.0.1:8080"
    assert settings.is_loopback


def test_a_stack_nearer_by_hides_one_further_up(tmp_path: Path) -> None:
    write_stack(tmp_path, '{"api_url": "http://127.0.0.1:1", "api_key": "far"}')
    write_stack(tmp_path / "a")

    assert find_settings({}, tmp_path / "a").api_key == "mrl_live_local"


@pytest.mark.parametrize("present", list(ENVIRONMENT))
def test_half_an_environment_never_mixes_with_a_stack(tmp_path: Path, present: str) -> None:
    write_stack(tmp_path)

    with pytest.raises(UsageError, match=f"{present} is set"):
        find_settings({present: ENVIRONMENT[present]}, tmp_path)


def save(folder: Path, content: str | None = None) -> dict[str, str]:
    path = folder / ".config" / "mistral-relay" / "config.json"
    path.parent.mkdir(parents=True)
    saved = {"api_url": API_URL, "api_key": "mrl_live_saved", "admin_key": "mrl_live_admin"}
    path.write_text(content or json.dumps(saved))
    return {"HOME": str(folder)}


def test_what_init_saved_comes_last(tmp_path: Path) -> None:
    home = save(tmp_path / "home")

    saved = find_settings(home, tmp_path)
    given = find_settings(home | ENVIRONMENT, tmp_path)
    write_stack(tmp_path)

    assert (saved.api_url, saved.api_key) == (API_URL, "mrl_live_saved")
    assert find_settings(home, tmp_path / "home").api_key == "mrl_live_local"
    assert given.api_key == API_KEY


def test_what_init_saved_has_a_key_for_admins_too(tmp_path: Path) -> None:
    home = save(tmp_path)

    assert find_settings(home, tmp_path, for_admin=True).api_key == "mrl_live_admin"


def test_the_folder_for_settings_may_be_another_if_it_is_absolute(tmp_path: Path) -> None:
    save(tmp_path)
    folder = {"XDG_CONFIG_HOME": str(tmp_path / ".config")}

    assert find_settings(folder, tmp_path).api_key == "mrl_live_saved"
    with pytest.raises(UsageError, match="No Mistral Relay"):
        find_settings({"XDG_CONFIG_HOME": ".config"}, tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", '{"api_url": "https://a.example"}'])
def test_what_was_saved_and_cannot_be_used_is_named(tmp_path: Path, content: str) -> None:
    with pytest.raises(UsageError, match=r"config\.json") as caught:
        find_settings(save(tmp_path, content), tmp_path)

    assert caught.value.advice == ("Run relay init again.",)


def test_without_either_the_error_says_what_to_set(relay: Relay) -> None:
    relay.environment = {"RELAY_API_URL": "", "RELAY_API_KEY": ""}

    said = relay("job", JOB_ID)

    assert said.exit_code == 2
    assert "RELAY_API_URL and RELAY_API_KEY" in said.stderr
    assert ".relay/stack.json" in said.stderr
    assert "relay init" in said.stderr


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"api_url": 1, "api_key": "k"}'])
def test_an_unusable_stack_file_is_named(tmp_path: Path, content: str) -> None:
    write_stack(tmp_path, content)

    with pytest.raises(UsageError, match=r"stack\.json"):
        find_settings({}, tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "relay.example",
        "ftp://relay.example",
        "https://",
        "https://user:secret@relay.example",
        "https://relay.example?a=b",
        "https://relay.example:port",
        "https://[relay",
        "https://relay.example/\x07",
    ],
)
def test_an_address_that_paths_cannot_be_added_to_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_settings({"RELAY_API_URL": url, "RELAY_API_KEY": API_KEY}, tmp_path)

    assert "secret" not in caught.value.headline


@pytest.mark.parametrize("key", ["two words", "new\nline", "schlüssel", " "])
def test_a_key_that_no_header_can_carry_is_refused_unseen(tmp_path: Path, key: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_settings({"RELAY_API_URL": API_URL, "RELAY_API_KEY": key}, tmp_path)

    assert key.strip() == "" or key not in caught.value.headline


def test_a_slash_at_the_addresss_end_does_no_harm(relay: Relay, service: FakeRelay) -> None:
    relay.environment = ENVIRONMENT | {"RELAY_API_URL": API_URL + "/"}

    relay("job", JOB_ID)

    assert service.requests[0].url.path == f"/v1/jobs/{JOB_ID}"


def test_settings_do_not_show_their_key(tmp_path: Path) -> None:
    assert API_KEY not in repr(find_settings(ENVIRONMENT, tmp_path))


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("https://relay.example/v1/jobs/x", True),
        ("https://relay.example:443/v1/jobs/x", True),
        ("https://RELAY.example/v1/jobs/x", True),
        ("http://relay.example/v1/jobs/x", False),
        ("https://relay.example:8443/v1/jobs/x", False),
        ("https://relay.example.evil.example/", False),
        ("https://relay.example@evil.example/", False),
        ("https://[broken", False),
    ],
)
def test_only_the_apis_own_origin_may_see_the_key(
    tmp_path: Path, url: str, *, is_ours: bool
) -> None:
    assert find_settings(ENVIRONMENT, tmp_path).is_at(url) is is_ours
