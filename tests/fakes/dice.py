import random
from typing import override


class FakeDice:
    """The same numbers for the same seed."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a fake's chance must be repeatable

    def randomness(self, length: int) -> bytes:
        return self._random.randbytes(length)

    def chance(self) -> float:
        return self._random.random()


class LoadedDice(FakeDice):
    """The same chance at every throw."""

    def __init__(self, chance: float) -> None:
        super().__init__()
        self._chance = chance

    @override
    def chance(self) -> float:
        return self._chance
