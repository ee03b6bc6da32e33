"""What goes wrong in a simulated history, and how often."""

import random
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Probabilities, each of one occasion: a call of a port, a message, a batch, an answer."""

    crash: float = 0.0
    """At a call, before or after it is done: the sandbox is gone."""
    outage: float = 0.0
    """At a call of AWS, before it is done: it is refused."""
    unheard: float = 0.0
    """At a call of AWS, after it is done: the caller is told that it was not."""
    interleaving: float = 0.02
    """At a call: somebody else gets a turn in between."""
    stall: float = 0.0
    """At a call: the sandbox stands still for minutes."""
    slow: float = 0.0
    """At a call: it takes up to three seconds."""
    call_interval_ms: int = 0
    """How far apart calls to Mistral must lie: the gate closes where they would not."""
    message_lost: float = 0.0
    message_twice: float = 0.0
    message_late: float = 0.0
    message_stays: float = 0.0
    """Of a message that was done with: its deletion is lost, and it comes again."""
    stream_replayed: float = 0.0
    stream_lost: float = 0.0
    sweep_missed: float = 0.0
    sweep_twice: float = 0.0
    clock_step: float = 0.0
    """At a step of the history: some function's clock jumps by up to half a minute."""
    mistral_limited: float = 0.0
    mistral_failing: float = 0.0
    mistral_hanging: float = 0.0
    mistral_unreadable: float = 0.0
    mistral_refusing: float = 0.0
    mistral_blocked: float = 0.0
    """At a step of the history: the key or the account is refused for the next minutes."""
    subscriber_failing: float = 0.0
    subscriber_dead: float = 0.0
    """Of a callback's address: it never answers."""
    subscriber_slow: float = 0.0
    cancelled: float = 0.05
    deleted: float = 0.05
    rerun: float = 0.03
    by_sqs: float = 0.3
    by_former_version: float = 0.05
    """Of a submission: the version before this one took it, and was replaced then."""
    with_key: float = 0.5


QUIET = Rates(interleaving=0)
"""Nothing goes wrong."""

PLAUSIBLE = Rates(
    crash=0.0005,
    outage=0.001,
    unheard=0.0005,
    stall=0.0002,
    slow=0.005,
    call_interval_ms=100,
    message_lost=0.001,
    message_twice=0.01,
    message_late=0.01,
    message_stays=0.005,
    stream_replayed=0.01,
    stream_lost=0.002,
    sweep_missed=0.01,
    sweep_twice=0.01,
    clock_step=0.001,
    mistral_limited=0.15,
    mistral_failing=0.12,
    mistral_hanging=0.02,
    mistral_unreadable=0.02,
    mistral_refusing=0.02,
    mistral_blocked=0.0005,
    subscriber_failing=0.2,
    subscriber_dead=0.01,
    subscriber_slow=0.02,
)
"""A bad day: a third of Mistral's answers fail, and now and then everything else does."""

_SCALES = (0.0, 0.0, 1.0, 10.0, 40.0)
_MAX = 0.3
_NO_FAULTS = frozenset({"cancelled", "deleted", "rerun", "by_sqs", "by_former_version", "with_key"})


def swarm(seed: int) -> Rates:
    """Return rates of which each is off, plausible or far beyond that, drawn by lot.

    Some bugs show only where one kind of fault is frequent and another does not mask it.
    Source: Groce et al., "Swarm Testing", 2012.
    """
    lots = random.Random(f"swarm {seed}")  # noqa: S311 - a history must be repeatable
    drawn = {}
    for it in fields(Rates):
        if it.name == "call_interval_ms":
            continue
        usual = getattr(PLAUSIBLE, it.name)
        scale = lots.choice(_SCALES)
        limit = 0.03 if it.name in ("crash", "outage", "unheard", "stall") else _MAX
        drawn[it.name] = usual if it.name in _NO_FAULTS else min(limit, usual * scale)
    return replace(
        Rates(**drawn),
        interleaving=lots.choice([0.0, 0.02, 0.15]),
        call_interval_ms=lots.choice([0, 0, 100, 2000, 15_000]),
    )
