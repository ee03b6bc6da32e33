"""The ids of what belongs to webhooks, looked at before they get into an address."""

import re

from tools.cli.errors import UsageError

ENDPOINT = "we"
EVENT = "evt"
DELIVERY = "dlv"
_NAMES = {
    ENDPOINT: ("an endpoint", "relay endpoints"),
    EVENT: ("an event", "relay events"),
    DELIVERY: ("a delivery", "relay deliveries"),
}


def is_id(text: str, prefix: str) -> bool:
    """Tell whether a text has the shape of such an id."""
    return re.fullmatch(rf"{prefix}_[0-9A-Za-z]{{1,64}}", text) is not None


def check_id(text: str, prefix: str) -> None:
    """Look at the shape of an id.

    Raises:
        UsageError: Nothing of that kind has such an id.
    """
    if not is_id(text, prefix):
        name, command = _NAMES[prefix]
        raise UsageError(
            f"{text} is not the id of {name}; those begin with {prefix}_",
            advice=[f"List yours with: {command}"],
        )
