import pytest

from relay.aws.reading import read_each, read_one
from relay.aws.values import Item, from_item, text_of, to_item
from relay.domain.errors import UnreadableRowError

ROWS = [to_item({"sk": name, "number": number}) for name, number in [("a", 1), ("b", 2)]]
POISON = to_item({"sk": "poison"})


def number_in(row: Item) -> int:
    number: int = from_item(row)["number"]
    return number


def id_of(row: Item) -> str:
    return text_of(row, "sk")


def test_a_row_is_read_as_its_reader_says() -> None:
    assert read_one(ROWS[0], number_in) == 1


def test_a_row_that_cannot_be_read_is_named_and_its_trouble_kept() -> None:
    with pytest.raises(UnreadableRowError, match="poison") as raised:
        read_one(POISON, number_in)

    assert isinstance(raised.value.__cause__, KeyError)


def test_rows_are_found_by_their_ids() -> None:
    found = read_each(ROWS, id_of, number_in)

    assert (found.rows, found.unreadable) == ({"a": 1, "b": 2}, frozenset())


def test_a_row_that_cannot_be_read_harms_no_other() -> None:
    found = read_each([ROWS[0], POISON, ROWS[1]], id_of, number_in)

    assert (found.rows, found.unreadable) == ({"a": 1, "b": 2}, frozenset({"poison"}))


def test_no_rows_are_nothing_found() -> None:
    found = read_each([], id_of, number_in)

    assert (found.rows, found.unreadable) == ({}, frozenset())
