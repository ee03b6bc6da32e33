"""Answers that come when the job is over, or somebody else's."""

from collections.abc import Callable
from datetime import timedelta
from typing import override

import pytest

from relay.domain.answer import Answer
from relay.domain.content import result_key
from relay.domain.errors import UnavailableError
from relay.domain.job import LEASE_MARGIN, Job, JobStatus
from relay.domain.usage import Usage
from tests.fakes.clock import NOON
from tests.fakes.examples import a_job
from tests.fakes.mistral import MistralCall, Script, chat_answer, refusal
from tests.fakes.seam import QUIET, Seam
from tests.fakes.trouble import Crash, Trouble
from tests.unit.functions.worker_on_fakes import Rival, Worker

LEASE = timedelta(seconds=60) + LEASE_MARGIN
SPENT = Usage(prompt_tokens=10, completion_tokens=4, total_tokens=14)


def while_called(act: Callable[[], object], answer: Answer) -> Script:
    """Return a script in which somebody acts while Mistral is at work."""

    def script(_: MistralCall) -> Answer:
        act()
        return answer

    return script


def cancelled_worker(answer: Answer, seam: Seam = QUIET, job: Job | None = None) -> Worker:
    """Return a worker whose job was cancelled while Mistral was at work."""
    worker = Worker(seam=seam)
    worker.add(job)
    worker.mistral.script = while_called(lambda: cancel(worker), answer)
    worker.run()
    worker.run_to_the_end()
    return worker


def cancel(worker: Worker) -> None:
    worker.jobs.save(worker.job, worker.job.cancelled(worker.clock.now()))


def delete(worker: Worker) -> None:
    worker.jobs.save(worker.job, worker.job.deleted(worker.clock.now()))


def test_a_job_cancelled_in_mid_call_stays_cancelled_and_says_what_the_call_cost() -> None:
    worker = cancelled_worker(chat_answer())

    job = worker.job
    assert job.status is JobStatus.CANCELLED
    assert job.usage == SPENT
    assert job.cost is not None
    assert (job.result, job.error, job.model_used) == (None, None, None)


def test_the_answer_to_a_cancelled_job_is_thrown_away() -> None:
    worker = cancelled_worker(chat_answer())

    assert worker.contents.of(worker.job.id) == {}


def test_a_job_cancelled_in_mid_call_tells_of_its_end_once() -> None:
    worker = cancelled_worker(chat_answer(), job=a_job(notify_started=True))

    assert [event.type for event in worker.events()] == ["job.started", "job.cancelled"]
    assert worker.states() == ["queued", "in_progress", "cancelled", "cancelled"]
    assert len({change.after.version for change in worker.jobs.changes}) == 3


@pytest.mark.parametrize("answer", [refusal(400), refusal(503), refusal(429), refusal(401)])
def test_a_refusal_of_a_cancelled_job_s_call_changes_nothing(answer: Answer) -> None:
    worker = cancelled_worker(answer)

    assert worker.job.status is JobStatus.CANCELLED
    assert (worker.job.usage, worker.job.cost, worker.job.error) == (None, None, None)
    assert len(worker.mistral.calls) == 1


def test_an_answer_that_counts_nothing_leaves_a_cancelled_job_as_it_is() -> None:
    worker = cancelled_worker(
        Answer(status=200, headers={}, body=b'{"choices":[{"message":{"content":"x"}}]}')
    )

    assert worker.states() == ["queued", "in_progress", "cancelled"]
    assert worker.contents.of(worker.job.id) == {}


def test_a_job_cancelled_and_deleted_in_mid_call_keeps_what_totals_are_made_of() -> None:
    def cancel_and_delete() -> None:
        cancel(worker)
        delete(worker)

    worker = Worker()
    worker.add()
    worker.mistral.script = while_called(cancel_and_delete, chat_answer())

    worker.run()

    assert worker.job.deleted_at is not None
    assert worker.job.usage == SPENT
    assert worker.contents.of(worker.job.id) == {}


@pytest.mark.parametrize("is_after", [False, True], ids=["not kept", "kept"])
def test_the_answer_of_a_deleted_job_is_removed_though_its_worker_was_gone_first(
    *, is_after: bool
) -> None:
    def cancel_and_delete() -> None:
        cancel(worker)
        delete(worker)
        worker.contents.purge(worker.job)

    worker = Worker(seam=Trouble("contents.put", Crash(), is_after=is_after, times=1))
    job = worker.add()
    worker.mistral.script = while_called(cancel_and_delete, chat_answer())
    with pytest.raises(BaseExceptionGroup):
        worker.run()
    assert bool(worker.contents.of(job.id)) is is_after
    tombstone = worker.job

    worker.run_to_the_end()

    assert worker.contents.of(job.id) == {}
    assert worker.job == tombstone
    assert len(worker.mistral.calls) == 1


def test_an_outage_while_a_deleted_job_is_purged_leaves_the_message_for_another_try() -> None:
    worker = Worker(seam=Trouble("contents.purge", times=1))
    job = worker.add(a_job().cancelled(NOON).deleted(NOON))
    worker.contents.put(job, result_key(1), chat_answer().body)

    assert worker.run() == ["jobs-message-1"]
    assert worker.run_next() == []

    assert worker.contents.of(job.id) == {}
    assert worker.next_at is None


@pytest.mark.parametrize("call", ["jobs.find", "contents.discard"])
def test_an_outage_after_an_answer_came_too_late_leaves_the_job_cancelled(call: str) -> None:
    worker = cancelled_worker(chat_answer(), Trouble(call))

    assert worker.job.status is JobStatus.CANCELLED
    assert worker.log.lines[0]["outcome"] == "lost"
    assert worker.next_at is None


def test_a_job_that_changes_while_its_cost_is_noted_keeps_the_change() -> None:
    rival = Rival("contents.discard")
    worker = Worker(seam=rival)
    worker.add()
    worker.mistral.script = while_called(lambda: cancel(worker), chat_answer())
    rival.act = lambda: delete(worker)

    worker.run()

    assert worker.job.deleted_at is not None
    assert worker.job.usage == SPENT


def test_the_result_of_an_overrun_is_thrown_away_and_the_winner_s_is_untouched() -> None:
    worker = Worker()
    job = worker.add()
    winners = chat_answer("the winner's").body

    def overrun() -> None:
        worker.clock.wait(LEASE + timedelta(seconds=1))
        worker.rival_completes(job, winners)

    worker.mistral.script = while_called(overrun, chat_answer("the late one's"))
    worker.run()

    assert worker.contents.of(job.id) == {result_key(2): winners}
    assert worker.job.usage == SPENT
    assert worker.job.result is not None
    assert worker.contents.get(worker.job, worker.job.result) == winners


def test_the_result_of_an_overrun_is_thrown_away_while_the_next_one_is_at_work() -> None:
    worker = Worker()
    job = worker.add()

    def overrun() -> None:
        worker.clock.wait(LEASE + timedelta(seconds=1))
        at = worker.clock.now()
        worker.jobs.claim(job.tenant_id, job.id, at=at, lease_margin=LEASE_MARGIN)

    worker.mistral.script = while_called(overrun, chat_answer())
    worker.run()

    assert (worker.job.status, worker.job.fence) == (JobStatus.IN_PROGRESS, 2)
    assert (worker.job.usage, worker.job.cost) == (None, None)
    assert worker.contents.of(job.id) == {}


def test_what_the_first_call_of_a_job_cost_is_not_noted_where_a_later_one_was_cancelled() -> None:
    worker = Worker()
    job = worker.add()

    def overrun() -> None:
        worker.clock.wait(LEASE + timedelta(seconds=1))
        at = worker.clock.now()
        worker.jobs.claim(job.tenant_id, job.id, at=at, lease_margin=LEASE_MARGIN)
        cancel(worker)

    worker.mistral.script = while_called(overrun, chat_answer())
    worker.run()

    assert worker.job.status is JobStatus.CANCELLED
    assert worker.job.usage is None  # it is the later call's to fill in, once
    assert worker.contents.of(job.id) == {}


class Unheard(Rival):
    """The first time its caller does not hear that it is done; the rival acts before the next."""

    def __init__(self, call: str, act: Callable[[], object]) -> None:
        super().__init__(call)
        self._later: Callable[[], object] | None = act

    @override
    def after(self, call: str) -> None:
        if call == self._call and self._later is not None:
            self.act, self._later = self._later, None
            raise UnavailableError(call)


def test_a_completion_that_was_done_and_not_heard_of_is_not_thrown_away() -> None:
    """Its second try finds a row that is neither what it read nor what it wrote."""

    def tell_again() -> None:
        worker.jobs.save(worker.job, worker.job.asked_to_tell_again())

    worker = Worker(seam=Unheard("jobs.save", tell_again))
    job = worker.add()

    worker.run()
    worker.run_to_the_end()

    assert worker.job.status is JobStatus.COMPLETED
    assert worker.job.usage == SPENT
    assert worker.contents.of(job.id) == {result_key(1): chat_answer().body}
    assert len(worker.mistral.calls) == 1


def test_a_completion_that_nobody_can_read_any_more_is_not_thrown_away() -> None:
    def make_unreadable() -> None:
        worker.jobs.save(worker.job, worker.job.asked_to_tell_again())
        worker.jobs.unreadable.add(worker.job.id)

    worker = Worker(seam=Unheard("jobs.save", make_unreadable))
    job = worker.add()

    worker.run()

    assert worker.contents.of(job.id) == {result_key(1): chat_answer().body}


def test_a_job_cancelled_while_it_waits_in_place_is_not_tried_again() -> None:
    """Mistral was called once more, and paid, for somebody who had been told that it was over."""
    worker = cancelled_worker(refusal(503, retry_after="3"))

    assert worker.clock.at - NOON >= timedelta(seconds=3)
    assert len(worker.mistral.calls) == 1


def test_an_outage_of_the_store_does_not_keep_a_job_from_its_next_attempt() -> None:
    worker = Worker(refusal(503), chat_answer(), seam=Trouble("jobs.find"))
    worker.add()

    worker.run()

    assert worker.job.status is JobStatus.COMPLETED
    assert len(worker.mistral.calls) == 2
