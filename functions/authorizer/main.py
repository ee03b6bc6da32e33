"""Wiring for the authorizer. The only file here that does anything when imported."""

from functions.authorizer.handler import make_handler
from relay import bootstrap
from relay.config import AuthorizerSettings
from relay.telemetry import WideLog

_settings = AuthorizerSettings()

handle = make_handler(bootstrap.key_store(_settings.table_name), WideLog("authorizer"))
