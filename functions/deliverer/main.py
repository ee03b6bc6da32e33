"""Wiring for the deliverer. The only file here that does anything when imported."""

import asyncio

from functions.deliverer.deliver import Deliver
from functions.deliverer.handler import make_handler
from relay import bootstrap
from relay.config import DelivererSettings
from relay.telemetry import WideLog

_settings = DelivererSettings()
_clock = bootstrap.clock()

handle = make_handler(
    Deliver(
        deliveries=bootstrap.delivery_store(_settings.table_name),
        jobs=bootstrap.job_store(_settings.table_name),
        contents=bootstrap.content_store(_settings.table_name, _settings.bucket_name),
        wheel=bootstrap.wheel(_settings.table_name),
        sender=bootstrap.webhook_sender(
            bootstrap.egress_policy(
                allow_loopback_http=_settings.is_local_stack, own_url=_settings.public_api_url
            )
        ),
        master_secret=bootstrap.secret(_settings.webhook_master_secret_arn),
        clock=_clock,
        dice=bootstrap.dice(),
        offload=bootstrap.offload,
        api_url=_settings.public_api_url.rstrip("/"),
    ),
    bootstrap.visibility(_settings.deliveries_queue_url),
    clock=_clock,
    run=asyncio.Runner().run,
    log=WideLog("deliverer"),
)
