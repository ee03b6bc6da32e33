"""Rotating the secrets that sign: those of endpoints, and the one for callbacks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from relay.domain.moments import to_iso
from relay.domain.secret_versions import OLD_SECRETS_MAX, OVERLAP
from relay.domain.signing import callback_secret, endpoint_secret
from tests.fakes.clock import NOON
from tests.fakes.examples import OTHER_TENANT, TENANT, an_endpoint
from tests.fakes.meanwhile import Meanwhile
from tests.fakes.trouble import Crash, Trouble
from tests.unit.functions.api_on_fakes import MASTER_SECRET, Api, HttpAnswer
from tests.unit.functions.webhooks_asking import KEY, a_kept_endpoint, ask, is_replay

OTHER_KEY = {"idempotency-key": "once-4712"}
READ = "GET /v1/webhook_secret"
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """Whose secret it is. ``secret`` says what it is at a version."""

    route: str
    store: str
    secret: Callable[[int], str]


OF_ENDPOINT = Kind(
    "POST /v1/webhook_endpoints/{endpoint_id}/rotate_secret",
    "endpoints",
    lambda version: endpoint_secret(MASTER_SECRET, TENANT, an_endpoint().id, version=version).text,
)
OF_CALLBACKS = Kind(
    "POST /v1/webhook_secret/rotate",
    "callback_secrets",
    lambda version: callback_secret(MASTER_SECRET, TENANT, version=version).text,
)
each_kind = pytest.mark.parametrize(
    "kind", [OF_ENDPOINT, OF_CALLBACKS], ids=["endpoint", "callbacks"]
)


def rotate(api: Api, kind: Kind, headers: dict[str, str] | None = None) -> HttpAnswer:
    return ask(api, kind.route, an_endpoint().id, headers=headers)


def with_an_endpoint(api: Api) -> Api:
    a_kept_endpoint(api)
    return api


@each_kind
def test_a_new_secret_is_shown_and_until_when_the_old_one_signs_along(kind: Kind) -> None:
    api = with_an_endpoint(Api())

    answer = rotate(api, kind)

    assert answer.status == 200
    assert answer.json["secret"] == kind.secret(2)
    assert answer.json["previous_until"] == to_iso(NOON + OVERLAP)
    assert answer.headers["cache-control"] == "no-store"
    assert kind.secret(2) not in api.log.text


def test_an_endpoint_comes_along_with_its_new_secret() -> None:
    api = with_an_endpoint(Api())

    rotated = rotate(api, OF_ENDPOINT).json

    read = ask(api, "GET /v1/webhook_endpoints/{endpoint_id}", an_endpoint().id).json
    assert {name: rotated[name] for name in read} == read


def test_the_secret_for_callbacks_is_read_as_it_is_now() -> None:
    api = Api()
    rotate(api, OF_CALLBACKS)

    during = ask(api, READ).json
    api.clock.at += OVERLAP
    after = ask(api, READ).json

    assert during == {"secret": OF_CALLBACKS.secret(2), "previous_until": to_iso(NOON + OVERLAP)}
    assert after == {"secret": OF_CALLBACKS.secret(2), "previous_until": None}


def test_a_tenant_s_rotation_leaves_the_others_secrets() -> None:
    api = Api()
    before = ask(api, READ, tenant_id=OTHER_TENANT).json

    rotate(api, OF_CALLBACKS)

    assert ask(api, READ, tenant_id=OTHER_TENANT).json == before


@each_kind
def test_under_a_key_it_is_rotated_once_and_shown_again(kind: Kind) -> None:
    api = with_an_endpoint(Api())
    first = rotate(api, kind, KEY)
    api.clock.at += HOUR

    second = rotate(api, kind, KEY)

    assert second.json == first.json
    assert (is_replay(first), is_replay(second)) == (False, True)
    assert rotate(api, kind).json["secret"] == kind.secret(3)


@each_kind
def test_under_a_key_that_comes_again_late_the_secret_is_shown_as_it_is_now(kind: Kind) -> None:
    api = with_an_endpoint(Api())
    rotate(api, kind, KEY)
    rotate(api, kind, OTHER_KEY)

    again = rotate(api, kind, KEY)

    assert again.json["secret"] == kind.secret(3)


@each_kind
@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_wherever_it_stops_the_next_try_under_the_key_comes_to_the_same(
    kind: Kind,
    is_after: bool,  # noqa: FBT001 - a case
) -> None:
    api = with_an_endpoint(Api(Trouble(f"{kind.store}.save", Crash(), is_after=is_after, times=1)))
    with pytest.raises(Crash):
        rotate(api, kind, KEY)

    again = rotate(api, kind, KEY)

    assert (again.status, again.json["secret"]) == (200, kind.secret(2))


@each_kind
@pytest.mark.parametrize("act", ["get", "reserve", "save"])
def test_of_two_at_the_same_moment_under_a_key_one_rotates(kind: Kind, act: str) -> None:
    rival = Meanwhile("idempotency.reserve" if act == "reserve" else f"{kind.store}.{act}")
    api = with_an_endpoint(Api(rival))

    rival.act = lambda: rotate(api, kind, KEY)
    answer = rotate(api, kind, KEY)

    assert answer.json["secret"] == kind.secret(2)
    assert rotate(api, kind, KEY).json["secret"] == kind.secret(2)


@each_kind
def test_of_two_at_the_same_moment_both_are_shown_the_one_new_secret(kind: Kind) -> None:
    rival = Meanwhile(f"{kind.store}.save")
    api = with_an_endpoint(Api(rival))
    theirs: list[HttpAnswer] = []

    rival.act = lambda: theirs.append(rotate(api, kind, OTHER_KEY))
    ours = rotate(api, kind, KEY)

    assert ours.json["secret"] == theirs[0].json["secret"] == kind.secret(2)


def test_an_endpoint_that_changes_meanwhile_is_rotated_all_the_same() -> None:
    rival = Meanwhile("endpoints.save")
    api = with_an_endpoint(Api(rival))

    def change_it() -> None:
        (there,) = api.endpoints.all()
        api.endpoints.save(there, there.changed(description="theirs"))

    rival.act = change_it
    answer = rotate(api, OF_ENDPOINT)

    assert (answer.json["secret"], answer.json["description"]) == (OF_ENDPOINT.secret(2), "theirs")


def test_an_endpoint_that_changes_all_the_while_is_503() -> None:
    rival = Meanwhile("endpoints.save", times=100)
    api = with_an_endpoint(Api(rival))

    def change_it() -> None:
        (there,) = api.endpoints.all()
        api.endpoints.save(there, there.changed(description=there.description + "x"))

    rival.act = change_it

    assert rotate(api, OF_ENDPOINT).status == 503


@each_kind
def test_while_so_many_old_ones_sign_along_there_is_no_further_rotation(kind: Kind) -> None:
    api = with_an_endpoint(Api())
    for _ in range(OLD_SECRETS_MAX):
        rotate(api, kind)
        api.clock.at += HOUR

    refused = rotate(api, kind, KEY)
    api.clock.at += timedelta(seconds=int(refused.headers["retry-after"]))
    then = rotate(api, kind, KEY)

    assert (refused.status, refused.problem["code"]) == (409, "too_many_rotations")
    assert (then.status, is_replay(then)) == (200, False)
    assert then.json["secret"] == kind.secret(2 + OLD_SECRETS_MAX)


@each_kind
def test_what_was_rotated_under_a_key_is_shown_also_when_it_could_not_be_rotated_by_now(
    kind: Kind,
) -> None:
    api = with_an_endpoint(Api())
    rotate(api, kind, KEY)
    for _ in range(OLD_SECRETS_MAX):
        rotate(api, kind)

    assert rotate(api, kind, KEY).status == 200


@each_kind
def test_a_key_that_may_only_read_rotates_nothing(kind: Kind) -> None:
    api = with_an_endpoint(Api())

    answer = ask(api, kind.route, an_endpoint().id, scopes="webhooks:read")

    assert (answer.status, answer.problem["code"]) == (403, "missing_scope")
    assert rotate(api, kind).json["secret"] == kind.secret(2)
