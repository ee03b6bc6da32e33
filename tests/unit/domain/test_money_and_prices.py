from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.money import Money
from relay.domain.prices import PRICES_AS_OF, cost_of
from relay.domain.usage import Usage
from tests.fakes.strategies import moneys

MILLION = 1_000_000
tokens = st.integers(0, 10**9)


def used(prompt: int = 0, completion: int = 0, cached: int | None = None) -> Usage:
    return Usage(prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0"),
        ("0E-12", "0"),
        ("1", "1"),
        ("100", "100"),
        ("1E+3", "1000"),
        ("1.50", "1.5"),
        ("2.00", "2"),
        ("0.000123", "0.000123"),
        ("1E-7", "0.0000001"),
        ("0.00000390", "0.0000039"),
    ],
)
def test_an_amount_is_written_as_a_plain_decimal(amount: str, text: str) -> None:
    assert Money(Decimal(amount)).text == text


@given(moneys)
def test_an_amount_survives_its_text(money: Money) -> None:
    assert Decimal(money.text) == money.amount
    assert "E" not in money.text


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
def test_an_amount_is_finite(amount: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        Money(Decimal(amount))


@pytest.mark.parametrize(
    ("model", "input_price", "output_price"),
    [
        ("mistral-large-2512", "0.50", "1.50"),
        ("mistral-large-latest", "0.50", "1.50"),
        ("mistral-medium-3-5", "1.50", "7.50"),
        ("mistral-medium-latest", "1.50", "7.50"),
        ("mistral-medium-3", "1.50", "7.50"),
        ("mistral-medium-2505", "0.40", "2.00"),
        ("mistral-medium-2508", "0.40", "2.00"),
        ("mistral-small-2603", "0.15", "0.60"),
        ("mistral-small-latest", "0.15", "0.60"),
        ("ministral-14b-latest", "0.20", "0.20"),
        ("ministral-8b-latest", "0.15", "0.15"),
        ("ministral-3b-latest", "0.10", "0.10"),
        ("codestral-latest", "0.30", "0.90"),
        ("devstral-latest", "0.40", "2.00"),
        ("devstral-medium-latest", "0.40", "2.00"),
        ("devstral-small-latest", "0.10", "0.30"),
        ("magistral-medium-latest", "2.00", "5.00"),
        ("magistral-small-latest", "0.50", "1.50"),
        ("open-mistral-nemo", "0.15", "0.15"),
        ("voxtral-small-2507", "0.10", "0.40"),
        ("zai-glm-5-2", "1.40", "4.40"),
        ("mistral-embed", "0.10", "0"),
        ("codestral-embed", "0.15", "0"),
        ("mistral-moderation-latest", "0", "0"),
    ],
)
def test_a_million_tokens_cost_what_mistral_publishes(
    model: str, input_price: str, output_price: str
) -> None:
    assert cost_of(model, used(prompt=MILLION)) == Money(Decimal(input_price))
    assert cost_of(model, used(completion=MILLION)) == Money(Decimal(output_price))


def test_a_thousand_pages_cost_four_dollars_and_five_with_annotations() -> None:
    pages = Usage(pages_processed=1000)

    assert cost_of("mistral-ocr-latest", pages) == Money(Decimal(4))
    assert cost_of("mistral-ocr-latest", pages, annotated=True) == Money(Decimal(5))


def test_a_small_call_costs_an_exact_fraction() -> None:
    cost = cost_of("mistral-small-latest", used(prompt=10, completion=4))

    assert cost is not None
    assert cost.text == "0.0000039"


def test_cached_input_costs_a_tenth() -> None:
    cost = cost_of("zai-glm-5-2", used(prompt=2 * MILLION, cached=MILLION))

    assert cost == Money(Decimal("1.54"))


def test_no_more_is_cached_than_was_sent() -> None:
    assert cost_of("mistral-small-latest", used(prompt=MILLION, cached=9 * MILLION)) == Money(
        Decimal("0.015")
    )


def test_what_mistral_did_not_count_has_no_cost_rather_than_none_to_pay() -> None:
    assert cost_of("mistral-small-latest", Usage()) is None
    assert cost_of("mistral-small-latest", Usage(prompt_tokens=5)) is None
    assert cost_of("mistral-ocr-latest", Usage(prompt_tokens=5)) is None
    assert cost_of("mistral-small-latest", None) is None


@pytest.mark.parametrize("model", ["", "open-mixtral-8x7b", "ft:mistral-small-latest:mine"])
def test_an_unknown_model_has_no_price_rather_than_none_to_pay(model: str) -> None:
    assert cost_of(model, used(MILLION)) is None


def test_a_call_that_used_nothing_costs_nothing() -> None:
    assert cost_of("mistral-small-latest", used(0, 0)) == Money(Decimal(0))


@given(tokens, tokens, tokens, tokens)
def test_more_tokens_never_cost_less(prompt: int, completion: int, more: int, still: int) -> None:
    less = cost_of("mistral-medium-latest", used(prompt, completion))
    more_of_it = cost_of("mistral-medium-latest", used(prompt + more, completion + still))

    assert less is not None
    assert more_of_it is not None
    assert less.amount <= more_of_it.amount


@given(prompt=tokens, cached=tokens)
def test_a_cache_never_makes_a_call_dearer(prompt: int, cached: int) -> None:
    without = cost_of("mistral-medium-latest", used(prompt))
    with_cache = cost_of("mistral-medium-latest", used(prompt, cached=cached))

    assert without is not None
    assert with_cache is not None
    assert 0 <= with_cache.amount <= without.amount


def test_the_price_list_has_a_date() -> None:
    assert date(2026, 8, 21) == PRICES_AS_OF
