"""Wiring for the sweeper. The only file here that does anything when imported."""

from functools import partial

from functions.sweeper.handler import make_handler
from functions.sweeper.looks import LookAtRows
from functions.sweeper.sweep import Sweep
from relay import bootstrap
from relay.config import SweeperSettings
from relay.telemetry import WideLog, measure

_settings = SweeperSettings()
_table = _settings.table_name
_clock = bootstrap.clock()
_jobs, _events = bootstrap.job_store(_table), bootstrap.event_store(_table)

handle = make_handler(
    Sweep(
        wheel=bootstrap.wheel(_table),
        look_at_rows=LookAtRows(
            jobs=_jobs,
            deliveries=bootstrap.delivery_store(_table),
            recoveries=bootstrap.recovery_store(_table),
            events=_events,
        ),
        jobs=_jobs,
        events=_events,
        jobs_queue=bootstrap.queue(_settings.jobs_queue_url),
        deliveries_queue=bootstrap.queue(_settings.deliveries_queue_url),
        events_queue=bootstrap.queue(_settings.events_queue_url),
        clock=_clock,
    ),
    clock=_clock,
    log=WideLog("sweeper"),
    measure=partial(measure, namespace=_settings.metrics_namespace),
)
