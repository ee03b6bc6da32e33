"""Looks for misconfigurations in the template as CloudFormation sees it, by checkov.

Every exception stands in EXCEPTIONS with its reason. A finding that is none of them fails the scan,
and so does an exception that excuses nothing any more, a scan that could not be made, and one that
does not see what is wrong with a template that was broken for it.
Usage: ``python -m tools.build.scan_template``.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tools.template import Json, Template, as_cloudformation_sees

REPOSITORY = Path(__file__).resolve().parents[2]
CHECKOV = REPOSITORY / ".tools/checkov/bin/checkov"
REGION = "eu-west-1"
SECONDS_MAX = 180

EXCEPTIONS: Mapping[str, str] = {
    "CKV_AWS_18": "The bucket's access log: only functions read it; CloudTrail can log that.",
    "CKV_AWS_21": "Versions of objects: each is written once, and what is deleted must be gone.",
    "CKV_AWS_27": "A queue's own key: the check knows no other encryption, and each has SQS's own.",
    "CKV_AWS_115": "Reserved concurrency: a new account has none. The mappings have limits.",
    "CKV_AWS_116": "A function's dead letters: only the sweeper is called so, each minute anew.",
    "CKV_AWS_117": "A VPC: functions need nothing private, and a way out of it costs by the hour.",
    "CKV_AWS_119": "The table's own key: it has AWS's, at no charge. See decision 18.",
    "CKV_AWS_149": "A secret's own key: it has that of Secrets Manager. See decision 18.",
    "CKV_AWS_158": "A log's own key: it has AWS's, and no log holds content or keys.",
    "CKV_AWS_173": "A key for variables of functions: they have Lambda's, and hold no secret.",
}
"""checkov's names of checks, each with what it asks for and why that is not so here."""

BROKEN_ON_PURPOSE = ("CKV_AWS_53", "Bucket")
"""What a template is found guilty of whose bucket has lost its block of public access."""


class ScanError(Exception):
    """There was no scan, or one that saw nothing."""


def main() -> int:
    """Scan the template, say what is wrong, and return the exit status."""
    template = as_cloudformation_sees(REPOSITORY / "template.yaml", REGION)
    try:
        faults = list(faults_of(scanned({"sound": template, "broken": broken(template)})))
    except ScanError as error:
        print(f"The template was not scanned: {error}", file=sys.stderr)
        return 2
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(f"No misconfiguration found, with {len(EXCEPTIONS)} checks excepted.")
    return 1 if faults else 0


def broken(template: Template) -> Template:
    """Return the template with a bucket that anybody could be let into."""
    bucket = template["Resources"]["Bucket"]
    properties = {
        name: value
        for name, value in bucket["Properties"].items()
        if name != "PublicAccessBlockConfiguration"
    }
    changed = bucket | {"Properties": properties}
    return template | {"Resources": template["Resources"] | {"Bucket": changed}}


def scanned(templates: Mapping[str, Template]) -> Json:
    """Return checkov's report on templates, each in a file ``/<name>.json``.

    Raises:
        ScanError: it is not there, failed, or wrote no report.
    """
    with TemporaryDirectory() as folder:
        for name, template in templates.items():
            (Path(folder) / f"{name}.json").write_text(json.dumps(template), "utf-8")
        options = ["--skip-download", "--soft-fail", "--output", "json"]
        try:
            result = subprocess.run(
                [CHECKOV, "--directory", folder, "--framework", "cloudformation", *options],
                capture_output=True,
                check=True,
                text=True,
                timeout=SECONDS_MAX,
                cwd=folder,  # no configuration file of the caller's is read
                env={"PATH": os.environ["PATH"], "HOME": folder, "LOG_LEVEL": "ERROR"},
            )
            return json.loads(result.stdout)
        except subprocess.CalledProcessError as error:
            raise ScanError(f"{error}\n{error.stderr}") from error
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise ScanError(str(error)) from error


def faults_of(report: Any) -> Iterator[str]:
    """Yield what is wrong with the template ``/sound.json``, and with the list of exceptions.

    Raises:
        ScanError: the report is not about both templates.
    """
    try:
        errors = report["results"]["parsing_errors"]
        found = {
            (it["file_path"], it["check_id"], it["resource"].rpartition(".")[2]): it["check_name"]
            for it in report["results"]["failed_checks"]
        }
    except (KeyError, TypeError) as error:
        raise ScanError("checkov's report looks different from what it was") from error
    if errors:
        raise ScanError(f"not read: {errors}")
    if ("/broken.json", *BROKEN_ON_PURPOSE) not in found:
        raise ScanError("what was broken on purpose was not noticed")
    excused = set()
    for (file, check, resource), words in found.items():
        if file != "/sound.json":
            continue
        if check in EXCEPTIONS:
            excused.add(check)
        else:
            yield f"{resource}: {check}, {words}"
    for check in EXCEPTIONS.keys() - excused:
        yield f"{check} is an exception that excuses nothing: {EXCEPTIONS[check]}"


if __name__ == "__main__":
    sys.exit(main())
