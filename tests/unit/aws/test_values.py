from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.aws.update import Condition, is_done, update_of
from relay.aws.values import from_item, from_value, known, size_of, to_item, to_value
from relay.domain.usage import Usage

leaves = st.text() | st.integers(-(10**37), 10**37) | st.booleans() | st.binary()
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner),
    max_leaves=9,
)


@given(st.dictionaries(st.text(min_size=1), values))
def test_a_row_survives_its_attribute_values(row: dict[str, Any]) -> None:
    assert from_item(to_item(row)) == row


def test_what_is_absent_is_left_out_of_a_row() -> None:
    assert to_item({"a": None, "b": {"c": None}}) == {"b": {"M": {}}}


@pytest.mark.parametrize("value", [1.5, object(), {1, 2}])
def test_what_would_not_come_back_the_same_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot hold"):
        to_value(value)


def test_a_fraction_comes_back_as_an_exact_decimal() -> None:
    assert from_value(to_value(Decimal("0.1"))) == Decimal("0.1")


def test_a_null_that_newer_code_wrote_is_read_as_none() -> None:
    assert from_value({"NULL": True}) is None


@pytest.mark.parametrize(
    ("item", "size"),
    [
        pytest.param({}, 0, id="nothing"),
        pytest.param({"pk": {"S": "abc"}}, 5, id="text and its name"),
        pytest.param({"é": {"S": "日本"}}, 8, id="UTF-8"),
        pytest.param({"b": {"B": b"\x00\x01"}}, 3, id="bytes"),
        pytest.param({"n": {"N": "0"}}, 2, id="zero"),
        pytest.param({"n": {"N": "7"}}, 3, id="a digit"),
        pytest.param({"n": {"N": "12345"}}, 5, id="digits in pairs"),
        pytest.param({"n": {"N": "1000000"}}, 3, id="zeros that end a number"),
        pytest.param({"n": {"N": "-12"}}, 4, id="a sign"),
        pytest.param({"n": {"N": "0.0012"}}, 3, id="zeros that begin a fraction"),
        pytest.param({"t": {"BOOL": True}}, 2, id="a Boolean"),
        pytest.param({"t": {"NULL": True}}, 2, id="a null"),
        pytest.param({"m": {"M": {}}}, 4, id="an empty map"),
        pytest.param({"m": {"M": {"a": {"S": "b"}}}}, 7, id="a map"),
        pytest.param({"l": {"L": [{"S": "b"}, {"S": "c"}]}}, 8, id="a list"),
    ],
)
def test_a_rows_size_is_what_dynamodb_bills(item: dict[str, Any], size: int) -> None:
    assert size_of(item) == size


def test_an_update_sets_what_differs_and_removes_what_is_gone() -> None:
    old = to_item({"same": 1, "changed": 1, "gone": 1})
    new = to_item({"same": 1, "changed": 2, "added": 3})
    condition = Condition("version = :version", {":version": {"N": "7"}})

    update = update_of(old, new, condition)

    names = update["ExpressionAttributeNames"]
    assert sorted(names.values()) == ["added", "changed", "gone"]
    assert update["UpdateExpression"] == "SET #n0 = :n0, #n1 = :n1 REMOVE #n2"
    assert update["ExpressionAttributeValues"] == {
        ":version": {"N": "7"},
        ":n0": {"N": "3"},
        ":n1": {"N": "2"},
    }


def test_an_update_that_only_adds_removes_nothing() -> None:
    anything = Condition("attribute_exists(pk)", {})

    update = update_of({}, {"a": {"N": "1"}}, anything)

    assert update["UpdateExpression"] == "SET #n0 = :n0"


def test_an_update_knows_the_names_that_its_condition_uses() -> None:
    condition = Condition("attribute_exists(#usage)", {}, {"#usage": "usage"})

    update = update_of({}, {"a": {"N": "1"}}, condition)

    assert update["ExpressionAttributeNames"] == {"#usage": "usage", "#n0": "a"}


@pytest.mark.parametrize(
    ("row", "done"),
    [
        (None, False),
        ({"a": {"N": "1"}, "gone": {"N": "1"}}, False),
        ({"a": {"N": "2"}, "gone": {"N": "1"}}, False),
        ({"a": {"N": "2"}}, True),
        ({"a": {"N": "2"}, "unknown": {"N": "1"}}, True),
    ],
)
def test_an_update_is_done_where_the_row_says_so(row: dict[str, Any] | None, *, done: bool) -> None:
    old, new = {"a": {"N": "1"}, "gone": {"N": "1"}}, {"a": {"N": "2"}}

    assert is_done(row, old, new) is done


def test_fields_that_newer_code_wrote_are_left_out() -> None:
    assert known(Usage, {"prompt_tokens": 1, "dreams": 7}) == {"prompt_tokens": 1}
