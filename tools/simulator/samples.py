"""Values that follow a JSON schema, for structured answers and for the arguments of tools."""

import random
from typing import Any

DEPTH_MAX = 8  # recursive schemas end here, in an empty object
ITEMS_DEFAULT = 2
INTEGER_MAX = 100

_WORDS = ("Paris", "Ada", "amber", "north", "seven", "harbour", "violet", "copper")
_FORMATS = {
    "date": "2026-03-14",
    "date-time": "2026-03-14T09:26:53Z",
    "time": "09:26:53Z",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def sample(schema: dict[str, Any], rolls: random.Random) -> Any:
    """Return a value for the schema: the common keywords are followed, the rest passed over."""
    return _Sampler(schema, rolls).value(schema, DEPTH_MAX)


class _Sampler:
    """Holds the root, where references point to."""

    def __init__(self, root: dict[str, Any], rolls: random.Random) -> None:
        self._root = root
        self._rolls = rolls

    def value(self, schema: Any, depth: int) -> Any:
        schema = self._resolved(schema)
        if depth == 0 or not isinstance(schema, dict):
            return {}
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._rolls.choice(list(schema["enum"]))
        for keyword in ("anyOf", "oneOf", "allOf"):
            if schema.get(keyword):
                return self.value(schema[keyword][0], depth - 1)
        return self._typed(schema, depth)

    def _resolved(self, schema: Any) -> Any:
        for _ in range(DEPTH_MAX):
            if not (isinstance(schema, dict) and isinstance(schema.get("$ref"), str)):
                break
            found: Any = self._root
            for step in schema["$ref"].removeprefix("#").strip("/").split("/"):
                found = found.get(step) if step and isinstance(found, dict) else found
            schema = found
        return schema

    def _typed(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = kind[0] if kind else "null"
        if kind == "object":
            properties = schema.get("properties") or {}
            return {name: self.value(part, depth - 1) for name, part in properties.items()}
        if kind == "array":
            count = min(max(ITEMS_DEFAULT, schema.get("minItems", 0)), schema.get("maxItems", 100))
            return [self.value(schema.get("items", {}), depth - 1) for _ in range(count)]
        return self._scalar(kind, schema)

    def _scalar(self, kind: str, schema: dict[str, Any]) -> Any:
        if kind == "null":
            return None
        if kind == "boolean":
            return self._rolls.random() < 0.5  # noqa: PLR2004 - a coin
        if kind in ("integer", "number"):
            least = schema.get("minimum", 1)
            most = max(least, schema.get("maximum", least + INTEGER_MAX))
            drawn = self._rolls.uniform(least, most)
            return min(most, max(least, round(drawn))) if kind == "integer" else round(drawn, 2)
        text: str = _FORMATS.get(schema.get("format", ""), self._rolls.choice(_WORDS))
        text = text.ljust(min(schema.get("minLength", 0), 1000), "x")
        return text[: schema.get("maxLength", len(text))]
