"""Where the bytes of a request or a result are kept. They are written once and never changed."""

import zlib
from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    """The three homes of content, cheapest first."""

    INLINE = "inline"
    """In the job's own row."""
    ROW = "row"
    """In a row of its own."""
    OBJECT = "object"
    """In the bucket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A reference to bytes, with the bytes themselves where they came along with the row."""

    place: Place
    key: str
    """What tells this content from the job's others: ``req``, or ``res#`` and a fencing token."""
    size_bytes: int
    """Before any compression."""
    inline: bytes | None = None
    """The compressed bytes where ``place`` is inline."""


REQUEST_KEY = "req"


def result_key(fence: int) -> str:
    """Return the key of the result that the holder of a fencing token may write."""
    return f"res#{fence}"


def inline(key: str, body: bytes) -> Content:
    """Return bytes as content that lives in the job's own row."""
    return Content(place=Place.INLINE, key=key, size_bytes=len(body), inline=zlib.compress(body))
