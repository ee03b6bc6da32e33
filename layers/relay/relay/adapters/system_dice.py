"""The machine's chance."""

import random
import secrets


class SystemDice:
    """Randomness from the operating system."""

    def randomness(self, length: int) -> bytes:
        """Return random bytes that nobody can guess."""
        return secrets.token_bytes(length)

    def chance(self) -> float:
        """Return a number in [0, 1), for jitter."""
        return random.random()  # noqa: S311 - it spreads retries and guards nothing
