"""Money as exact decimals: never a float."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in US dollars, the currency of Mistral's price list."""

    amount: Decimal
    currency: str = "USD"

    def __post_init__(self) -> None:
        if not self.amount.is_finite():
            raise ValueError(f"an amount of money is a finite Decimal, not {self.amount!r}")

    @property
    def text(self) -> str:
        """The amount as a plain decimal, without an exponent or trailing zeros."""
        text = f"{self.amount:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
