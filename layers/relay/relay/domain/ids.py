"""Prefixed ULIDs: ids that sort by creation and hold no dot.

Source: https://github.com/ulid/spec
"""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import NewType

JobId = NewType("JobId", str)
TenantId = NewType("TenantId", str)
EventId = NewType("EventId", str)
DeliveryId = NewType("DeliveryId", str)
EndpointId = NewType("EndpointId", str)
"""Of a webhook endpoint."""

RANDOM_BYTES = 10  # the 80 bits of a ULID that are not its time
SHARDS = 8  # of a tenant's jobs and events, so that no one partition takes them all

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_LENGTH = 26
_TIME_CHARACTERS = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID_PATTERN = re.compile(r"[a-z]{2,5}_[0-7][0-9A-HJKMNP-TV-Z]{25}")


def ulid(at: datetime, randomness: bytes) -> str:
    """Return the 26 characters for a moment, cut to the millisecond, and 10 random bytes."""
    if len(randomness) != RANDOM_BYTES:
        raise ValueError(f"a ULID takes {RANDOM_BYTES} random bytes, not {len(randomness)}")
    milliseconds = (at - _EPOCH) // timedelta(milliseconds=1)
    number = milliseconds << 80 | int.from_bytes(randomness)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))


def derived_ulid(at: datetime, *parts: str) -> str:
    """Return the same ULID however often it is made from the same moment and parts.

    The parts must hold no line feed, which parts them in what is hashed.
    """
    digest = hashlib.sha256("\n".join(parts).encode()).digest()
    return ulid(at, digest[:RANDOM_BYTES])


def first_id(prefix: str, moment: datetime) -> str:
    """Return the least id that something made at or after a moment can have."""
    milliseconds = -((_EPOCH - moment) // timedelta(milliseconds=1))  # rounded up
    return f"{prefix}_{ulid(_EPOCH + timedelta(milliseconds=milliseconds), bytes(RANDOM_BYTES))}"


def made_at(identifier: str) -> datetime:
    """Return the moment that an id was made from."""
    milliseconds = 0
    for character in identifier.rpartition("_")[2][:_TIME_CHARACTERS]:
        milliseconds = milliseconds << 5 | _ALPHABET.index(character)
    return _EPOCH + timedelta(milliseconds=milliseconds)


def is_id(text: str, prefix: str) -> bool:
    """Tell whether a text from outside can be an id of this kind at all."""
    return text.startswith(f"{prefix}_") and _ID_PATTERN.fullmatch(text) is not None


def shard_of(identifier: str) -> int:
    """Return which of its tenant's shards an id belongs to: its last character modulo 8."""
    return _ALPHABET.index(identifier[-1]) % SHARDS
