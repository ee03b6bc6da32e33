"""The answers that ``relay map`` has so far, and the run that they are of, kept beside them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from tools.cli.errors import UsageError

COMPLETED = "completed"


class Answers:
    """A file of JSON lines, one for each prompt in its order, written to its end line by line."""

    def __init__(
        self,
        path: Path,
        *,
        fingerprint: str,
        lines: Sequence[int],
        new_id: Callable[[], str],
    ) -> None:
        """Go on with the run that the file is of, or begin one.

        ``lines`` are the numbers of the prompts' lines.

        Raises:
            UsageError: The file is of another run, of none, or cannot be read.
        """
        self.path = path
        self._lines = lines
        self._note = path.with_name(f"{path.name}.run")
        try:
            self.run_id = self._known_run(fingerprint) or self._new_run(fingerprint, new_id())
            self.failed: list[dict[str, Any]] = []
            self.count = 0
            self._file = self._at_its_end()
        except OSError as error:
            raise UsageError(f"{error.filename} cannot be used: {error.strerror}.") from error

    def add(self, row: dict[str, Any]) -> None:
        """Write what came of the next prompt."""
        # A lone half of a surrogate pair, which JSON can hold and UTF-8 cannot, stays an escape.
        text = json.dumps(row, ensure_ascii=False)
        self._file.write(text.encode("utf-8", "backslashreplace") + b"\n")
        self._file.flush()
        self._count(row)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _count(self, row: dict[str, Any]) -> None:
        self.count += 1
        if row.get("status") != COMPLETED:
            self.failed.append(row)

    def _known_run(self, fingerprint: str) -> str | None:
        if not self._note.exists():
            return None
        try:
            note = json.loads(self._note.read_bytes())
            run_id, known = str(note["run_id"]), note["fingerprint"]
        except (ValueError, KeyError, TypeError) as error:
            raise self._not_ours(f"{self._note} cannot be read") from error
        if known != fingerprint:
            raise self._not_ours(f"{self.path} was begun with other prompts or options")
        return run_id

    def _new_run(self, fingerprint: str, run_id: str) -> str:
        if self.path.exists() and self.path.stat().st_size:
            raise self._not_ours(f"{self.path} is there already")
        self._note.write_text(json.dumps({"run_id": run_id, "fingerprint": fingerprint}) + "\n")
        return run_id

    def _at_its_end(self) -> BinaryIO:
        """Open the file behind its last whole line; what was being written is written again."""
        self.path.touch()
        content = self.path.read_bytes()
        end = content.rfind(b"\n") + 1
        for line in content[:end].split(b"\n")[:-1]:
            self._read(line)
        file = self.path.open("r+b")
        file.seek(end)
        file.truncate()
        return file

    def _read(self, line: bytes) -> None:
        """Take in what was written, if it is the next prompt's: a line may have been taken out."""
        try:
            row, expected = json.loads(line), self._lines[self.count]
            if row["line"] == expected:
                self._count(row)
                return
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise self._not_ours(f"{self.path} holds something that is no answer") from error
        raise self._not_ours(f"{self.path} was changed: line {expected} has no answer in its turn")

    def _not_ours(self, why: str) -> UsageError:
        return UsageError(
            f"{why}.",
            advice=[
                "Choose another --output,",
                f"or move {self.path.name} and {self._note.name} away to begin anew.",
            ],
        )
