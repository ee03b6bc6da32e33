"""Wiring for the publisher. The only file here that does anything when imported."""

from functions.publisher.handler import make_handler
from functions.publisher.publish_changes import PublishChanges
from relay import bootstrap
from relay.config import PublisherSettings
from relay.telemetry import WideLog

_settings = PublisherSettings()

handle = make_handler(
    PublishChanges(
        read=bootstrap.change_reader(),
        bus=bootstrap.event_bus(_settings.event_bus_name),
        events=bootstrap.event_store(_settings.table_name),
        unpublished=bootstrap.queue(_settings.unpublished_queue_url),
        clock=bootstrap.clock(),
        dice=bootstrap.dice(),
    ),
    WideLog("publisher"),
)
