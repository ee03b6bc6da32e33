"""AWS's own linter, over what CloudFormation sees: over SAM's source it misses most of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.template.rules import at
from tools.template import Template

CFN_LINT = Path(sys.executable).with_name("cfn-lint")
# W3037 knows only the newer names of some actions, which are not those that IAM asks for.
IGNORED = "W3037"


@pytest.fixture(scope="module")
def findings(template: Template, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return a line per finding, from one run over the template and over a broken one."""
    folder = tmp_path_factory.mktemp("lint")
    broken = at("JobsQueue", "VisibilityTimeout").put(10).of(template)
    files = {"sound.json": template, "broken.json": broken}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    result = subprocess.run(  # noqa: S603 - our own tool over our own files
        [CFN_LINT, "--ignore-checks", IGNORED, "--format", "parseable", "--", *files],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not result.stderr
    return result.stdout.splitlines()


def test_the_linter_finds_nothing(findings: list[str]) -> None:
    assert [finding for finding in findings if finding.startswith("sound.json")] == []


def test_the_linter_sees_how_a_queue_and_its_reader_fit_together(findings: list[str]) -> None:
    assert [finding for finding in findings if "broken.json" in finding and "E3505" in finding]
