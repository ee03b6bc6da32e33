"""The first accounts of a deployment: the operator's admin key, a tenant, and the tenant's key."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from relay.adapters.dynamodb_keys import DynamoDBKeyStore
from relay.domain.api_key import RANDOM_BYTES, ApiKey, Scope, hash_of, last_four_of, new_key
from relay.domain.errors import NotFoundError
from relay.domain.event import OPERATOR
from relay.domain.ids import RANDOM_BYTES as ID_RANDOM_BYTES
from relay.domain.ids import ulid
from tools.cli.aws import Aws, aws_in_words
from tools.cli.aws_stack import Stack
from tools.cli.client import RelayClient
from tools.cli.errors import UnreachableError, UsageError
from tools.cli.machine import Machine
from tools.cli.saved_settings import Saved, write_saved
from tools.cli.settings import KEY_VARIABLE, checked_settings
from tools.cli.shared_options import LIMIT_MAX
from tools.cli.submission import encoded

KEY_NAME = "relay init"
PAGE_ROWS = 100
TENANT_SCOPES = tuple(scope for scope in Scope if scope is not Scope.ADMIN)
"""What a program needs that submits jobs, as on the local stack."""


class Accounts:
    """Makes what is not there, and saves each key before the next step may fail.

    Keys that were made earlier are looked up in the table, and never tried at the API first: the
    gateway remembers for a minute that it knew nobody by a key.
    """

    def __init__(self, aws: Aws, stack: Stack, machine: Machine, path: Path, saved: Saved) -> None:
        self._keys = DynamoDBKeyStore(aws.client("dynamodb"), stack.output("TableName"))
        self._machine = machine
        self._path = path
        self._tenant_id = saved.tenant_id
        self.saved = saved

    def have_admin_key(self, *, make_another: bool) -> str:
        """Let the operator have an admin key that is known here, and say how it came about.

        Raises:
            UsageError: There is one, but not here.
        """
        for key in (self.saved.admin_key, self._machine.environment.get(KEY_VARIABLE, "")):
            row = self._row_of(key)
            if row is not None and row.tenant_id == OPERATOR and Scope.ADMIN in row.scopes:
                self._save(replace(self.saved, admin_key=key))
                return f"The operator's admin key {row.id} is there already."
        others = [] if make_another else list(self._admin_keys())
        if others:
            newest = others[0]
            raise UsageError(
                f"The operator has an admin key, {newest.id} (it ends in {newest.last_four}),"
                f" which is not in {self._path}.",
                advice=[
                    f"Set {KEY_VARIABLE} to it and run this again,",
                    "or let another be made with --new-admin-key.",
                ],
            )
        return f"The operator's admin key {self._make_admin_key()} is made."

    def have_tenant(self, name: str) -> str:
        """Let there be a tenant of that name, and say how it came about.

        Raises:
            CliError: The API did not do it.
        """
        with self._client() as client:
            tenants = client.each("/v1/tenants", {}, limit=LIMIT_MAX)
            there = next((str(one["id"]) for one in tenants if one.get("name") == name), "")
            if there:
                self._tenant_id = there
                return f"The tenant {name} ({there}) is there already."
            body = encoded({"name": name})
            made = client.make("/v1/tenants", body, idempotency_key=self._machine.new_key())
        self._tenant_id = str(made.data.get("id"))
        return f"The tenant {name} ({self._tenant_id}) is made."

    def have_tenant_key(self) -> str:
        """Let that tenant have a key that is known here, and say how it came about.

        Raises:
            UsageError: The saved key is another tenant's, and would be lost.
            CliError: The API did not do it.
        """
        row = self._row_of(self.saved.api_key)
        if row is not None and row.tenant_id == self._tenant_id:
            return f"The tenant's key {row.id} is there already."
        if row is not None:
            raise UsageError(
                f"{self._path} holds a key of another tenant, {row.tenant_id}",
                advice=[f"Make one for this with: relay keys create --tenant {self._tenant_id}"],
            )
        asked = {"name": KEY_NAME, "scopes": TENANT_SCOPES, "tenant_id": self._tenant_id}
        with self._client() as client:
            made = client.make(
                "/v1/api_keys", encoded(asked), idempotency_key=self._machine.new_key()
            ).data
        if not made.get("key"):
            raise UnreachableError(
                f"The tenant's key {made.get('id')} was made, but the answer that showed it was"
                " lost on the way.",
                advice=["Run this again: it makes another. Then revoke the lost one."],
            )
        key = str(made["key"])
        self._save(replace(self.saved, api_key=key, tenant_id=self._tenant_id))
        return f"The tenant's key {made.get('id')} is made."

    def _client(self) -> RelayClient:
        source = str(self._path)
        settings = checked_settings(self.saved.api_url, self.saved.admin_key, source=source)
        return RelayClient(settings, self._machine)

    def _row_of(self, key: str) -> ApiKey | None:
        """Return what is kept of a key that is in force."""
        if not key:
            return None
        try:
            with aws_in_words("read keys in the table"):
                row = self._keys.get(hash_of(key))
        except NotFoundError:
            return None
        return row if row.revoked_at is None else None

    def _admin_keys(self) -> Iterator[ApiKey]:
        before: str | None = None
        while True:  # ends with the last page
            with aws_in_words("read the operator's keys in the table"):
                page = self._keys.page(OPERATOR, before=before, limit=PAGE_ROWS)
            yield from (key for key in page if Scope.ADMIN in key.scopes and key.revoked_at is None)
            if len(page) < PAGE_ROWS:
                return
            before = page[-1].id

    def _make_admin_key(self) -> str:
        """Make the one key that no other can make, straight in the table.

        It is saved first: one that is saved and not made is made anew, one that is made and not
        saved is lost.
        """
        now, randomness = self._machine.now(), self._machine.randomness
        key = new_key(randomness(RANDOM_BYTES))
        key_id = f"key_{ulid(now, randomness(ID_RANDOM_BYTES))}"
        self._save(replace(self.saved, admin_key=key))
        with aws_in_words("write the operator's admin key into the table"):
            self._keys.create(
                ApiKey(
                    id=key_id,
                    hash=hash_of(key),
                    last_four=last_four_of(key),
                    tenant_id=OPERATOR,
                    scopes=frozenset({Scope.ADMIN}),
                    created_at=now,
                    name=KEY_NAME,
                )
            )
        return key_id

    def _save(self, saved: Saved) -> None:
        if saved != self.saved:
            write_saved(self._path, saved)
            self.saved = saved
