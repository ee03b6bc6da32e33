"""The files of this repository, as those see them who clone it."""

import subprocess
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


@cache
def files() -> tuple[str, ...]:
    """Return every file that is in the repository or would be with the next commit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607 - any git will do
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = (name for name in listed.split("\0") if name)
    return tuple(sorted(name for name in set(names) if (REPOSITORY / name).is_file()))


def text_of(name: str) -> str:
    """Return a file's text."""
    return (REPOSITORY / name).read_text("utf-8")


def python_files() -> list[str]:
    """Return all of our Python."""
    return [name for name in files() if name.endswith(".py")]
