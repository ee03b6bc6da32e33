"""Mistral's price list, with its date, and what a call costs by it.

Source: the model cards of Mistral's documentation, as of 2026-08-21.
Cached input tokens are billed at a tenth.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from relay.domain.money import Money
from relay.domain.usage import Usage

PRICES_AS_OF = date(2026, 8, 21)
PRICES_SOURCE = "https://docs.mistral.ai/models"

CACHED_INPUT_FACTOR = Decimal("0.1")
_PER_MILLION = Decimal(1_000_000)
_PER_THOUSAND = Decimal(1_000)


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million input and output tokens, and per thousand pages."""

    input: Decimal = Decimal(0)
    output: Decimal = Decimal(0)
    pages: Decimal = Decimal(0)
    annotated_pages: Decimal = Decimal(0)


def _tokens(input_price: str, output_price: str = "0") -> Price:
    return Price(input=Decimal(input_price), output=Decimal(output_price))


_PRICES: Mapping[str, Price] = MappingProxyType(
    {
        "mistral-large-2512": _tokens("0.50", "1.50"),
        "mistral-medium-3-5": _tokens("1.50", "7.50"),
        "mistral-medium-2508": _tokens("0.40", "2.00"),
        "mistral-medium-2505": _tokens("0.40", "2.00"),
        "mistral-small-2603": _tokens("0.15", "0.60"),
        "ministral-14b-2512": _tokens("0.20", "0.20"),
        "ministral-8b-2512": _tokens("0.15", "0.15"),
        "ministral-3b-2512": _tokens("0.10", "0.10"),
        "codestral-2508": _tokens("0.30", "0.90"),
        "devstral-2512": _tokens("0.40", "2.00"),
        "labs-devstral-small-2512": _tokens("0.10", "0.30"),
        "magistral-medium-2509": _tokens("2.00", "5.00"),
        "magistral-small-2509": _tokens("0.50", "1.50"),
        "open-mistral-nemo": _tokens("0.15", "0.15"),
        "voxtral-small-2507": _tokens("0.10", "0.40"),
        "zai-glm-5-2": _tokens("1.40", "4.40"),
        "mistral-embed": _tokens("0.10"),
        "codestral-embed": _tokens("0.15"),
        "mistral-moderation-2603": _tokens("0"),
        "mistral-ocr-4-1": Price(pages=Decimal(4), annotated_pages=Decimal(5)),
    }
)

_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "mistral-large-latest": "mistral-large-2512",
        "mistral-medium-latest": "mistral-medium-3-5",
        "mistral-medium-3": "mistral-medium-3-5",
        "mistral-small-latest": "mistral-small-2603",
        "ministral-14b-latest": "ministral-14b-2512",
        "ministral-8b-latest": "ministral-8b-2512",
        "ministral-3b-latest": "ministral-3b-2512",
        "codestral-latest": "codestral-2508",
        "devstral-latest": "devstral-2512",
        "devstral-medium-latest": "devstral-2512",
        "devstral-small-latest": "labs-devstral-small-2512",
        "magistral-medium-latest": "magistral-medium-2509",
        "magistral-small-latest": "magistral-small-2509",
        "mistral-moderation-latest": "mistral-moderation-2603",
        "mistral-ocr-latest": "mistral-ocr-4-1",
    }
)


def cost_of(model: str | None, usage: Usage | None, *, annotated: bool = False) -> Money | None:
    """Return what the usage costs, exactly, or ``None`` where that is not known.

    It is not where the model has no price here, or where Mistral did not count what the price is
    for. ``annotated`` says that pages were read with annotations, which cost more.
    """
    price = _PRICES.get(_ALIASES.get(model, model)) if model is not None else None
    if price is None or usage is None:
        return None
    rate_of_pages = price.annotated_pages if annotated else price.pages
    parts = [
        (price.input, _billed_input(usage), _PER_MILLION),
        (price.output, usage.completion_tokens, _PER_MILLION),
        (rate_of_pages, usage.pages_processed, _PER_THOUSAND),
    ]
    total = Decimal(0)
    for rate, count, unit in parts:
        if not rate:
            continue
        if count is None:
            return None
        total += rate * count / unit
    return Money(total)


def _billed_input(usage: Usage) -> Decimal | None:
    if usage.prompt_tokens is None:
        return None
    cached = min(usage.cached_tokens or 0, usage.prompt_tokens)
    return usage.prompt_tokens - cached + cached * CACHED_INPUT_FACTOR
