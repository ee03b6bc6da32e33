"""What ``relay init`` keeps for its user, so that every command finds the deployment."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from tools.cli.errors import UsageError

FILE = Path("mistral-relay", "config.json")
OWNER_ONLY = 0o600
OWNERS_FOLDER = 0o700
MOVE_IT = "Correct it, or move it away and run relay init again."


@dataclass(frozen=True, kw_only=True)
class Saved:
    """One deployment. ``api_key`` submits for the tenant; ``admin_key`` is the operator's."""

    api_url: str
    stack_name: str = ""
    region: str = ""
    tenant_id: str = ""
    api_key: str = field(default="", repr=False)
    admin_key: str = field(default="", repr=False)


def saved_path(environment: Mapping[str, str]) -> Path | None:
    """Return where settings are kept: ``~/.config`` unless XDG_CONFIG_HOME says otherwise."""
    given = environment.get("XDG_CONFIG_HOME", "")
    if Path(given).is_absolute():  # else it is to be ignored, as its specification has it
        return Path(given) / FILE
    home = environment.get("HOME", "")
    return Path(home) / ".config" / FILE if home else None


def read_saved(path: Path) -> Saved | None:
    """Return what is kept at ``path``, or None where nothing is.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as JSON.", advice=[MOVE_IT]) from error
    known = {one.name for one in fields(Saved)}
    is_object = isinstance(data, dict) and isinstance(data.get("api_url"), str)
    if not is_object or not all(isinstance(data.get(name, ""), str) for name in known):
        raise UsageError(f"{path} does not hold the settings of relay.", advice=[MOVE_IT])
    return Saved(**{name: value for name, value in data.items() if name in known})


def write_saved(path: Path, saved: Saved) -> None:
    """Keep settings, at once and whole, for their owner's eyes only.

    Raises:
        UsageError: It cannot be written.
    """
    draft = path.with_suffix(".draft")
    try:
        path.parent.mkdir(mode=OWNERS_FOLDER, parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(asdict(saved), indent=2) + "\n")
        draft.replace(path)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.",
            advice=["Make its folder writable, or set XDG_CONFIG_HOME to another."],
        ) from error


def is_open_to_others(path: Path) -> bool:
    """Tell whether somebody else on this machine may read the file."""
    return bool(path.stat().st_mode & 0o077)
