"""The paths under /v1/batch/jobs."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import AfterValidator, Field

from tools.simulator.batch_job import LINES_PER_LOOK, BatchJob, Doom, Status
from tools.simulator.batch_lines import (
    Line,
    LineResult,
    Lines,
    UnreadableError,
    answer_line,
    as_jsonl,
    check_one_model,
    read_lines,
)
from tools.simulator.behaviour import Behaviour
from tools.simulator.call import Answer, Call, Endpoint, json_answer
from tools.simulator.errors import (
    SERVER_ERROR,
    RefusalError,
    error_object,
    invalid_arguments,
    not_found,
    unusable_field,
)
from tools.simulator.file_store import FileStore, SampleType, StoredFile
from tools.simulator.files import PAGE_SIZE_MAX, SECONDS_PER_HOUR
from tools.simulator.parsing import Query, parse, parse_query
from tools.simulator.schema import Closed
from tools.simulator.simulator import Simulator
from tools.simulator.writing import dice

# The deprecated completions of agents are the one endpoint that no batch can ask.
BatchEndpoint = Literal[
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/fim/completions",
    "/v1/moderations",
    "/v1/chat/moderations",
    "/v1/ocr",
    "/v1/classifications",
    "/v1/chat/classifications",
    "/v1/conversations",
    "/v1/audio/transcriptions",
]


Moment = Annotated[datetime, AfterValidator(lambda at: at if at.tzinfo else at.replace(tzinfo=UTC))]


class CreateBatchJob(Closed):
    """POST /v1/batch/jobs."""

    endpoint: BatchEndpoint
    input_files: list[str] | None = None
    requests: Lines | None = None
    model: str | None = None
    agent_id: str | None = None
    metadata: dict[str, Annotated[str, Field(min_length=1, max_length=512)]] | None = None
    timeout_hours: Annotated[int, Field(ge=1, le=168)] = 24


class InlineQuery(Query):
    """Whether the answers are wanted in the job."""

    inline: bool = False


class JobsQuery(Query):
    """The filters of the list. Whose jobs they are is not known here: all are everybody's."""

    page: Annotated[int, Field(ge=0)] = 0
    page_size: Annotated[int, Field(ge=1, le=PAGE_SIZE_MAX)] = 100
    model: str | None = None
    agent_id: str | None = None
    created_after: Moment | None = None
    created_by_me: bool = False
    status: tuple[Status, ...] = ()
    order_by: Literal["created", "-created"] = "-created"

    def admits(self, job: BatchJob, metadata: Mapping[str, str]) -> bool:
        """Say whether the job passes every filter."""
        return (
            (self.model is None or job.model == self.model)
            and (self.agent_id is None or job.agent_id == self.agent_id)
            and (self.created_after is None or job.created_at > self.created_after.timestamp())
            and (not self.status or job.status in self.status)
            and metadata.items() <= (job.metadata or {}).items()
        )


class Batches:
    """The endpoints, around the jobs and the files they read and write."""

    def __init__(
        self, simulator: Simulator, files: FileStore, endpoints: Mapping[str, Endpoint]
    ) -> None:
        self._simulator = simulator
        self._files = files
        self._endpoints = endpoints
        self._jobs: dict[str, BatchJob] = {}

    def create(self, call: Call) -> Answer:
        """POST /v1/batch/jobs."""
        request = parse(CreateBatchJob, call.body)
        if bool(request.input_files) == bool(request.requests):
            raise unusable_field(
                ["body"], "value_error", "Exactly one of input_files and requests must be given"
            )
        lines, unreadable = self._input(request, call.at_unix_seconds)
        behaviour = self._simulator.period.behaviour
        job_id = call.new_uuid("batch")
        job = BatchJob(
            id=job_id,
            endpoint=request.endpoint,
            created_at=call.at_unix_seconds,
            seconds=behaviour.batch_seconds,
            deadline=call.at_unix_seconds + request.timeout_hours * SECONDS_PER_HOUR,
            lines=lines,
            model=request.model,
            agent_id=request.agent_id,
            metadata=request.metadata,
            input_files=request.input_files or [],
            unreadable=unreadable,
            doom=_doom(behaviour, job_id),
            line_fault_rate=behaviour.batch_rate.get("line", 0),
        )
        self._jobs[job.id] = job
        return json_answer(job.as_json())

    def show_all(self, call: Call) -> Answer:
        """GET /v1/batch/jobs. The SDK sends metadata flat, so any other name is a key of it."""
        query = parse_query(JobsQuery, call.query)
        known = {*JobsQuery.model_fields, "status[]", "metadata"}
        metadata = {name: found[-1] for name, found in call.query.items() if name not in known}
        lines_left = LINES_PER_LOOK
        for job in self._jobs.values():
            lines_left -= self._advance(job, call, lines_left)
        found = [job for job in self._jobs.values() if query.admits(job, metadata)]
        if query.order_by == "-created":
            found.reverse()
        start = query.page * query.page_size
        page = [job.as_json() for job in found[start : start + query.page_size]]
        return json_answer({"data": page, "object": "list", "total": len(found)})

    def retrieve(self, call: Call) -> Answer:
        """GET /v1/batch/jobs/{job_id}."""
        query = parse_query(InlineQuery, call.query)
        return json_answer(self._asked_for(call).as_json(inline=query.inline))

    def cancel(self, call: Call) -> Answer:
        """POST /v1/batch/jobs/{job_id}/cancel."""
        job = self._asked_for(call)
        job.cancel(at=call.at_unix_seconds)
        return json_answer(job.as_json())

    def delete(self, call: Call) -> Answer:
        """DELETE /v1/batch/jobs/{job_id}."""
        job = self._asked_for(call)
        del self._jobs[job.id]
        return json_answer({"id": job.id, "object": "batch", "deleted": True})

    def _input(self, request: CreateBatchJob, at: float) -> tuple[list[Line], str | None]:
        """Return the lines, and what is wrong with those of a file: that shows in the job."""
        if request.requests is not None:
            try:
                check_one_model(request.requests, request.model)
            except UnreadableError as error:
                raise invalid_arguments(str(error)) from error
            return request.requests, None
        files = [self._files.get(file_id, at=at) for file_id in request.input_files or ()]
        if any(file.purpose != "batch" for file in files):
            raise invalid_arguments("input_files must have been uploaded with purpose batch")
        try:
            lines = read_lines([line for file in files for line in file.lines()])
            check_one_model(lines, request.model)
        except UnreadableError as error:
            return [], str(error)
        return lines, None

    def _asked_for(self, call: Call) -> BatchJob:
        job_id = call.path_params["job_id"]
        if job_id not in self._jobs:
            raise not_found("Batch job", job_id)
        self._advance(self._jobs[job_id], call, LINES_PER_LOOK)
        return self._jobs[job_id]

    def _advance(self, job: BatchJob, call: Call, lines_max: int) -> int:
        """Bring the job up to date, and return how many lines that took."""
        if job.is_final:
            return 0

        def answer(line: Line, number: int) -> LineResult:
            own = Call(self._simulator.next_number(), call.at_unix_seconds, seed=call.seed)
            breaks = dice(job.id, number).random() < job.line_fault_rate
            endpoint = _break_down if breaks else self._endpoints[job.endpoint]
            return answer_line(line, own, endpoint, job_id=job.id, number=number, model=job.model)

        before = len(job.results)
        job.advance(at=call.at_unix_seconds, answer=answer, lines_max=lines_max)
        if job.is_final:
            self._write_files(job, call)
        return len(job.results) - before

    def _write_files(self, job: BatchJob, call: Call) -> None:
        succeeded = [result.record for result in job.results if not result.failed]
        failed = [result.record for result in job.results if result.failed]
        job.output_file = self._write(job, call, "batch_result", succeeded)
        job.error_file = self._write(job, call, "batch_error", failed)

    def _write(
        self, job: BatchJob, call: Call, kind: SampleType, records: list[dict[str, Any]]
    ) -> str | None:
        if not records:
            return None
        # The order of the lines is not promised, and clients are to be held to that.
        dice(job.id).shuffle(records)
        file = StoredFile(
            id=call.new_uuid(f"{job.id}/{kind}"),
            created_at=int(job.completed_at or call.at_unix_seconds),
            filename=f"{kind.removeprefix('batch_')}s-{job.id}.jsonl",
            purpose="batch",
            sample_type=kind,
            content=as_jsonl(records),
            source="mistral",
        )
        self._files.add(file)
        return file.id


def _doom(behaviour: Behaviour, job_id: str) -> Doom | None:
    place = dice(job_id).random()
    for doom in get_args(Doom):
        rate = behaviour.batch_rate.get(doom, 0)
        if place < rate:
            return cast("Doom", doom)
        place -= rate
    return None


def _break_down(_call: Call) -> Answer:
    raise RefusalError(
        SERVER_ERROR,
        error_object(SERVER_ERROR, "Internal server error", "internal_server_error", "3000"),
    )
