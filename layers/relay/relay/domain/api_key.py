"""API keys: made once, shown once, kept as a hash.

``mrl_live_``, 32 characters of base 62 (190 random bits) and 6 of their CRC-32, so that a typing
error costs no read and scanners can recognise a leak. The bits cannot be guessed, so a fast hash
is enough and can be looked up.
"""

import hashlib
import zlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from relay.domain.ids import TenantId

KEY_PREFIX = "mrl_live_"
RANDOM_BYTES = 32
"""More than the 190 bits that are used, so that cutting them to base 62 leaves no bias to see."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_CHARACTERS = 32
_CHECK_CHARACTERS = 6
_LAST_CHARACTERS = 4
_KEY_CHARACTERS = len(KEY_PREFIX) + _SECRET_CHARACTERS + _CHECK_CHARACTERS


class Scope(StrEnum):
    """What a key may do. ``admin`` may do everything within its tenant."""

    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is kept of a key. The key itself is not."""

    id: str
    hash: str
    last_four: str
    tenant_id: TenantId
    scopes: frozenset[Scope]
    created_at: datetime
    name: str = ""
    revoked_at: datetime | None = None


def last_four_of(key: str) -> str:
    """Return what a person may be shown of a key to know it by."""
    return key[-_LAST_CHARACTERS:]


def new_key(randomness: bytes) -> str:
    """Make a key from 32 random bytes."""
    if len(randomness) != RANDOM_BYTES:
        raise ValueError(f"a key takes {RANDOM_BYTES} random bytes, not {len(randomness)}")
    secret = _base62(int.from_bytes(randomness), _SECRET_CHARACTERS)
    return KEY_PREFIX + secret + _check(secret)


def is_well_formed(key: str) -> bool:
    """Tell whether a text can be a key at all, without a look at the table."""
    if len(key) != _KEY_CHARACTERS or not key.startswith(KEY_PREFIX) or not key.isascii():
        return False
    secret = key[len(KEY_PREFIX) : -_CHECK_CHARACTERS]
    return key.endswith(_check(secret))


def hash_of(key: str) -> str:
    """Return the hex SHA-256 under which a key is kept."""
    return hashlib.sha256(key.encode()).hexdigest()


def _check(secret: str) -> str:
    return _base62(zlib.crc32(secret.encode()), _CHECK_CHARACTERS)


def _base62(number: int, length: int) -> str:
    characters = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return "".join(reversed(characters))
