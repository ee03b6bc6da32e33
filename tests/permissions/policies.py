"""What policies say to a request, as AWS evaluates them, as far as ours go.

Anything that is not known here is an error, so that nothing is taken for allowed unseen.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from tests.permissions.names import Names
from tests.template.looking import as_list
from tools.template import Json

ANYBODY = "*"
_KNOWN = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}


class Decision(Enum):
    """What policies of one kind say."""

    ALLOWED = "allowed"
    DENIED = "denied"
    NOTHING = "nothing is said"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request: who wants to do what. ``principal`` is a service, or a role of this account."""

    principal: str
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        source = self.context.get("aws:SourceArn")
        who = f"{self.principal} for {source}" if source else self.principal
        how = "" if self.context.get("aws:SecureTransport", "true") == "true" else ", without TLS"
        return f"{who}: {self.action} on {self.resource}{how}"


def decision(statements: Iterable[Json], ask: Ask, names: Names) -> Decision:
    """Return what the statements of policies say: a refusal outweighs any leave."""
    effects = {it["Effect"] for it in statements if _speaks_of(it, ask, names)}
    if "Deny" in effects:
        return Decision.DENIED
    return Decision.ALLOWED if "Allow" in effects else Decision.NOTHING


def _speaks_of(statement: Json, ask: Ask, names: Names) -> bool:
    if unknown := statement.keys() - _KNOWN:
        raise LookupError(f"nothing is known about {unknown}")
    return (
        _is_meant(statement.get("Principal", ANYBODY), ask.principal)
        and any(
            fnmatchcase(ask.action.lower(), action.lower())
            for action in as_list(statement["Action"])
        )
        and any(
            matches(ask.resource, names.text(resource))
            for resource in as_list(statement["Resource"])
        )
        and _holds(statement.get("Condition", {}), ask, names)
    )


def matches(resource: str, pattern: str) -> bool:
    """Tell whether an ARN is one of those that a pattern stands for."""
    return fnmatchcase(resource, pattern.replace("[", "[[]"))


def _is_meant(principal: Json, who: str) -> bool:
    match principal:
        case str():
            return principal in {ANYBODY, who}
        case {"Service": services, **rest} if not rest:
            return who in as_list(services)
        case {"AWS": roles, **rest} if not rest:
            return ANYBODY in as_list(roles) or who in as_list(roles)
        case _:
            raise LookupError(f"nothing is known about {principal}")


def _holds(condition: Mapping[str, Any], ask: Ask, names: Names) -> bool:
    return all(
        _compare(operator, ask.context.get(key), [names.text(it) for it in as_list(values)])
        for operator, keys in condition.items()
        for key, values in keys.items()
    )


def _compare(operator: str, value: str | None, wanted: list[str]) -> bool:
    if value is None:  # what a request does not say is not as it is wanted
        return False
    match operator:
        case "ArnEquals" | "ArnLike":
            return any(matches(value, pattern) for pattern in wanted)
        case "Bool" | "StringEquals":
            return value in wanted
        case _:
            raise LookupError(f"nothing is known about {operator}")
