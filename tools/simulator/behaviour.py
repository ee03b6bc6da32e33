"""How the simulator is told to behave: the body of ``POST /_simulator/faults``, and the dice."""

import random
from dataclasses import dataclass
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from tools.simulator.schema import Closed

LATENCY_MS_MAX = 600_000
ROUNDING = 1e-9  # ten times 0.1 may add up to a little more than one

FaultKind = Literal["400", "401", "402", "422", "429", "500", "503", "hang", "cut", "invalid_json"]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

# The early ends of batch jobs are shares of all jobs, the failing lines a share of all lines.
BatchFault = Literal["FAILED", "TIMEOUT_EXCEEDED", "line"]

Rate = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Behaviour(Closed):
    """What holds until the next one replaces it as a whole; a field left out is as at the start.

    A call meets at most one fault, so the rates are shares of all calls and add up to one at most.
    ``requests_per_second`` 0 stands for a model that is not on the plan: every call is refused.
    """

    seed: int = 0
    latency_ms: Annotated[float, Field(ge=0, le=LATENCY_MS_MAX, allow_inf_nan=False)] = 0
    rate: dict[FaultKind, Rate] = Field(default_factory=dict)
    requests_per_second: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    tokens_per_minute: Annotated[int, Field(ge=0)] | None = None
    batch_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    batch_rate: dict[BatchFault, Rate] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _rates_are_shares(self) -> Self:
        ends = [rate for kind, rate in self.batch_rate.items() if kind != "line"]
        if max(sum(self.rate.values()), sum(ends)) > 1 + ROUNDING:
            raise PydanticCustomError(
                "rates_above_one", "The rates are shares of all there are and add up to at most 1"
            )
        return self


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that was drawn; ``variant``, in 0..1, chooses among its forms."""

    kind: FaultKind
    variant: float


class FaultDice:
    """Draws the fault of each call in turn."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._rates: list[tuple[FaultKind, float]] = [
            (kind, behaviour.rate.get(kind, 0.0)) for kind in FAULT_KINDS
        ]
        self._rolls = random.Random(behaviour.seed)  # noqa: S311 - repeatable on purpose

    def draw(self) -> Fault | None:
        """Return the next call's fault.

        Both numbers are drawn for each call, whatever comes of them: then the nth call meets
        the same fault however the ones before it ended.
        """
        place, variant = self._rolls.random(), self._rolls.random()
        for kind, rate in self._rates:
            if place < rate:
                return Fault(kind, variant)
            place -= rate
        return None
