"""Wiring for the fan-out. The only file here that does anything when imported."""

from datetime import timedelta

from functions.fanout.fan_out import FanOut
from functions.fanout.handler import make_handler
from functions.fanout.recover import Recover
from relay import bootstrap
from relay.config import FanoutSettings
from relay.telemetry import WideLog
from relay.use_cases.redeliver import Redeliver

_settings = FanoutSettings()
_table = _settings.table_name
_clock = bootstrap.clock()
_deliveries = bootstrap.delivery_store(_table)
_endpoints = bootstrap.endpoint_store(_table)
_queue = bootstrap.queue(_settings.deliveries_queue_url)
_wheel = bootstrap.wheel(_table)

handle = make_handler(
    FanOut(
        jobs=bootstrap.job_store(_table),
        endpoints=_endpoints,
        deliveries=_deliveries,
        wheel=_wheel,
        queue=_queue,
        clock=_clock,
    ),
    Recover(
        recoveries=bootstrap.recovery_store(_table),
        endpoints=_endpoints,
        events=bootstrap.event_store(_table),
        deliveries=_deliveries,
        redeliver=Redeliver(deliveries=_deliveries, wheel=_wheel, queue=_queue),
        wheel=_wheel,
        clock=_clock,
    ),
    clock=_clock,
    retention=timedelta(days=_settings.retention_days),
    log=WideLog("fanout"),
)
