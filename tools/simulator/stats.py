"""Counts of what was asked and answered; numbers only, never a word of a prompt."""

from collections import Counter
from typing import Any

from tools.simulator.behaviour import FaultKind
from tools.simulator.call import Usage


class Stats:
    """The counts since a behaviour was set, of the calls that began since then."""

    def __init__(self) -> None:
        self._by_path: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()
        self._faults: Counter[FaultKind] = Counter()
        self._in_flight = 0
        self._in_flight_max = 0
        self._prompt_tokens = 0
        self._completion_tokens = 0

    def began(self, path: str) -> None:
        """Count a call on its way in."""
        self._by_path[path] += 1
        self._in_flight += 1
        self._in_flight_max = max(self._in_flight_max, self._in_flight)

    def ended(self) -> None:
        """Count it out again, however it went."""
        self._in_flight -= 1

    def answered(self, status: int) -> None:
        """Count an answer whose status was sent, though its body may break off."""
        self._answers[str(status)] += 1

    def faulted(self, kind: FaultKind) -> None:
        """Count a fault that was acted out."""
        self._faults[kind] += 1

    def billed(self, usage: Usage) -> None:
        """Count tokens that the real service would put on the bill."""
        self._prompt_tokens += usage.prompt_tokens
        self._completion_tokens += usage.completion_tokens

    def as_json(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "calls": self._by_path.total(),
            "answers": dict(sorted(self._answers.items())),
            "faults": dict(sorted(self._faults.items())),
            "by_path": dict(sorted(self._by_path.items())),
            "in_flight": self._in_flight,
            "in_flight_max": self._in_flight_max,
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": self._completion_tokens,
        }
