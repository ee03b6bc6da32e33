"""The check of a build: it finds what would fail, or be slow, only on AWS."""

import py_compile
from pathlib import Path

import pytest

from tools.build.import_built_handlers import main

TEMPLATE = """
Parameters: {Days: {Type: Number, Default: 30}}
Globals:
  Function:
    Layers: [!Ref DependenciesLayer, !Ref RelayLayer]
    Environment: {Variables: {TABLE_NAME: !Ref Table}}
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: Function
      Handler: functions.one.main.handle
      Environment: {Variables: {DAYS: !Ref Days}}
"""
HANDLER = """
import os
import shared
assert int(os.environ["DAYS"]) == 30
assert os.environ["TABLE_NAME"]
def handle(event, context): ...
"""


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A build in which all is well."""
    sources = {
        "Function/functions/one/main.py": HANDLER,
        "RelayLayer/python/shared.py": "",
        "DependenciesLayer/python/other.py": "",
    }
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    for name, text in sources.items():
        source = tmp_path / name
        source.parent.mkdir(parents=True)
        source.write_text(text)
        py_compile.compile(str(source))
    return tmp_path


def test_a_build_in_which_all_is_well_passes(build: Path) -> None:
    assert main(build, build) == 0


def test_a_module_that_is_not_compiled_is_a_fault(
    build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (build / "RelayLayer/python/late.py").touch()

    assert main(build, build) == 1
    assert "late.py" in capsys.readouterr().out


def test_a_handler_that_needs_what_is_not_in_the_build_is_a_fault(
    build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """pytest is importable here, and must not be there."""
    handler = build / "Function/functions/one/main.py"
    handler.write_text("import pytest\ndef handle(event, context): ...\n")
    py_compile.compile(str(handler))

    assert main(build, build) == 1
    assert "No module named 'pytest'" in capsys.readouterr().out


def test_a_template_without_functions_is_a_fault(build: Path) -> None:
    (build / "template.yaml").write_text(TEMPLATE.partition("Resources:")[0] + "Resources: {}")

    assert main(build, build) == 1
