"""One shape for every measurement, and one table of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Row:
    """A measurement beside its budget, if it has one."""

    what: str
    measured: str
    budget: str = ""


def spread(seconds: Sequence[float]) -> str:
    """Return the median and the 95th percentile in milliseconds."""
    high = quantiles(seconds, n=20)[-1] if len(seconds) > 1 else seconds[0]
    return f"p50 {median(seconds) * 1000:.0f} ms, p95 {high * 1000:.0f} ms"


def as_markdown(rows: Sequence[Row]) -> str:
    """Return a Markdown table."""
    lines = ["| what | measured | budget |", "| --- | --- | --- |"]
    lines += [f"| {row.what} | {row.measured} | {row.budget} |" for row in rows]
    return "\n".join(lines)
