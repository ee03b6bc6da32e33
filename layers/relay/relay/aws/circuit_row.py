"""The circuit to Mistral as its row and back."""

from relay.aws.values import Item, from_item, to_item
from relay.domain.circuit import Circuit
from relay.domain.job import StatusReason
from relay.domain.moments import moment, stamp

SCHEMA = 1
PREFIX = "U#"
KEY = to_item({"pk": f"{PREFIX}mistral", "sk": "circuit"})


def to_row(circuit: Circuit) -> Item:
    """Return the circuit's row."""
    return KEY | to_item(
        {
            "schema": SCHEMA,
            "reason": circuit.reason,
            "version": circuit.version,
            "changed_at": stamp(circuit.changed_at),
            "probe_at": stamp(circuit.probe_at),
        }
    )


def from_row(item: Item) -> Circuit:
    """Read the circuit's row."""
    row = from_item(item)
    reason = row.get("reason")
    return Circuit(
        reason=StatusReason(reason) if reason else None,
        version=row["version"],
        changed_at=moment(row.get("changed_at")),
        probe_at=moment(row.get("probe_at")),
    )
