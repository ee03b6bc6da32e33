import pytest

from functions.authorizer.handler import make_handler
from relay.domain.api_key import Scope, new_key
from relay.domain.errors import UnavailableError
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT, an_api_key
from tests.fakes.keys import InMemoryKeyStore
from tests.fakes.log import ReadableLog
from tests.fakes.seam import Seam
from tests.fakes.trouble import Trouble
from tests.unit.functions.sample_events import sample

KEY = new_key(bytes(32))
OTHER_KEY = new_key(bytes([7]) * 32)


class Authorizer:
    def __init__(self, seam: Seam | None = None) -> None:
        self.log = ReadableLog("authorizer")
        keys = InMemoryKeyStore()
        keys.create(an_api_key(KEY, scopes=frozenset({Scope.JOBS_READ, Scope.ADMIN})))
        self._handle = make_handler(InMemoryKeyStore(seam) if seam else keys, self.log)

    def ask(self, authorization: str | None) -> dict[str, object]:
        event = sample("authorizer_request")
        event["headers"].pop("authorization")
        if authorization is not None:
            event["headers"]["authorization"] = authorization
        answer: dict[str, object] = self._handle(event, None)
        assert answer["isAuthorized"] is True
        context = answer["context"]
        assert isinstance(context, dict)
        return context


def test_a_known_key_names_its_tenant_and_what_it_may_do() -> None:
    context = Authorizer().ask(f"Bearer {KEY}")

    assert context == {
        "tenant_id": TENANT,
        "key_id": an_api_key().id,
        "scopes": "admin jobs:read",
    }


def test_a_revoked_key_names_nobody() -> None:
    keys = InMemoryKeyStore()
    keys.create(an_api_key(KEY))
    keys.revoke(an_api_key(KEY), at=NOON)

    answer = make_handler(keys, ReadableLog())(sample("authorizer_request"), None)

    assert answer == {"isAuthorized": True, "context": {}}


def test_the_sample_event_carries_a_known_key() -> None:
    keys = InMemoryKeyStore()
    keys.create(an_api_key(KEY))

    answer = make_handler(keys, ReadableLog())(sample("authorizer_request"), None)

    assert answer["context"]["tenant_id"] == TENANT


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer"])
def test_the_scheme_may_be_written_in_any_case(scheme: str) -> None:
    assert Authorizer().ask(f"{scheme} {KEY}")["tenant_id"] == TENANT


def test_blanks_around_the_key_do_no_harm() -> None:
    assert Authorizer().ask(f"Bearer   {KEY} ")["tenant_id"] == TENANT


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(None, id="no header"),
        pytest.param("", id="an empty header"),
        pytest.param(f"Bearer {OTHER_KEY}", id="an unknown key"),
        pytest.param(f"Bearer {KEY[:-1]}", id="a key that is too short"),
        pytest.param(f"Bearer {KEY[:-1]}x", id="a key with a typing error"),
        pytest.param(f"Bearer {KEY}\u0660", id="a key that is not ASCII"),
        pytest.param("Bearer", id="no key"),
        pytest.param(f"Basic {KEY}", id="another scheme"),
        pytest.param(KEY, id="no scheme"),
        pytest.param(f"Bearer {KEY} {KEY}", id="two keys"),
    ],
)
def test_whoever_cannot_be_named_is_passed_on_without_a_name(authorization: str | None) -> None:
    authorizer = Authorizer()

    assert authorizer.ask(authorization) == {}
    assert [line["outcome"] for line in authorizer.log.lines] == ["unknown"]


def test_a_malformed_key_costs_no_read() -> None:
    seam = Trouble("keys.get", AssertionError("it was read"))

    assert Authorizer(seam).ask("Bearer mrl_live_nonsense") == {}


def test_an_outage_of_the_table_is_raised_so_that_it_is_not_kept_as_an_answer() -> None:
    authorizer = Authorizer(Trouble("keys.get"))

    with pytest.raises(UnavailableError):
        authorizer.ask(f"Bearer {KEY}")


@pytest.mark.parametrize("key", [KEY, OTHER_KEY, KEY[:-1]])
def test_no_key_reaches_the_log(key: str) -> None:
    authorizer = Authorizer()

    authorizer.ask(f"Bearer {key}")

    assert len(authorizer.log.lines) == 1
    assert key not in authorizer.log.text
    assert key.removeprefix("mrl_live_")[:20] not in authorizer.log.text


def test_the_log_says_whose_key_it_was_by_its_id() -> None:
    authorizer = Authorizer()

    authorizer.ask(f"Bearer {KEY}")

    (line,) = authorizer.log.named("key.checked")
    assert line["tenant_id"] == TENANT
    assert line["key_id"] == an_api_key().id
    assert line["outcome"] == "known"
