"""The scan of the template: an exception is for one check, and a scan that saw nothing is none."""

from pathlib import Path
from typing import Any

import pytest

from tools.build import scan_template
from tools.build.scan_template import EXCEPTIONS, ScanError, broken, faults_of, main, scanned


def finding(check: str, resource: str = "AWS::S3::Bucket.Bucket", file: str = "/sound.json") -> Any:
    return {"file_path": file, "check_id": check, "resource": resource, "check_name": "Be good"}


def report(*findings: Any, errors: tuple[str, ...] = ()) -> Any:
    noticed = finding("CKV_AWS_53", file="/broken.json")
    excused = [finding(check) for check in EXCEPTIONS]
    found = [noticed, *excused, *findings]
    return {"results": {"failed_checks": found, "parsing_errors": list(errors)}}


def test_what_is_excepted_is_no_fault() -> None:
    assert list(faults_of(report())) == []


def test_what_is_not_excepted_is_a_fault() -> None:
    faults = list(faults_of(report(finding("CKV_AWS_999"))))

    assert faults == ["Bucket: CKV_AWS_999, Be good"]


def test_an_exception_that_excuses_nothing_is_a_fault() -> None:
    without = report()
    without["results"]["failed_checks"] = [
        it for it in without["results"]["failed_checks"] if it["check_id"] != "CKV_AWS_18"
    ]

    (fault,) = faults_of(without)

    assert fault.startswith("CKV_AWS_18 is an exception that excuses nothing")


@pytest.mark.parametrize(
    "useless",
    [
        report(errors=("/sound.json",)),
        {"results": {"failed_checks": [], "parsing_errors": []}},
        {"passed": 0, "failed": 0, "parsing_errors": 0},  # what checkov writes of an empty folder
        [],
    ],
)
def test_a_report_that_says_nothing_is_no_scan(useless: Any) -> None:
    with pytest.raises(ScanError):
        list(faults_of(useless))


def test_a_scanner_that_is_not_there_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scan_template, "CHECKOV", tmp_path / "checkov")

    status = main()

    assert status == 2
    assert "was not scanned" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense", "true"])
def test_a_scanner_that_does_not_work_fails(
    script: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scanner = tmp_path / "checkov"
    scanner.write_text(f"#!/bin/sh\n{script}\n")
    scanner.chmod(0o755)
    monkeypatch.setattr(scan_template, "CHECKOV", scanner)

    with pytest.raises(ScanError):
        scanned({"sound": {"Resources": {}}})


def test_what_is_broken_on_purpose_is_all_that_is_changed() -> None:
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {"PublicAccessBlockConfiguration": 1, "a": 2},
    }
    template = {"Resources": {"Bucket": bucket, "Table": {}}}

    changed = broken(template)

    assert changed == {
        "Resources": {"Bucket": bucket | {"Properties": {"a": 2}}, "Table": {}},
    }
