"""What is noted on a message that is laid down: why, and what makes its redrive the same one.

A redrive gives a message a new id and, as far as SQS says, a new sender. So its first id and its
first sender are noted, and signed: anyone who may send could note anything.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from relay.domain.signing import hkdf

MESSAGE_BYTES_MAX = 1024 * 1024
"""Of a message's body and attributes together.

Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""
REASON = "reason"
REASON_CHARACTERS_MAX = 300
_TYPE = "String"
_MESSAGE, _SENDER, _SIGNATURE = "message_id", "sender_id", "signature"
_SALT = b"mistral-relay notes on submissions"
_SIGNATURE_CHARACTERS = 32  # 128 bits in hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Which message it was at first, and whose."""

    message_id: str
    sender: str

    def signed(self, body: str, master_secret: str) -> dict[str, str]:
        """Return the notes that tell of it."""
        signature = self._signature(body, master_secret)
        return {_MESSAGE: self.message_id, _SENDER: self.sender, _SIGNATURE: signature}

    def is_signed(self, signature: str, body: str, master_secret: str) -> bool:
        """Tell whether it was we who noted it."""
        ours = self._signature(body, master_secret)
        return hmac.compare_digest(signature.encode(), ours.encode())

    def _signature(self, body: str, master_secret: str) -> str:
        key = hkdf(master_secret.encode(), salt=_SALT, info=b"1")
        # As JSON, in which nothing that one part says can be taken for the next.
        content = json.dumps([self.message_id, self.sender, body]).encode()
        return hmac.digest(key, content, hashlib.sha256).hex()[:_SIGNATURE_CHARACTERS]


def noted_in(attributes: Mapping[str, str]) -> tuple[Origin, str] | None:
    """Return what is noted, and the signature that it claims; ``None`` where nothing is."""
    if not attributes.keys() >= {_MESSAGE, _SENDER, _SIGNATURE}:
        return None
    origin = Origin(message_id=attributes[_MESSAGE], sender=attributes[_SENDER])
    return origin, attributes[_SIGNATURE]


def notes_that_fit(body: str, notes: Mapping[str, str], *, reason: str) -> Mapping[str, str] | None:
    """Return a message's notes and the reason, which is cut to what its size leaves.

    ``None`` where even the notes have no room. Without them a redrive would be another submission,
    so such a message is left for SQS to move, which moves it as it is.
    """
    room = MESSAGE_BYTES_MAX - len(body.encode()) - sum(_size(*note) for note in notes.items())
    if room < 0:
        return None
    plain = reason.encode("ascii", "replace").decode()[:REASON_CHARACTERS_MAX]
    cut = plain[: max(0, room - _size(REASON, ""))]
    return {**notes, REASON: cut} if cut else notes


def _size(name: str, value: str) -> int:
    return len(name) + len(_TYPE) + len(value.encode())
