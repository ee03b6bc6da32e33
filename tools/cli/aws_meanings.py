"""What it means that something lies on a dead-letter queue, or that the circuit is open."""

from tools.cli.findings import State

DEAD_LETTERS = {
    "JobsDeadLetterQueue": (
        State.WARNING,
        "messages of jobs were given up; no job is lost, the wheel sends each a new one.",
        "See in the worker's log what stopped them, then purge the queue.",
    ),
    "EventsDeadLetterQueue": (
        State.FAILED,
        "events that no fan-out took, so that no webhook tells of them.",
        "Redrive them; what was told already is not told again.",
    ),
    "DeliveriesDeadLetterQueue": (
        State.WARNING,
        "messages of deliveries were given up; none is lost, the wheel sends each a new one.",
        "See in the deliverer's log what stopped them, then purge the queue.",
    ),
    "SubmissionsDeadLetterQueue": (
        State.WARNING,
        "submissions that became no job; the attribute reason says why.",
        "Have the producer or its mapping mended (relay senders), then redrive or purge them.",
    ),
    "UnpublishedDeadLetterQueue": (
        State.FAILED,
        "rows whose change could not become an event.",
        "See in the publisher's log why; the keys of the rows are in the messages.",
    ),
}
UNKNOWN_DEAD_LETTERS = (
    State.FAILED,
    "messages that were given up.",
    "See in the log of the function that reads them what stopped them.",
)
CIRCUIT_ADVICE = {
    "invalid_api_key": "Store a key that Mistral takes: relay init --replace-mistral-key",
    "insufficient_credits": "Add credit in Mistral's console; the next probe closes it.",
}
