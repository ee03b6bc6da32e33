"""``relay map``: one job for each line of a file."""

import json
from pathlib import Path
from threading import Lock
from typing import Any

import httpx
import pytest

from tests.unit.cli.conftest import Relay, TerminalStream
from tests.unit.cli.fake_relay import API_URL, FakeRelay, a_job, completed, problem

PROMPTS = "one\n\ntwo\nthree\n"


class ManyJobs:
    """Makes a job of each submission, which ends as its prompt says; the same key, the same job."""

    def __init__(self) -> None:
        self.endings: dict[str, Any] = {}
        self.prompts_by_key: dict[str, str] = {}
        self.bodies: list[dict[str, Any]] = []
        self._lock = Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)["body"]
        prompt = body["messages"][-1]["content"]
        with self._lock:
            self.bodies.append(body)
            key = request.headers["idempotency-key"]
            assert self.prompts_by_key.setdefault(key, prompt) == prompt
        ending = self.endings.get(prompt, {"output_text": f"{prompt}!"})
        if isinstance(ending, httpx.Response):
            return ending
        if isinstance(ending, type):
            raise ending("the line is dead")
        job_id = "job_" + prompt.replace(" ", "")
        job = a_job(id=job_id, urls={"self": f"{API_URL}/v1/jobs/{job_id}"})
        return httpx.Response(200, json=job | completed() | ending)


@pytest.fixture
def jobs(service: FakeRelay) -> ManyJobs:
    many = ManyJobs()
    service.answers_instead = many
    return many


@pytest.fixture
def prompts(tmp_path: Path) -> str:
    path = tmp_path / "prompts.txt"
    path.write_text(PROMPTS)
    return str(path)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "answers.jsonl"


def rows(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.read_text("utf-8").split("\n")[:-1]]


FAILED = {"status": "failed", "output_text": None, "error": {"code": "x", "message": "It broke."}}


@pytest.mark.parametrize("concurrency", ["1", "8"])
def test_each_line_is_answered_in_its_order(
    relay: Relay, jobs: ManyJobs, prompts: str, output: Path, concurrency: str
) -> None:
    said = relay("map", prompts, "-o", str(output), "--concurrency", concurrency)

    assert (said.exit_code, said.stdout) == (0, "")
    assert said.stderr == f"3 answers in {output}\n"
    assert [(row["line"], row["prompt"], row["output_text"]) for row in rows(output)] == [
        (1, "one", "one!"),
        (3, "two", "two!"),
        (4, "three", "three!"),
    ]
    assert rows(output)[0]["cost"] == {"currency": "USD", "amount": "0.000123"}
    assert len(jobs.prompts_by_key) == 3


def test_options_go_with_each_prompt(
    relay: Relay, jobs: ManyJobs, prompts: str, output: Path
) -> None:
    relay("map", prompts, "-o", str(output), "--model", "m", "--system", "Be brief.")

    assert {body["model"] for body in jobs.bodies} == {"m"}
    assert all(body["messages"][0]["content"] == "Be brief." for body in jobs.bodies)


def test_prompts_may_be_piped(relay: Relay, jobs: ManyJobs, output: Path) -> None:
    relay.stdin = "Grüße\r\nzwei".encode()

    relay("map", "-", "-o", str(output))

    assert sorted(jobs.prompts_by_key.values()) == ["Grüße", "zwei"]


def test_failures_are_written_listed_at_the_end_and_end_with_1(
    relay: Relay, jobs: ManyJobs, prompts: str, output: Path
) -> None:
    jobs.endings["one"] = FAILED
    jobs.endings["two"] = problem(422, title="Invalid", code="invalid_request", detail="Too odd.")

    said = relay("map", prompts, "-o", str(output))

    assert said.exit_code == 1
    assert said.stderr.splitlines()[:2] == [
        "2 of 3 prompts have no answer:",
        "  line 1: It broke. (job_one)",
    ]
    assert "line 3: Refused: Invalid (422 invalid_request) Too odd." in said.stderr
    assert [row["status"] for row in rows(output)] == ["failed", "refused", "completed"]


def test_many_failures_are_not_all_listed(relay: Relay, jobs: ManyJobs, output: Path) -> None:
    relay.stdin = "\n".join(f"p{number}" for number in range(25)).encode()
    jobs.endings = {f"p{number}": FAILED for number in range(25)}

    said = relay("map", "-", "-o", str(output))

    assert said.stderr.count("It broke.") == 20
    assert "and 5 more" in said.stderr


@pytest.mark.parametrize(
    ("trouble", "exit_code"),
    [(httpx.ConnectError, 4), (KeyboardInterrupt, 130), (httpx.Response(401), 3)],
)
def test_what_would_meet_every_prompt_stops_the_run_which_then_goes_on_where_it_stopped(
    relay: Relay, jobs: ManyJobs, prompts: str, output: Path, trouble: Any, exit_code: int
) -> None:
    jobs.endings["two"] = trouble
    command = ("map", prompts, "-o", str(output), "--concurrency", "1")
    stopped = relay(*command)
    written = output.read_bytes()
    jobs.endings.clear()

    ended = relay(*command)

    assert stopped.exit_code == exit_code
    assert f"1 answers are in {output}; run the same again to go on." in stopped.stderr
    assert ended.exit_code == 0
    assert output.read_bytes().startswith(written)
    assert [row["prompt"] for row in rows(output)] == ["one", "two", "three"]
    assert sorted(jobs.prompts_by_key) == [f"map-fresh-key-{line}" for line in (1, 3, 4)]
    assert [body["messages"][0]["content"] for body in jobs.bodies].count("one") == 1


def test_an_answer_that_was_half_written_is_written_again(
    relay: Relay, jobs: ManyJobs, prompts: str, output: Path
) -> None:
    relay("map", prompts, "-o", str(output))
    whole = output.read_bytes()
    output.write_bytes(whole[:-9])

    relay("map", prompts, "-o", str(output))

    assert output.read_bytes() == whole
    assert len(jobs.prompts_by_key) == 3


def test_a_run_that_is_complete_asks_nothing_and_tells_the_same(
    relay: Relay, jobs: ManyJobs, prompts: str, output: Path
) -> None:
    jobs.endings["two"] = FAILED
    first = relay("map", prompts, "-o", str(output))
    count = len(jobs.bodies)

    second = relay("map", prompts, "-o", str(output))

    assert second == first
    assert len(jobs.bodies) == count


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("other prompts", "other prompts or options"),
        ("other options", "other prompts or options"),
        ("a stranger's file", "is there already"),
        ("a broken note", "cannot be read"),
        ("a broken answer", "no answer"),
        ("an answer taken out", "was changed: line 1 has no answer in its turn"),
        ("an answer too many", "no answer"),
        ("no folder", "No such file"),
    ],
)
def test_a_file_that_is_not_of_this_run_is_left_alone(
    relay: Relay, jobs: ManyJobs, prompts: str, output: Path, changed: str, words: str
) -> None:
    relay("map", prompts, "-o", str(output))
    note = output.with_name("answers.jsonl.run")
    options = ("--model", "m") if changed == "other options" else ()
    match changed:
        case "other prompts":
            Path(prompts).write_text("four")
        case "a stranger's file":
            note.unlink()
        case "a broken note":
            note.write_text("[]")
        case "a broken answer":
            output.write_text("7\n")
        case "an answer taken out":
            output.write_bytes(b"".join(output.read_bytes().splitlines(keepends=True)[1:]))
        case "an answer too many":
            output.write_bytes(output.read_bytes() * 2)
        case "no folder":
            output = output.parent / "absent" / "answers.jsonl"
        case _:
            pass
    asked = len(jobs.bodies)

    said = relay("map", prompts, "-o", str(output), *options)

    assert said.exit_code == 2
    assert words in said.stderr
    assert len(jobs.bodies) == asked


def test_a_result_too_large_for_its_job_is_fetched(
    relay: Relay, service: FakeRelay, jobs: ManyJobs, prompts: str, output: Path
) -> None:
    jobs.endings["one"] = {"output_text": None, "result_url": "https://results.example/r"}
    result = {"choices": [{"message": {"content": "long"}}]}
    service.stored = httpx.Response(200, json=result)

    relay("map", prompts, "-o", str(output))

    assert rows(output)[0]["output_text"] == "long"


def test_half_a_surrogate_pair_is_written_as_it_came(
    relay: Relay, jobs: ManyJobs, prompts: str, output: Path
) -> None:
    content = json.dumps(a_job(id="job_one") | completed() | {"output_text": "\ud800é"})
    jobs.endings["one"] = httpx.Response(200, text=content)

    relay("map", prompts, "-o", str(output))

    assert rows(output)[0]["output_text"] == "\ud800é"


def test_only_a_person_sees_how_far_it_is(
    relay: Relay, jobs: ManyJobs, prompts: str, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    relay.stream = TerminalStream

    said = relay("map", prompts, "-o", str(output))

    assert "prompts" in said.stderr
    assert "prompts" not in said.stdout
    assert len(jobs.bodies) == 3


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (("absent.txt", "-o", "answers.jsonl"), "absent.txt"),
        (("-", "-o", "answers.jsonl"), "no prompts"),
        (("-",), "--output"),
        (("-", "-o", "a", "--concurrency", "0"), "--concurrency"),
        (("-", "-o", "a", "--concurrency", "65"), "--concurrency"),
    ],
)
def test_wrong_usage_ends_with_2_and_writes_nothing(
    relay: Relay, service: FakeRelay, tmp_path: Path, tokens: tuple[str, ...], words: str
) -> None:
    said = relay("map", *tokens)

    assert said.exit_code == 2
    assert words in said.stderr
    assert service.requests == []
    assert list(tmp_path.iterdir()) == []
