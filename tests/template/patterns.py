"""Event patterns as event source mappings match them, as far as the template uses them.

Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""

from collections.abc import Mapping
from typing import Any

from tools.template import Json


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Tell whether an event has all that a pattern asks for. Fields it does not name are free."""
    for name, wanted in pattern.items():
        found = event.get(name)
        if isinstance(wanted, dict):
            if not matches(wanted, found if isinstance(found, dict) else {}):
                return False
        elif not any(_accepts(condition, found) for condition in wanted):
            return False
    return True


def _accepts(condition: Json, found: Json) -> bool:
    match condition:
        case {"prefix": str(prefix)}:
            return isinstance(found, str) and found.startswith(prefix)
        case {"exists": bool(wanted)}:
            return (found is not None) is wanted
        case dict():
            raise ValueError(f"no rule was ever written about {condition}")
        case _:
            return bool(found == condition) and type(found) is type(condition)
