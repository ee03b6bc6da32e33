import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from relay.domain.body_rules import with_model

models = st.text(min_size=1, max_size=20)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
bodies = st.dictionaries(st.text(max_size=8) | st.just("model"), json_values, max_size=6)


def kept(body: dict[str, Any]) -> bytes:
    """Return a body as a job keeps it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


@given(body=bodies, model=models)
def test_a_body_for_another_model_differs_in_its_model_and_in_nothing_else(
    body: dict[str, Any], model: str
) -> None:
    body = json.loads(kept(body))

    changed = json.loads(with_model(kept(body), model))

    assert changed == body | {"model": model}
    assert list(changed) == list(body | {"model": model})


@given(body=bodies, model=models)
def test_a_body_that_asks_the_model_already_is_the_same_bytes(
    body: dict[str, Any], model: str
) -> None:
    mine = kept(json.loads(kept(body)) | {"model": model})

    assert with_model(mine, model) == mine
