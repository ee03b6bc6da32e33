"""Where the stack is and with which key to call it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from tools.cli.errors import UsageError
from tools.cli.saved_settings import saved_path

URL_VARIABLE = "RELAY_API_URL"
KEY_VARIABLE = "RELAY_API_KEY"  # the variable's name, not a key
STACK_FILE = Path(".relay", "stack.json")
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class Settings:
    """``api_url`` has no slash at its end; ``source`` names where the two came from."""

    api_url: str
    api_key: str = field(repr=False)
    source: str

    @property
    def is_loopback(self) -> bool:
        """Whether the stack runs on this machine, so that no proxy stands before it."""
        return urlsplit(self.api_url).hostname in LOOPBACK_HOSTS

    def is_at(self, url: str) -> bool:
        """Whether ``url`` has the scheme, host and port of the API, so may see the key."""
        try:
            return _origin(urlsplit(url)) == _origin(urlsplit(self.api_url))
        except ValueError:
            return False


def find_settings(
    environment: Mapping[str, str], folder: Path, *, for_admin: bool = False
) -> Settings:
    """Return the environment's settings, else the nearest local stack's, else what init saved.

    The files have two keys, of which ``for_admin`` takes the one that manages the others.
    The sources never mix: half of one and half of the other would send a key to a stranger.

    Raises:
        UsageError: There are none, or they cannot be used.
    """
    url, key = environment.get(URL_VARIABLE, ""), environment.get(KEY_VARIABLE, "")
    if url and key:
        return checked_settings(url, key, source="the environment")
    if url or key:
        missing, present = (KEY_VARIABLE, URL_VARIABLE) if url else (URL_VARIABLE, KEY_VARIABLE)
        raise UsageError(
            f"{present} is set, but {missing} is not.",
            advice=[f"Set {missing} too, or unset {present} to use what is in a file."],
        )
    name = "admin_key" if for_admin else "api_key"
    for parent in (folder, *folder.parents):
        if (parent / STACK_FILE).is_file():
            return _from_file(parent / STACK_FILE, name, "Start the local stack again.")
    saved = saved_path(environment)
    if saved is not None and saved.is_file():
        return _from_file(saved, name, "Run relay init again.")
    raise UsageError(
        "No Mistral Relay to talk to.",
        advice=[
            f"Set {URL_VARIABLE} and {KEY_VARIABLE},",
            f"or start a local stack with `make up`, which writes {STACK_FILE}, and stay below it,",
            "or run relay init for a stack on AWS, which saves both for you.",
        ],
    )


def _from_file(path: Path, name: str, advice: str) -> Settings:
    try:
        stack: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as JSON.", advice=[advice]) from error
    url, key = (stack.get("api_url"), stack.get(name)) if isinstance(stack, dict) else ("", "")
    if not (isinstance(url, str) and url and isinstance(key, str) and key):
        raise UsageError(f"{path} has no api_url or no {name}.", advice=[advice])
    return checked_settings(url, key, source=str(path))


def checked_settings(url: str, key: str, *, source: str) -> Settings:
    """Return settings from anywhere.

    Raises:
        UsageError: They cannot be used.
    """
    url, key = url.strip().rstrip("/"), key.strip()
    if not _is_base_url(url):
        raise UsageError(
            f"The API's address from {source} is not a plain http or https URL.",
            advice=["It looks like https://abc123.execute-api.eu-west-1.amazonaws.com"],
        )
    if not (key.isascii() and key.isprintable() and " " not in key and key):
        raise UsageError(
            f"The API key from {source} has characters that no key has.",
            advice=["Copy it again; it begins with mrl_live_."],
        )
    return Settings(url, key, source)


def _is_base_url(url: str) -> bool:
    """Tell whether paths can be added; a user name is refused, for it would be printed."""
    try:
        parts = urlsplit(url)
        scheme, host, _port = _origin(parts)
    except ValueError:
        return False
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    return url.isprintable() and scheme in {"http", "https"} and bool(host) and is_plain


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port; raises ValueError where the port is no number."""
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or default
