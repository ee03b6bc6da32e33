import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.api_key import RANDOM_BYTES, hash_of, is_well_formed, new_key

ALPHABET = string.digits + string.ascii_letters
randomness = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


@given(randomness)
def test_a_new_key_is_well_formed(random_bytes: bytes) -> None:
    key = new_key(random_bytes)

    assert is_well_formed(key)
    assert key.startswith("mrl_live_")
    assert len(key) == 47
    assert set(key.removeprefix("mrl_live_")) <= set(ALPHABET)


@given(randomness)
def test_every_wrong_character_is_noticed(random_bytes: bytes) -> None:
    key = new_key(random_bytes)
    typos = (
        key[:place] + character + key[place + 1 :]
        for place in range(len(key))
        for character in ALPHABET
        if key[place] != character
    )

    assert not any(map(is_well_formed, typos))


@given(randomness, st.integers(0, 45))
def test_two_characters_that_changed_places_are_noticed(random_bytes: bytes, place: int) -> None:
    key = new_key(random_bytes)
    swapped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]

    assert swapped == key or not is_well_formed(swapped)


@pytest.mark.parametrize(
    "text",
    ["", "mrl_live_", "sk-" + "0" * 44, "mrl_test_" + "0" * 38, "mrl_live_" + "é" * 38],
)
def test_what_cannot_be_a_key_is_known_without_a_look(text: str) -> None:
    assert not is_well_formed(text)


@pytest.mark.parametrize("change", ["{} ", " {}", "{}0", "{}\n"])
def test_a_key_with_something_about_it_is_no_key(change: str) -> None:
    assert not is_well_formed(change.format(new_key(bytes(RANDOM_BYTES))))


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_takes_32_random_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        new_key(bytes(length))


def test_a_key_is_kept_as_its_sha_256() -> None:
    # Source: FIPS 180-2, appendix B.1.
    assert hash_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
