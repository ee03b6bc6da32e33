"""Owners of webhook endpoints in a simulated history: what they do, and what they may expect.

They register endpoints, move, disable, enable and delete them, rotate secrets in mid-retry, and
have past events sent again; and they check each request that they get against what they were told.
"""

import hashlib
import hmac
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from standardwebhooks.webhooks import Webhook

from relay.domain.ids import TenantId
from relay.domain.moments import from_iso, to_iso
from relay.domain.webhook_exchange import WebhookRequest
from tests.fakes.clock import NOON
from tests.fakes.examples import OTHER_TENANT, TENANT
from tests.flows.gateway import SERVER_ERROR, Reply
from tests.simulation.clients import HOSTS, KEYS
from tests.simulation.simulation import Simulation

EACH = 4
_ENABLED_AGAIN = timedelta(minutes=20)
_KINDS = ("well", "well", "well", "slow", "dead", "gone")
_PATTERNS = (["job.*"], ["*"], ["job.completed"], ["job.failed", "webhook_endpoint.*"])
_REFUSALS = {404, 409, 500, 503}
"""What anything may be answered with: it is gone, disabled, or AWS is out."""


@dataclass(slots=True, kw_only=True)
class Owned:
    """An endpoint, and what its owner knows of it.

    Numbers are those of the seam's calls: what was told by then holds for whoever reads later.
    """

    id: str
    tenant_id: TenantId
    kind: str
    asked: dict[str, Any]
    urls: list[tuple[int, str]] = field(default_factory=list)
    secrets: list[tuple[int, str]] = field(default_factory=list)
    """The newest last."""
    deleted: int | None = None
    is_busy: bool = False
    is_unsure: bool = False
    """Whether a secret may have been rotated, or it deleted, and its owner was not told."""
    disabled: int | None = None
    got: Counter[str] = field(default_factory=Counter)
    """How often each event was posted there."""
    bodies: dict[str, set[bytes]] = field(default_factory=dict)


class EndpointOwners:
    """All of them. ``faults`` is what they met that they should not have."""

    def __init__(self, world: Simulation, seed: int) -> None:
        self.owned: dict[str, Owned] = {}
        self.faults: list[str] = []
        self.acts: Counter[str] = Counter()
        self._world = world
        self._lots = random.Random(f"owners {seed}")  # noqa: S311 - a history must be repeatable
        self._made = 0
        self._is_over = False
        world.subscribers.owners = self

    def come(self, *, within: timedelta) -> None:
        """Have endpoints be registered at random moments, and things be done to them after."""
        for number in range(2 * EACH):
            tenant_id = TENANT if number % 2 else OTHER_TENANT
            at = self._world.time + within / 2 * self._lots.random()
            self._world.at(at, partial(self._register, tenant_id, within))

    # ------------------------------------------------------------ what they do

    def _register(self, tenant_id: TenantId, within: timedelta) -> None:
        if self._is_over:
            return
        lots = self._lots
        self._made += 1
        kind = lots.choice(_KINDS)
        asked = {
            "url": f"https://{HOSTS[tenant_id]}/{kind}/hook-{self._made}",
            "event_types": lots.choice(_PATTERNS),
            "payload": lots.choice(["full", "thin"]),
            "legacy_signature": lots.random() < 0.3,
        }
        reply = self._ask(tenant_id, "POST", "/v1/webhook_endpoints", asked)
        if reply.status != 201:
            self._expect(reply, "register")
            return
        told = reply.json
        number = self._world.seam.calls
        owned = Owned(id=told["id"], tenant_id=tenant_id, kind=kind, asked=asked)
        owned.urls.append((number, told["url"]))
        owned.secrets.append((number, told["secret"]))
        self.owned[owned.id] = owned
        acts = (self._rotate, self._move, self._disable, self._recover, self._redeliver, self._test)
        for _ in range(lots.randint(1, 4)):
            self._later(within, partial(lots.choice(acts), owned))
        if lots.random() < 0.3:
            self._later(within, partial(self._delete, owned))

    def _later(self, within: timedelta, act: Callable[[], None]) -> None:
        """Have something be done unless everything is over by then."""

        def unless_over() -> None:
            if not self._is_over:
                act()

        self._world.later(within.total_seconds() * self._lots.random(), unless_over)

    def _rotate(self, owned: Owned) -> None:
        reply = self._act(owned, "POST", "rotate_secret")
        owned.is_unsure = owned.is_unsure or reply.status >= 500
        if reply.status == 200:
            owned.secrets.append((self._world.seam.calls, reply.json["secret"]))

    def _move(self, owned: Owned) -> None:
        url = f"{owned.urls[-1][1]}-moved"
        reply = self._act(owned, "PATCH", None, {"url": url})
        owned.urls.append((self._world.seam.calls if reply.status == 200 else _NEVER, url))

    def _disable(self, owned: Owned) -> None:
        reply = self._act(owned, "PATCH", None, {"status": "disabled"})
        if reply.status == 200:
            owned.disabled = self._world.seam.calls
        self._later(_ENABLED_AGAIN, partial(self._enable, owned))

    def _enable(self, owned: Owned) -> None:
        if not owned.is_busy:
            owned.disabled = None  # from when on it is enabled is not known before the answer
        self._act(owned, "POST", "enable")

    def _delete(self, owned: Owned) -> None:
        reply = self._act(owned, "DELETE", None)
        owned.is_unsure = owned.is_unsure or reply.status >= 500
        if reply.status == 204:
            owned.deleted = self._world.seam.calls

    def _recover(self, owned: Owned) -> None:
        self._act(owned, "POST", "recover", {"since": to_iso(NOON - timedelta(hours=1))})

    def _test(self, owned: Owned) -> None:
        self._act(owned, "POST", "test")

    def _redeliver(self, owned: Owned) -> None:
        """Have one of its deliveries, and an event that need not concern it, sent there again."""
        listed = self._ask(owned.tenant_id, "GET", "/v1/deliveries")
        if listed.status == 200 and listed.json["data"]:
            path = f"/v1/deliveries/{self._lots.choice(listed.json['data'])['id']}/redeliver"
            self._expect(self._ask(owned.tenant_id, "POST", path), "redeliver")
        events = self._ask(owned.tenant_id, "GET", "/v1/events")
        if events.status == 200 and events.json["data"]:
            path = f"/v1/events/{self._lots.choice(events.json['data'])['id']}/redeliver"
            body = {"endpoint_id": owned.id}
            self._expect(self._ask(owned.tenant_id, "POST", path, body), "redeliver an event")

    def ask_for_all(self) -> None:
        """Enable what is disabled, and have everything sent that was missed: nothing fails now."""
        self._is_over = True
        for owned in self.owned.values():
            if owned.deleted is None:
                owned.is_busy = False  # whatever was under way is over, or does not matter
                self._enable(owned)
                self._recover(owned)

    def _act(self, owned: Owned, method: str, act: str | None, body: Any = None) -> Reply:
        if owned.is_busy:  # one thing at a time, so that answers come in order
            return SERVER_ERROR
        owned.is_busy = True
        path = f"/v1/webhook_endpoints/{owned.id}" + (f"/{act}" if act else "")
        reply = self._ask(owned.tenant_id, method, path, body)
        owned.is_busy = False
        self.acts[act or method] += reply.status < 300
        self._expect(reply, act or method)
        return reply

    def _expect(self, reply: Reply, what: str) -> None:
        if reply.status >= 300 and reply.status not in _REFUSALS:
            self.faults.append(f"{what} was answered with {reply.status}: {reply.text[:200]}")

    def _ask(self, tenant_id: TenantId, method: str, path: str, body: Any = None) -> Reply:
        replies = [SERVER_ERROR]
        with self._world.invocation(None, []):
            replies.append(self._world.gateway.request(method, path, body, key=KEYS[tenant_id]))
        return replies[-1]

    # ------------------------------------------------------------ what they get

    def _owner_of(self, url: str) -> Owned | None:
        """Return whose an address is, ``None`` where nobody was told that it was registered."""
        found = (it for it in self.owned.values() if any(known == url for _, known in it.urls))
        return next(found, None)

    def take(self, request: WebhookRequest) -> None:
        """Check a request at its very moment."""
        owned = self._owner_of(request.url)
        if owned is None:
            return
        told = json.loads(request.body)
        event_id = request.headers["webhook-id"]
        owned.got[event_id] += 1
        owned.bodies.setdefault(event_id, set()).add(request.body)
        if told["id"] != event_id:
            self.faults.append(f"I6: {event_id} tells of {told['id']}")
        read_at = self._world.seam.number_here("jobs.get") if "job" in told["type"] else 0
        self._check_consent(owned, request.url, told["type"], read_at)
        self._check_signatures(owned, request, read_at)
        self._check_older_scheme(owned, request, told)

    def _check_consent(self, owned: Owned, url: str, kind: str, read_at: int) -> None:
        """I13: whoever has read what to tell reads then whom to tell."""
        if owned.deleted is not None and owned.deleted < read_at:
            self.faults.append(f"I13: {owned.id} is deleted, and gets a {kind}")
        if owned.disabled is not None and owned.disabled < read_at:
            self.faults.append(f"I13: {owned.id} is disabled, and gets a {kind}")
        known = [number for number, _ in owned.urls]
        place = [known_url for _, known_url in owned.urls].index(url)
        if any(number < read_at for number in known[place + 1 :]):
            self.faults.append(f"I13: {owned.id} has moved, and gets a {kind} where it was")

    def _check_signatures(self, owned: Owned, request: WebhookRequest, read_at: int) -> None:
        """I14: each secret signs that was told a day ago or later, and before it was read."""
        headers = request.headers
        at = self._world.time.replace(microsecond=0)
        at = at.fromtimestamp(int(headers["webhook-timestamp"]), tz=at.tzinfo)
        signatures = headers["webhook-signature"].split(" ")
        due = [secret for number, secret in owned.secrets if number <= max(read_at, 0)]
        if self._world.time - NOON > timedelta(hours=23):
            due = [] if owned.is_unsure else due[-1:]
        for secret in due:
            signed = Webhook(secret).sign(headers["webhook-id"], at, request.body.decode())
            if signed not in signatures:
                self.faults.append(f"I14: {headers['webhook-id']} lacks a secret of {owned.id}")

    def _check_older_scheme(self, owned: Owned, request: WebhookRequest, told: Any) -> None:
        is_asked = owned.asked["legacy_signature"]
        signature = request.headers.get("x-webhook-signature")
        if (signature is not None, "event" in told) != (is_asked, is_asked):
            self.faults.append(f"I14: the older scheme of {owned.id} is wrong")
        known = [
            hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
            for _, secret in owned.secrets
        ]
        is_sure = len(owned.secrets) == 1 and not owned.is_unsure
        if signature is not None and is_sure and signature not in known:
            self.faults.append(f"I14: the older signature of {owned.id} is wrong")
        if signature is not None:
            from_iso(request.headers["x-webhook-timestamp"])


_NEVER = 1 << 62
"""The number of a call that never comes: whether it was done is not known."""
