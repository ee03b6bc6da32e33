"""Hold lines and branches, of the functions and of the layer, to the floor, each by itself.

coverage's own figure is one for all four, in which one can hide another.
Usage: ``coverage_floors.py <what `coverage json` wrote>``.
"""

import json
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.locks import REPOSITORY

PARTS = ("functions/", "layers/relay/")
_MEASURES = {
    "lines": ("covered_lines", "num_statements"),
    "branches": ("covered_branches", "num_branches"),
}


def below(report: Mapping[str, Any], floor_percent: float) -> list[str]:
    """Print each figure of a report and return those that are below the floor, or that are none."""
    faults = []
    for part in PARTS:
        totals = [
            file["summary"] for name, file in report["files"].items() if name.startswith(part)
        ]
        for measure, (covered_name, all_name) in _MEASURES.items():
            covered = sum(total[covered_name] for total in totals)
            of_all = sum(total[all_name] for total in totals)
            percent = 100 * covered / of_all if of_all else 0
            figure = f"{part:<14}{measure:<9}{covered:>6} of {of_all:>6}  {percent:6.2f} %"
            print(figure)
            if percent < floor_percent:
                faults.append(figure)
    return faults


def main(report: Path) -> int:
    """Judge a report, and return the exit status."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    floor_percent = project["tool"]["coverage"]["report"]["fail_under"]
    faults = below(json.loads(report.read_text("utf-8")), floor_percent)
    print(*(f"below {floor_percent} %: {fault}\n" for fault in faults), sep="", end="")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
