"""Seeds of histories that once broke an invariant, and with which rates. They are never removed."""

KEPT: tuple[tuple[int, str], ...] = (
    (12, "swarm"),  # what a cancelled job's call cost came to be known between two posts of its end
)
