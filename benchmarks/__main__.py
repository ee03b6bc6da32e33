"""``make bench``: every benchmark, as one table with the machine and the commit it is of."""

import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import aws_bill, cold_start, local_stack
from benchmarks.table import as_markdown

RESULTS = Path(__file__).parent / "results.md"


def main() -> None:
    """Measure, print, and keep what was measured."""
    table = as_markdown([*aws_bill.rows(), *cold_start.rows(), *local_stack.rows()])
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    day = datetime.now(UTC).date()
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    text = f"## {day}, {commit or 'no commit'}, {machine}\n\n{table}\n"
    print(text)
    kept = RESULTS.read_text() if RESULTS.exists() else "# Results, newest first\n"
    head, _, rest = kept.partition("\n")
    RESULTS.write_text(f"{head}\n\n{text}{rest}")


if __name__ == "__main__":
    main()
