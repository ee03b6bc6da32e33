"""Wiring for the worker. The only file here that does anything when imported."""

import asyncio

from functions.worker.gate import BACKLOG_SHARE, Gate
from functions.worker.handler import make_handler
from functions.worker.run_job import RunJob
from functions.worker.setting_aside import SetAside
from functions.worker.unclaimed import Unclaimed
from relay import bootstrap
from relay.config import WorkerSettings
from relay.telemetry import WideLog

_settings = WorkerSettings()
_table = _settings.table_name
_rate = _settings.mistral_requests_per_second
_clock, _dice, _offload = bootstrap.clock(), bootstrap.dice(), bootstrap.offload
_jobs = bootstrap.job_store(_table)
_contents = bootstrap.content_store(_table, _settings.bucket_name)
_set_aside = SetAside(
    jobs=_jobs, wheel=bootstrap.wheel(_table), clock=_clock, dice=_dice, offload=_offload
)

handle = make_handler(
    RunJob(
        jobs=_jobs,
        contents=_contents,
        mistral=bootstrap.mistral(
            _settings.mistral_api_url, bootstrap.secret(_settings.mistral_api_key_secret_arn)
        ),
        gate=Gate(
            circuits=bootstrap.circuit_store(_table),
            calls=bootstrap.rate_bucket(_table, "calls", per_second=_rate),
            backlog=bootstrap.rate_bucket(_table, "backlog", per_second=_rate * BACKLOG_SHARE),
            clock=_clock,
            dice=_dice,
            offload=_offload,
        ),
        unclaimed=Unclaimed(
            jobs=_jobs, contents=_contents, set_aside=_set_aside, clock=_clock, offload=_offload
        ),
        set_aside=_set_aside,
        clock=_clock,
        dice=_dice,
        offload=_offload,
    ),
    bootstrap.visibility(_settings.jobs_queue_url),
    clock=_clock,
    run=asyncio.Runner().run,
    log=WideLog("worker"),
)
