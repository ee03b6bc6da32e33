"""Wiring for the API. The only file here that does anything when imported."""

from datetime import timedelta

from functions.api.handler import make_handler
from functions.api.services import Accounts, Services, Webhooks
from relay import bootstrap
from relay.config import ApiSettings
from relay.domain.job_request import BodyDefaults
from relay.telemetry import WideLog
from relay.use_cases.redeliver import Redeliver
from relay.use_cases.submit_job import SubmitJob

_settings = ApiSettings()
_table = _settings.table_name
_jobs = bootstrap.job_store(_table)
_contents = bootstrap.content_store(_table, _settings.bucket_name)
_idempotency = bootstrap.idempotency_store(_table)
_deliveries = bootstrap.delivery_store(_table)
_wheel = bootstrap.wheel(_table)
_retention = timedelta(days=_settings.retention_days)

handle = make_handler(
    Services(
        jobs=_jobs,
        contents=_contents,
        idempotency=_idempotency,
        submit=SubmitJob(
            jobs=_jobs,
            contents=_contents,
            wheel=_wheel,
            idempotency=_idempotency,
            queue=bootstrap.queue(_settings.jobs_queue_url),
            clock=bootstrap.clock(),
            dice=bootstrap.dice(),
            retention=_retention,
        ),
        accounts=Accounts(
            keys=bootstrap.key_store(_table),
            tenants=bootstrap.tenant_store(_table),
            senders=bootstrap.sender_store(_table),
            dice=bootstrap.dice(),
        ),
        webhooks=Webhooks(
            endpoints=bootstrap.endpoint_store(_table),
            callback_secrets=bootstrap.callback_secret_store(_table),
            recoveries=bootstrap.recovery_store(_table),
            deliveries=_deliveries,
            events=bootstrap.event_store(_table),
            wheel=_wheel,
            redeliver=Redeliver(
                deliveries=_deliveries,
                wheel=_wheel,
                queue=bootstrap.queue(_settings.deliveries_queue_url),
            ),
            retention=_retention,
        ),
        webhook_master_secret=bootstrap.secret(_settings.webhook_master_secret_arn),
        clock=bootstrap.clock(),
        body_defaults=BodyDefaults.of_settings(
            _settings.default_model,
            _settings.default_max_tokens,
            _settings.default_temperature,
        ),
        egress_policy=bootstrap.egress_policy(
            allow_loopback_http=_settings.is_local_stack, own_url=_settings.public_api_url
        ),
        request_bytes_max=_settings.max_request_bytes,
        public_url=_settings.public_api_url.rstrip("/"),
    ),
    WideLog("api"),
)
