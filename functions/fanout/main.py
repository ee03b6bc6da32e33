"""Wiring for the fan-out. The only file here that does anything when imported."""

from functions.fanout.fan_out import FanOut
from functions.fanout.handler import make_handler
from relay import bootstrap
from relay.config import FanoutSettings
from relay.telemetry import WideLog

_settings = FanoutSettings()

handle = make_handler(
    FanOut(
        jobs=bootstrap.job_store(_settings.table_name),
        deliveries=bootstrap.delivery_store(_settings.table_name),
        wheel=bootstrap.wheel(_settings.table_name),
        queue=bootstrap.queue(_settings.deliveries_queue_url),
        clock=bootstrap.clock(),
    ),
    WideLog("fanout"),
)
