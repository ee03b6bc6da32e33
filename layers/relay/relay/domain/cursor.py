"""Opaque cursors: where a list goes on, as a text that means nothing to clients."""

import base64
import binascii

CHARACTERS_MAX = 255


def to_cursor(last: str) -> str:
    """Return the cursor of a list that goes on behind the row of this id."""
    return base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")


def from_cursor(cursor: str) -> str:
    """Return the id in a cursor, which anyone may have made up.

    Raises:
        ValueError: it is no cursor of ours.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        last = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("not a cursor") from error
    if not 0 < len(last) <= CHARACTERS_MAX:
        raise ValueError("not a cursor")
    return last
