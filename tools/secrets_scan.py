"""Look for secrets in all files and in all that the history ever added: a part of ``make lint``.

The known forms of other people's keys are those of detect-secrets; ours are below. It looks for
forms and not for what merely looks random, since a tree of hashes and example ids is full of that.
What is found is told by file, line and digest, and never printed.
"""

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from detect_secrets.plugins import (
    aws,
    azure_storage_key,
    basic_auth,
    github_token,
    gitlab_token,
    jwt,
    npm,
    openai,
    private_key,
    pypi_token,
    slack,
    stripe,
)
from detect_secrets.plugins.base import RegexBasedDetector

from tools.locks import REPOSITORY

PATTERNS: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "a key of the relay": (re.compile(r"mrl_live_[0-9A-Za-z]{38}"),),
    "a webhook secret": (re.compile(r"whsec_[0-9A-Za-z+/]{24,}={0,2}"),),
    "a key of Mistral": (
        re.compile(
            r"(?i)mistral[\w-]{0,20}key\w*[\"']?\s*[=:]\s*[\"']?([0-9A-Za-z]{32})(?![0-9A-Za-z])"
        ),
    ),
    **{
        detector.secret_type: tuple(detector.denylist)
        for detector in (
            aws.AWSKeyDetector,
            azure_storage_key.AzureStorageKeyDetector,
            basic_auth.BasicAuthDetector,
            github_token.GitHubTokenDetector,
            gitlab_token.GitLabTokenDetector,
            jwt.JwtTokenDetector,
            npm.NpmDetector,
            openai.OpenAIDetector,
            private_key.PrivateKeyDetector,
            pypi_token.PypiTokenDetector,
            slack.SlackDetector,
            stripe.StripeDetector,
        )
        if issubclass(detector, RegexBasedDetector)
    },
}
KNOWN: Mapping[str, str] = {
    "cd28f840472a4214": "the key of zeros in events/, which no deployment can have made",
    "96ad2ccd81462a76": "the public test vector of Standard Webhooks, which signing is held to",
    "5e884898da280471": "'password', in an address that must be refused",
    "6d05621ab7cb7b4f": "an address that must be refused for its user part",
    "d74ff0ee8da3b980": "'pass', in an address that must be refused",
    "2bb80d537b1da3e3": "'secret', in an address that must be refused",
}
"""What looks like a secret and is none, by the digest that the scan prints, with the reason."""
_DIGEST_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that has the form of a secret."""

    place: str
    kind: str
    digest: str


def findings_in(line: str, place: str) -> Iterator[Finding]:
    """Yield what of a line has the form of a secret."""
    for kind, patterns in PATTERNS.items():
        for pattern in patterns:
            for match in pattern.finditer(line):
                secret = match.group(match.lastindex or 0) or match.group(0)
                digest = hashlib.sha256(secret.encode()).hexdigest()[:_DIGEST_CHARACTERS]
                yield Finding(place, kind, digest)


def _git(repository: Path, *arguments: str) -> str:
    run = subprocess.run(
        ["git", *arguments], cwd=repository, stdout=subprocess.PIPE, check=True, timeout=300
    )
    return run.stdout.decode("utf-8", errors="replace")


def lines_of_tree(repository: Path) -> Iterator[tuple[str, str]]:
    """Yield each line, with its place, of all files that a commit would hold."""
    listed = _git(repository, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in sorted({name for name in listed.split("\0") if name}):
        file = repository / name
        if file.is_file():
            text = file.read_bytes().decode("utf-8", errors="replace")
            for number, line in enumerate(text.splitlines(), 1):
                yield f"{name}:{number}", line


def lines_of_history(repository: Path) -> Iterator[tuple[str, str]]:
    """Yield each line that any commit added, with commit and file."""
    log = _git(
        repository,
        *("log", "--all", "--patch", "--unified=0", "--text", "--no-ext-diff", "--no-color"),
        *("--no-renames", "--diff-merges=first-parent", "--format=commit %h%n%B"),
    )
    commit = name = ""
    for line in log.splitlines():
        if line.startswith("commit "):
            commit, name = line.removeprefix("commit "), "message"
        elif line.startswith("+++ "):
            name = line.removeprefix("+++ ").removeprefix("b/")
        elif line.startswith("+") or name == "message":
            yield f"{commit}: {name}", line


def scan(repository: Path) -> list[Finding]:
    """Return what is found in the tree and the history; the same line is looked at once."""
    places: dict[str, str] = {}
    for place, line in lines_of_tree(repository):
        places.setdefault(line.strip(), place)
    for place, line in lines_of_history(repository):
        places.setdefault(line.removeprefix("+").strip(), place)
    return [finding for line, place in places.items() for finding in findings_in(line, place)]


def main(repository: Path = REPOSITORY, known: Mapping[str, str] = KNOWN) -> int:
    """Print what is found and not known, and return the exit status."""
    found = scan(repository)
    faults = [f"{it.place}: {it.kind} ({it.digest})" for it in found if it.digest not in known]
    unused = known.keys() - {finding.digest for finding in found}
    faults += [f"{digest} is excepted and nowhere found" for digest in sorted(unused)]
    print(*faults, sep="\n", end="\n" if faults else "")
    commits = len(_git(repository, "rev-list", "--all").split())
    is_cut_off = _git(repository, "rev-parse", "--is-shallow-repository").strip() == "true"
    extent = "the last ones only, this clone is shallow" if is_cut_off else "all of them"
    print(f"secrets: {len(faults)} in the files and in {commits} commits, {extent}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
