import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.sender import identity_of


@pytest.mark.parametrize(
    ("sender_id", "identity"),
    [
        ("AROAEXAMPLEROLE:producer-session", "AROAEXAMPLEROLE"),
        ("AROAEXAMPLEROLE:i-0123456789abcdef0", "AROAEXAMPLEROLE"),
        ("AIDAEXAMPLEUSER", "AIDAEXAMPLEUSER"),
        ("123456789012", "123456789012"),
    ],
)
def test_a_role_s_sessions_are_one_identity(sender_id: str, identity: str) -> None:
    assert identity_of(sender_id) == identity


@given(role=st.text(alphabet="ABCDEFGHIJ0123456789", min_size=1), session=st.text())
def test_no_session_name_passes_for_another_role(role: str, session: str) -> None:
    assert identity_of(f"{role}:{session}") == role
