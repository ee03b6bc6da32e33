"""A batch job, whose state is a matter of the clock alone: nobody works on it between two looks.

A tenth of its seconds it waits, then its lines are answered at an even pace. At its deadline, or a
tenth after a cancellation was asked for, it ends with what it has by then. The lines themselves are
answered when somebody looks, so a very large job takes several looks to end.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from tools.simulator.batch_lines import Line, LineResult, counted_errors

Status = Literal[
    "QUEUED",
    "RUNNING",
    "SUCCESS",
    "FAILED",
    "TIMEOUT_EXCEEDED",
    "CANCELLATION_REQUESTED",
    "CANCELLED",
]
Doom = Literal["FAILED", "TIMEOUT_EXCEEDED"]
FINAL: frozenset[Status] = frozenset({"SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED"})
WAITING_SHARE = 0.1
DOOMED_SHARE = 0.5  # of its time and of its lines, after which a doomed job ends
LINES_PER_LOOK = 10_000  # a second's work; whoever waits meanwhile for another answer is held up

type AnswerLine = Callable[[Line, int], LineResult]


@dataclass(kw_only=True)
class BatchJob:
    """The job; times are Unix seconds, ``seconds`` is how long it takes when left alone."""

    id: str
    endpoint: str
    created_at: float
    seconds: float
    deadline: float
    lines: list[Line]
    model: str | None = None
    agent_id: str | None = None
    metadata: dict[str, str] | None = None
    input_files: list[str] = field(default_factory=list)
    unreadable: str | None = None
    doom: Doom | None = None
    line_fault_rate: float = 0
    status: Status = "QUEUED"
    started_at: float | None = None
    cancelled_at: float | None = None
    completed_at: float | None = None
    output_file: str | None = None
    error_file: str | None = None
    results: list[LineResult] = field(default_factory=list)

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in FINAL

    @property
    def _starts_at(self) -> float:
        return self.created_at + self.seconds * WAITING_SHARE

    def cancel(self, *, at: float) -> None:
        """Ask for its end; a job that has ended stays as it is."""
        if self.is_final or self.status == "CANCELLATION_REQUESTED":
            return
        self.cancelled_at = at
        self.status = "CANCELLATION_REQUESTED"

    def advance(self, *, at: float, answer: AnswerLine, lines_max: int = LINES_PER_LOOK) -> None:
        """Bring the job to where it is at this moment, or as near as so many lines get it."""
        if self.is_final:
            return
        ends_at, ending = self._end()
        stops_at = at if self.cancelled_at is None else self.cancelled_at
        works_until = min(at, self.deadline, stops_at)
        if works_until >= self._starts_at:
            self.started_at = self._starts_at
            self.status = "RUNNING" if self.cancelled_at is None else self.status
        if self.unreadable is None:
            due = min(self._due(works_until), len(self.results) + lines_max)
            for number in range(len(self.results), due):
                self.results.append(answer(self.lines[number], number + 1))
        if at >= ends_at and not (ending == "SUCCESS" and len(self.results) < len(self.lines)):
            self.status, self.completed_at = ending, ends_at

    def _end(self) -> tuple[float, Status]:
        ends: list[tuple[float, Status]] = [(self.deadline, "TIMEOUT_EXCEEDED")]
        if self.cancelled_at is not None:
            ends.append((self.cancelled_at + self.seconds * WAITING_SHARE, "CANCELLED"))
        elif self.unreadable is not None:
            ends.append((self._starts_at, "FAILED"))
        else:
            ends.append((self.created_at + self.seconds, "SUCCESS"))
        if self.doom is not None:
            ends.append((self.created_at + self.seconds * DOOMED_SHARE, self.doom))
        # Of two ends at the same moment the later in the list is the better one.
        return min(reversed(ends), key=lambda end: end[0])

    def _due(self, until: float) -> int:
        lines = len(self.lines) if self.doom is None else int(len(self.lines) * DOOMED_SHARE)
        if until >= self.created_at + self.seconds:
            return lines
        if until < self._starts_at:
            return 0
        working = self.seconds * (1 - WAITING_SHARE)
        return min(lines, int(len(self.lines) * (until - self._starts_at) / working))

    def as_json(self, *, inline: bool = False) -> dict[str, Any]:
        """Return the job as it is on the wire, with the answers in it if they are asked for."""
        failed = sum(result.failed for result in self.results)
        outputs = [result.record for result in self.results if not result.failed]
        # The lines of a file are not counted before the job has begun to read it.
        counted = self.started_at is not None or not self.input_files
        return {
            "id": self.id,
            "object": "batch",
            "input_files": self.input_files,
            "metadata": self.metadata,
            "endpoint": self.endpoint,
            "model": self.model,
            "agent_id": self.agent_id,
            "output_file": self.output_file,
            "error_file": self.error_file,
            "errors": self._errors(),
            "outputs": outputs if inline and self.is_final else None,
            "status": self.status,
            "created_at": int(self.created_at),
            "total_requests": len(self.lines) if counted else 0,
            "completed_requests": len(self.results),
            "succeeded_requests": len(self.results) - failed,
            "failed_requests": failed,
            "started_at": None if self.started_at is None else int(self.started_at),
            "completed_at": None if self.completed_at is None else int(self.completed_at),
        }

    def _errors(self) -> list[dict[str, Any]]:
        errors = counted_errors(self.results)
        if self.status == "FAILED":
            return [{"message": self.unreadable or "The job failed", "count": 1}, *errors]
        return errors
