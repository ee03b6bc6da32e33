"""Wiring for the worker. The only file here that does anything when imported."""

import asyncio

from functions.worker.handler import make_handler
from functions.worker.run_job import RunJob
from relay import bootstrap
from relay.config import WorkerSettings
from relay.telemetry import WideLog

_settings = WorkerSettings()
_clock = bootstrap.clock()

handle = make_handler(
    RunJob(
        jobs=bootstrap.job_store(_settings.table_name),
        contents=bootstrap.content_store(_settings.table_name, _settings.bucket_name),
        mistral=bootstrap.mistral(
            _settings.mistral_api_url, bootstrap.secret(_settings.mistral_api_key_secret_arn)
        ),
        clock=_clock,
        dice=bootstrap.dice(),
        offload=bootstrap.offload,
    ),
    bootstrap.visibility(_settings.jobs_queue_url),
    clock=_clock,
    run=asyncio.Runner().run,
    log=WideLog("worker"),
)
