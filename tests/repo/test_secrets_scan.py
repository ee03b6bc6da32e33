"""The scan for secrets finds what is planted, in the files and in what the history once held."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from tools.secrets_scan import KNOWN, findings_in, main

# Put together here, so that this file holds none of what it looks for.
PLANTED = {
    "a key of the relay": "mrl_" + "live_" + "a1B2c" * 7 + "xyz",
    "a webhook secret": "whs" + "ec_" + "q1W2e3R4" * 4,
    "a key of Mistral": "MISTRAL_API_KEY" + "=" + "0a1B2c3D" * 4,
    "AWS Access Key": "AKIA" + "Q3EGRIG7" * 2,
    "Private Key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "GitHub Token": "gh" + "p_" + "a1B2c3D4e5F6" * 3,
    "Basic Auth Credentials": "https://user" + ":hunter2@example.com",
}


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet")

    def git(self, *arguments: str) -> None:
        author = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=no"]
        command = ["git", *author, *arguments]
        subprocess.run(command, cwd=self.folder, check=True)  # noqa: S603 - git, in a folder of the test's

    def commit(self, text: str | None, message: str = "Change") -> None:
        file = self.folder / "settings.py"
        file.write_text(text) if text is not None else file.unlink()
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path)
    repository.commit("NAME = 'relay'\n")
    return repository


def test_what_holds_no_secret_passes(repository: Repository) -> None:
    assert main(repository.folder, {}) == 0


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_secret_is_found_and_not_printed(
    repository: Repository, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository.folder / "new.py").write_text(f"first = 1\nvalue = '{PLANTED[kind]}'\n")

    status = main(repository.folder, {})

    printed = capsys.readouterr().out
    assert status == 1
    assert f"new.py:2: {kind}" in printed
    assert PLANTED[kind] not in printed


@pytest.mark.parametrize("text", ["NAME = 'relay'\n", None], ids=["changed", "deleted"])
def test_a_secret_that_was_committed_once_is_found_for_ever(
    repository: Repository, text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit(f"KEY = '{PLANTED['a key of the relay']}'\n")
    repository.commit(text)

    status = main(repository.folder, {})

    assert status == 1
    assert ": settings.py: a key of the relay" in capsys.readouterr().out


def test_a_secret_in_a_commits_message_or_on_another_branch_is_found(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.git("checkout", "--quiet", "-b", "other")
    repository.commit("NAME = 'other'\n", message=f"Use {PLANTED['a webhook secret']}")
    repository.git("checkout", "--quiet", "-")

    status = main(repository.folder, {})

    assert status == 1
    assert ": message: a webhook secret" in capsys.readouterr().out


def test_an_exception_excepts_one_value_only(repository: Repository) -> None:
    (repository.folder / "new.py").write_text(PLANTED["a webhook secret"])
    (finding,) = findings_in(PLANTED["a webhook secret"], "new.py:1")

    assert main(repository.folder, {finding.digest: "an example"}) == 0
    (repository.folder / "new.py").write_text(PLANTED["a webhook secret"] + "more")
    assert main(repository.folder, {finding.digest: "an example"}) == 1


def test_an_exception_for_nothing_is_found(repository: Repository) -> None:
    digest = hashlib.sha256(b"gone").hexdigest()[:16]

    assert main(repository.folder, {digest: "was an example"}) == 1


def test_every_exception_of_ours_has_a_reason_and_nothing_else_is_found() -> None:
    assert all(len(reason.split()) >= 3 for reason in KNOWN.values())
    assert main() == 0
