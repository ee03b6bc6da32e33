import io
import json
import logging
from typing import Any

from relay.telemetry import WideLog


class ReadableLog(WideLog):
    """Writes the real lines, to where a test can read them.

    The logger behind it is one per function for the whole process, so the newest reads along.
    """

    def __init__(self, function: str = "test") -> None:
        super().__init__(function)
        self._stream = io.StringIO()
        for handler in logging.getLogger(function).handlers:
            assert isinstance(handler, logging.StreamHandler), "the line goes to standard output"
            handler.setStream(self._stream)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def named(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of one event."""
        return [line for line in self.lines if line["message"] == event]
