"""A job as the service shows it, read leniently: new fields and statuses may appear."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

FINAL_STATUSES = frozenset({"completed", "failed", "cancelled", "expired"})


@dataclass(frozen=True)
class JobView:
    """``data`` is the service's JSON as it came, with at least ``id`` and ``status``."""

    data: Mapping[str, Any]

    @classmethod
    def read(cls, data: object) -> "JobView | None":
        """Return the job, or None where ``data`` is something else."""
        if not isinstance(data, dict):
            return None
        if not all(isinstance(data.get(name), str) for name in ("id", "status")):
            return None
        return cls(data)

    @property
    def id(self) -> str:
        """The job's id."""
        return str(self.data["id"])

    @property
    def status(self) -> str:
        """The status as it came."""
        return str(self.data["status"])

    @property
    def is_final(self) -> bool:
        """Whether the status will never change again."""
        return self.status in FINAL_STATUSES

    @property
    def has_failed(self) -> bool:
        """Whether the job ended without an answer."""
        return self.is_final and self.status != "completed"

    @property
    def self_url(self) -> str | None:
        """The job's own link, if it has one."""
        link = self.part("urls").get("self")
        return link if isinstance(link, str) else None

    @property
    def model(self) -> str | None:
        """The model that answered, else the one asked for."""
        return self.text("model_used") or self.text("model")

    @property
    def seconds(self) -> float | None:
        """Seconds from the job's creation to its end."""
        try:
            begun = datetime.fromisoformat(self.text("created_at") or "")
            ended = datetime.fromisoformat(self.text("finished_at") or "")
            return (ended - begun).total_seconds()
        except (ValueError, TypeError):  # absent, unreadable, or one without a zone
            return None

    @property
    def waiting_for(self) -> str | None:
        """Why it does not go on, in the service's word, or None if it does."""
        if self.is_final:
            return None
        needs_action = self.status == "requires_action"
        return self.text("status_reason") or ("tool_outputs_required" if needs_action else None)

    def text(self, name: str) -> str | None:
        """Return a field if it is a text that is not empty."""
        value = self.data.get(name)
        return value if isinstance(value, str) and value else None

    def part(self, name: str) -> Mapping[str, Any]:
        """Return a field that is an object, or an empty one."""
        value = self.data.get(name)
        return value if isinstance(value, dict) else {}


def text_of_result(result: object) -> str | None:
    """Return the first choice's text from Mistral's response body, or None."""
    try:
        content = result["choices"][0]["message"]["content"]  # type: ignore[index]  # any JSON
    except (KeyError, IndexError, TypeError):
        return None
    if isinstance(content, list):  # in parts, of which those that think are left out
        parts = (part.get("text") for part in content if isinstance(part, dict))
        content = "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) and content else None
