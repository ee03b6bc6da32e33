"""The locks: what they pin, and which there are."""

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[1]
SHIPPED = REPOSITORY / "layers/dependencies/requirements.txt"
"""What goes into the layer."""
_ENTRY = re.compile(r"^(?=[\w.-]+(?:\[[^\]]*\])?==)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a lock, with the hashes of the archives that it may be installed from."""

    name: str
    version: str
    hashes: tuple[str, ...]


def locks() -> list[Path]:
    """Return every lock, what ships first."""
    return [SHIPPED, *sorted((REPOSITORY / "requirements").glob("*.txt"))]


def pins_of(lock: str) -> list[Pin]:
    """Return what the text of a lock pins for this kind of machine."""
    pins = []
    for entry in _ENTRY.split(lock)[1:]:
        requirement = Requirement(re.split(r"\s+(?:--hash|#|\\)|\n", entry)[0])
        if requirement.marker is None or requirement.marker.evaluate():
            (version,) = (each.version for each in requirement.specifier)
            hashes = tuple(sorted(_HASH.findall(entry)))
            pins.append(Pin(canonicalize_name(requirement.name), version, hashes))
    return pins
