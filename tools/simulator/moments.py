"""Moments as agents and conversations write them; files and batches write Unix seconds."""

from datetime import UTC, datetime


def written(at_unix_seconds: float) -> str:
    """Return the moment in ISO 8601 with microseconds, in UTC."""
    return datetime.fromtimestamp(at_unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
