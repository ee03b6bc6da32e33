"""Wiring for the deliverer. The only file here that does anything when imported."""

import asyncio

from functions.deliverer.addressees import Addressees
from functions.deliverer.deliver import Deliver
from functions.deliverer.handler import make_handler
from relay import bootstrap
from relay.config import DelivererSettings
from relay.telemetry import WideLog
from relay.use_cases.tell_event import EventData

_settings = DelivererSettings()
_table = _settings.table_name
_clock = bootstrap.clock()
_dice = bootstrap.dice()
_wheel = bootstrap.wheel(_table)

handle = make_handler(
    Deliver(
        deliveries=bootstrap.delivery_store(_table),
        addressees=Addressees(
            endpoints=bootstrap.endpoint_store(_table),
            callback_secrets=bootstrap.callback_secret_store(_table),
            recoveries=bootstrap.recovery_store(_table),
            wheel=_wheel,
            master_secret=bootstrap.secret(_settings.webhook_master_secret_arn),
        ),
        event_data=EventData(
            jobs=bootstrap.job_store(_table),
            contents=bootstrap.content_store(_table, _settings.bucket_name),
            api_url=_settings.public_api_url.rstrip("/"),
        ),
        wheel=_wheel,
        sender=bootstrap.webhook_sender(
            bootstrap.egress_policy(
                allow_loopback_http=_settings.is_local_stack, own_url=_settings.public_api_url
            )
        ),
        clock=_clock,
        dice=_dice,
        offload=bootstrap.offload,
    ),
    bootstrap.visibility(_settings.deliveries_queue_url),
    clock=_clock,
    run=asyncio.Runner().run,
    log=WideLog("deliverer"),
)
