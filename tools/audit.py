"""Look for published vulnerabilities of everything that is locked: ``make audit``.

An audit that sees nothing looks just like one that finds nothing: a mirror without advisories
answers for every package that it knows none. So each run asks about a package as well that is
known to be bad, and has failed where nothing is said of that one, or nothing at all of another.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from tools.locks import REPOSITORY, Pin, locks, pins_of

CONTROL = Pin("pycrypto", "2.6.1", ("0" * 64,))  # never installed, so any hash does
"""Given up in 2013 with two published vulnerabilities, and in no lock of ours."""
ACCEPTED: Mapping[str, str] = {}
"""Advisories that we live with, by id, each with the reason."""

CLEAN, VULNERABLE, BLIND = range(3)
_TIME_LIMIT_SECONDS = 600
_PIP_AUDIT = [
    str(REPOSITORY / ".tools/audit/bin/pip-audit"),
    *("--vulnerability-service", "pypi", "--disable-pip", "--require-hashes"),
    *("--format", "json", "--progress-spinner", "off", "--desc", "off", "--aliases", "on"),
]

type Ask = Callable[[list[Path]], str]
"""Returns what pip-audit prints about some requirements files."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of one lock."""

    status: int
    lines: list[str]


def judge(pins: list[Pin], report: str, accepted: Mapping[str, str] = ACCEPTED) -> Verdict:
    """Say what a report means for what is pinned."""
    try:
        rows = json.loads(report)["dependencies"]
        found: dict[str, Any] = {canonicalize_name(row["name"]): row for row in rows}
    except (ValueError, KeyError, TypeError):
        return Verdict(BLIND, ["the audit cannot see: there is no report"])
    if not _advisories(found.get(CONTROL.name, {})):
        known_bad = f"{CONTROL.name} {CONTROL.version}"
        return Verdict(BLIND, [f"the audit cannot see: it finds nothing wrong with {known_bad}"])
    unseen = [
        f"the audit cannot see {pin.name} {pin.version}: {_reason(found.get(pin.name))}"
        for pin in pins
        if found.get(pin.name, {}).get("version") != pin.version
    ]
    vulnerable = [
        f"{pin.name} {pin.version}: {advisory}"
        for pin in pins
        for advisory in _advisories(found.get(pin.name, {}), accepted)
    ]
    status = VULNERABLE if vulnerable else BLIND if unseen else CLEAN
    return Verdict(status, vulnerable + unseen)


def _advisories(row: Mapping[str, Any], accepted: Mapping[str, str] = {}) -> list[str]:
    """Return those of a package that nobody has accepted, under any of their names."""
    return [
        f"{vuln['id']}, mended in {', '.join(vuln['fix_versions']) or 'no version'}"
        for vuln in row.get("vulns", ())
        if not accepted.keys() & {vuln["id"], *vuln.get("aliases", ())}
    ]


def _reason(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "it is not in the report"
    return str(row.get("skip_reason") or f"the report is about {row.get('version')}")


def ask_pip_audit(files: list[Path]) -> str:
    """Run pip-audit. What it has to say against itself goes to our own standard error."""
    arguments = [argument for file in files for argument in ("--requirement", str(file))]
    run = subprocess.run(
        [*_PIP_AUDIT, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=_TIME_LIMIT_SECONDS,
    )
    return run.stdout


def audit(files: list[Path], ask: Ask = ask_pip_audit) -> int:
    """Audit each lock together with the control, print what was found, return the worst status."""
    statuses = []
    with tempfile.TemporaryDirectory() as folder:
        control = Path(folder) / "control.txt"
        hashes = " ".join(f"--hash=sha256:{each}" for each in CONTROL.hashes)
        control.write_text(f"{CONTROL.name}=={CONTROL.version} {hashes}\n", "utf-8")
        for file in files:
            pins = pins_of(file.read_text("utf-8"))
            verdict = judge(pins, ask([control, file]))
            statuses.append(verdict.status)
            name = file.relative_to(REPOSITORY) if file.is_relative_to(REPOSITORY) else file.name
            said = "no known vulnerability" if verdict.status == CLEAN else "FAILED"
            print(f"{name}: {len(pins)} packages: {said}")
            print(*(f"  {line}\n" for line in verdict.lines), sep="", end="")
    return max(statuses, default=BLIND)


if __name__ == "__main__":
    sys.exit(audit(locks()))
