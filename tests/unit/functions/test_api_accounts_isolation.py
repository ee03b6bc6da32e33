"""Keys, tenants and senders of one tenant are nothing to another."""

from typing import Any

import pytest

from tests.fakes.examples import OTHER_TENANT, TENANT, an_api_key
from tests.unit.functions.accounts_asking import api_with_tenants, ask, make_key
from tests.unit.functions.api_on_fakes import Api

LIST = "GET /v1/api_keys"
CREATE = "POST /v1/api_keys"
REVOKE = "DELETE /v1/api_keys/{key_id}"
UNKNOWN_KEY = an_api_key().id
UNKNOWN_TENANT = "ten_" + "0" * 26
IDEMPOTENCY_KEY = {"idempotency-key": "of-ci"}


def keys_of(api: Api) -> list[Any]:
    tenants = (TENANT, OTHER_TENANT)
    return [list(api.keys.page(tenant_id, before=None, limit=99)) for tenant_id in tenants]


def test_another_tenants_key_cannot_be_revoked_and_looks_as_if_it_were_not_there() -> None:
    api = api_with_tenants()
    key_id = make_key(api)["id"]
    before = keys_of(api)

    theirs = ask(api, REVOKE, identifier=key_id, tenant_id=OTHER_TENANT)
    nobodys = ask(api, REVOKE, identifier=UNKNOWN_KEY, tenant_id=OTHER_TENANT)
    malformed = ask(api, REVOKE, identifier="key_x", tenant_id=OTHER_TENANT)

    assert theirs.status == 404
    assert theirs == nobodys == malformed
    assert keys_of(api) == before


def test_another_tenants_list_is_as_if_there_were_no_key() -> None:
    api = api_with_tenants()
    key_id = make_key(api)["id"]

    theirs = ask(api, LIST, tenant_id=OTHER_TENANT)

    assert theirs == ask(Api(), LIST, tenant_id=OTHER_TENANT)
    assert [key["id"] for key in ask(api, LIST).json["data"]] == [key_id]


@pytest.mark.parametrize("route", [LIST, CREATE, REVOKE])
def test_only_the_operator_acts_for_a_tenant_that_is_named(route: str) -> None:
    """To anyone else another tenant is just as one that nobody has heard of."""
    api = api_with_tenants()
    key_id = make_key(api)["id"]
    before = keys_of(api)

    def acting_for(tenant_id: str) -> Any:
        is_body = route == CREATE
        return ask(
            api,
            route,
            identifier=key_id,
            body={"tenant_id": tenant_id} if is_body else None,
            query=None if is_body else {"tenant_id": tenant_id},
            tenant_id=OTHER_TENANT,
        )

    theirs, nobodys = acting_for(TENANT), acting_for(UNKNOWN_TENANT)

    assert theirs.status == 404
    assert theirs == nobodys
    assert keys_of(api) == before


def test_a_cursor_of_another_tenants_shows_nothing_of_theirs() -> None:
    api = api_with_tenants()
    for _ in range(3):
        make_key(api)
    cursor = ask(api, LIST, query={"limit": "1"}).json["next_cursor"]

    theirs = ask(api, LIST, query={"cursor": cursor}, tenant_id=OTHER_TENANT)

    assert theirs.json["data"] == []


def test_an_idempotency_key_of_another_tenants_is_another_key() -> None:
    api = api_with_tenants()
    ours = make_key(api, headers=IDEMPOTENCY_KEY)

    theirs = make_key(api, headers=IDEMPOTENCY_KEY, tenant_id=OTHER_TENANT)

    assert theirs["id"] != ours["id"]
    assert theirs["key"] is not None
