"""Wiring for the intake. The only file here that does anything when imported."""

from datetime import timedelta

from functions.intake.handler import make_handler
from functions.intake.take_submission import TakeSubmission
from relay import bootstrap
from relay.config import IntakeSettings
from relay.domain.ids import TenantId
from relay.domain.job_request import BodyDefaults
from relay.telemetry import WideLog
from relay.use_cases.submit_job import SubmitJob

_settings = IntakeSettings()
_table = _settings.table_name
_retention = timedelta(days=_settings.retention_days)
_clock, _dice = bootstrap.clock(), bootstrap.dice()
_wheel, _idempotency = bootstrap.wheel(_table), bootstrap.idempotency_store(_table)

handle = make_handler(
    TakeSubmission(
        submit=SubmitJob(
            jobs=bootstrap.job_store(_table),
            contents=bootstrap.content_store(_table, _settings.bucket_name),
            wheel=_wheel,
            idempotency=_idempotency,
            queue=bootstrap.queue(_settings.jobs_queue_url),
            clock=_clock,
            dice=_dice,
            retention=_retention,
        ),
        senders=bootstrap.sender_store(_table),
        idempotency=_idempotency,
        events=bootstrap.event_store(_table),
        wheel=_wheel,
        dead_letters=bootstrap.dead_letters(_settings.submissions_dead_letter_queue_url),
        master_secret=bootstrap.secret(_settings.webhook_master_secret_arn),
        clock=_clock,
        body_defaults=BodyDefaults.of_settings(
            _settings.default_model,
            _settings.default_max_tokens,
            _settings.default_temperature,
        ),
        egress_policy=bootstrap.egress_policy(
            allow_loopback_http=_settings.is_local_stack, own_url=_settings.public_api_url
        ),
        default_tenant=TenantId(_settings.default_sqs_tenant),
        retention=_retention,
    ),
    bootstrap.visibility(_settings.submissions_queue_url),
    clock=_clock,
    dice=_dice,
    log=WideLog("intake"),
)
