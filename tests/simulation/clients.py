"""Clients of a simulated history: they submit by HTTP and by SQS, try again, cancel and delete."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from relay.domain.api_key import Scope, new_key
from relay.domain.ids import TenantId
from relay.domain.moments import to_iso
from tests.fakes.examples import OTHER_TENANT, TENANT, an_api_key
from tests.flows.gateway import SERVER_ERROR, Reply
from tests.simulation.former_version import job_left_behind
from tests.simulation.simulation import Simulation

KEYS = {TENANT: new_key(b"ours".ljust(32)), OTHER_TENANT: new_key(b"theirs".ljust(32))}
HOSTS = {TENANT: "ours.example.com", OTHER_TENANT: "theirs.example.com"}
TRIES_MAX = 8
CANARY = "canary"
_LARGE = 30_000
_DAY_AND_AN_HOUR = timedelta(hours=25)


@dataclass(slots=True, kw_only=True)
class Wish:
    """What a client wants done, and what it has been told of it."""

    token: str
    tenant_id: TenantId
    request: dict[str, Any]
    key: str | None = None
    is_sqs: bool = False
    is_bad: bool = False
    job_ids: set[str] = field(default_factory=set)
    is_gone: bool = False
    """Whether the deletion of its job was acknowledged."""


class Clients:
    """All of them. ``faults`` is what they were told that they should not have been."""

    def __init__(self, world: Simulation) -> None:
        self.wishes: list[Wish] = []
        self.faults: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.cancelled = 0
        self._world = world
        self._lots = world.lots
        scopes = frozenset(Scope) - {Scope.ADMIN}
        others, world.seam.others = world.seam.others, None
        for tenant_id, key in KEYS.items():
            world.keys.create(an_api_key(key, tenant_id=tenant_id, scopes=scopes))
            secret = self._ask(tenant_id, "GET", "/v1/webhook_secret").json["secret"]
            world.subscribers.secrets[HOSTS[tenant_id]] = secret
        world.seam.others = others

    def come(self, jobs: int, *, within: timedelta) -> None:
        """Have so many jobs be submitted at random moments."""
        for number in range(jobs):
            at = self._world.time + within * self._lots.random()
            self._world.at(at, partial(self._submit, self._wish(number)))

    # ------------------------------------------------------------ wishes

    def _wish(self, number: int) -> Wish:
        lots, rates = self._lots, self._world.rates
        is_sqs = lots.random() < rates.by_sqs
        tenant_id = TENANT if is_sqs else lots.choice([TENANT, TENANT, OTHER_TENANT])
        token = f"{CANARY}-{number}."
        is_bad = is_sqs and lots.random() < 0.05
        wish = Wish(
            token=token,
            tenant_id=tenant_id,
            request=self._request(token, tenant_id, is_bad=is_bad),
            key=f"key-{number}" if lots.random() < rates.with_key else None,
            is_sqs=is_sqs,
            is_bad=is_bad,
        )
        self.wishes.append(wish)
        return wish

    def _request(self, token: str, tenant_id: TenantId, *, is_bad: bool) -> dict[str, Any]:
        lots = self._lots
        padding = "x" * _LARGE if lots.random() < 0.03 else ""
        prompt = f"{token} {padding}"
        role = "wizard" if is_bad else "user"
        request: dict[str, Any] = {
            "body": {"messages": [{"role": role, "content": prompt}]},
            "attempts_max": lots.choice([1, 2, 5, 5, 20]),
            "timeout_seconds": lots.choice([5, 30, 60]),
            "notify_started": lots.random() < 0.1,
            "metadata": {"order": "4711"} if lots.random() < 0.3 else {},
        }
        if lots.random() < 0.7:
            rates = self._world.rates
            kind = "dead" if lots.random() < rates.subscriber_dead else "well"
            kind = "slow" if lots.random() < rates.subscriber_slow else kind
            request["callback_url"] = f"https://{HOSTS[tenant_id]}/{kind}"
        if lots.random() < 0.2:
            request["fallback_models"] = ["mistral-medium-latest", "mistral-large-latest"]
        if lots.random() < 0.1:
            ahead = timedelta(minutes=lots.randint(2, 30))
            request["deadline"] = to_iso(self._world.time + ahead)
        return request

    def _submit(self, wish: Wish, tries: int = 1) -> None:
        if wish.is_sqs:
            self._send(wish)
            return
        if self._lots.random() < self._world.rates.by_former_version:
            body = json.dumps(wish.request["body"]).encode()
            url = wish.request.get("callback_url")
            wish.job_ids.add(job_left_behind(self._world, wish.tenant_id, body, url).id)
            wish.key = None
            return
        reply = self._post(wish)
        if reply.status in (200, 202):
            self._note(wish, reply)
        elif reply.status in (409, 500, 503) and wish.key and tries < TRIES_MAX:
            wait = float(reply.headers.get("retry-after", self._lots.uniform(0, 5)))
            self._world.later(wait, partial(self._submit, wish, tries + 1))
        elif reply.status == 422 and "deadline" in wish.request:
            return  # it came too late for its own deadline
        elif reply.status not in (409, 500, 503):
            self.faults.append(f"a good submission was answered with {reply.status}")

    def _post(self, wish: Wish, key: str | None = None) -> Reply:
        used = key or wish.key
        headers = {"idempotency-key": used} if used else {}
        return self._ask(wish.tenant_id, "POST", "/v1/jobs", wish.request, headers=headers)

    def _send(self, wish: Wish) -> None:
        attributes = {"idempotency_key": wish.key} if wish.key else None
        text = json.dumps(wish.request)
        self._world.submissions_queue.send_text(text, attributes=attributes)
        if wish.key and self._lots.random() < 0.3:  # the producer was not sure
            self._world.submissions_queue.send_text(text, attributes=attributes)

    # ------------------------------------------------------------ what follows

    def _note(self, wish: Wish, reply: Reply) -> None:
        job_id = reply.json["id"]
        wish.job_ids.add(job_id)
        if wish.key and len(wish.job_ids) > 1:
            self.faults.append(f"I10: one key made {len(wish.job_ids)} jobs")
        lots, rates, world = self._lots, self._world.rates, self._world
        if lots.random() < rates.cancelled:
            world.later(lots.choice([0.1, 1, 30]), partial(self._cancel, wish, job_id))
        if lots.random() < rates.deleted:
            world.later(lots.uniform(1, 600), partial(self._delete, wish, job_id))
        if lots.random() < rates.rerun:
            world.later(lots.uniform(1, 300), partial(self._rerun, wish, job_id))
        if lots.random() < 0.1:
            world.later(lots.uniform(0, 60), partial(self._pry, wish, job_id))
        if wish.key and lots.random() < 0.1:
            world.later(lots.uniform(0, 60), partial(self._use_key_for_another, wish))
        if wish.key and lots.random() < 0.02:
            late = world.time + _DAY_AND_AN_HOUR
            world.at(late, partial(self._use_key_a_day_later, wish, job_id))

    def _cancel(self, wish: Wish, job_id: str) -> None:
        reply = self._ask(wish.tenant_id, "POST", f"/v1/jobs/{job_id}/cancel")
        if reply.status == 200:
            self.cancelled += 1
            if self._lots.random() < 0.5:  # in mid-call, as it may be
                self._delete(wish, job_id)
        self._expect(reply, {200, 409, 404}, "cancel")

    def _delete(self, wish: Wish, job_id: str) -> None:
        reply = self._ask(wish.tenant_id, "DELETE", f"/v1/jobs/{job_id}")
        self._expect(reply, {204, 409}, "delete")
        wish.is_gone = wish.is_gone or reply.status == 204

    def _rerun(self, wish: Wish, job_id: str) -> None:
        reply = self._ask(wish.tenant_id, "POST", f"/v1/jobs/{job_id}/rerun")
        self._expect(reply, {200, 202, 404}, "rerun")

    def _pry(self, wish: Wish, job_id: str) -> None:
        """Try to read or to end another tenant's job."""
        stranger = OTHER_TENANT if wish.tenant_id == TENANT else TENANT
        for method, path in (
            ("GET", f"/v1/jobs/{job_id}"),
            ("POST", f"/v1/jobs/{job_id}/cancel"),
            ("DELETE", f"/v1/jobs/{job_id}"),
        ):
            reply = self._ask(stranger, method, path)
            if reply.status not in (404, 500, 503):
                self.faults.append(f"I11: {method} {path} told a stranger {reply.status}")
        listed = self._ask(stranger, "GET", "/v1/jobs")
        if job_id in listed.text:
            self.faults.append("I11: a list shows another tenant's job")

    def _use_key_for_another(self, wish: Wish) -> None:
        other = {**wish.request, "attempts_max": 7}
        headers = {"idempotency-key": wish.key or ""}
        reply = self._ask(wish.tenant_id, "POST", "/v1/jobs", other, headers=headers)
        self._expect(reply, {422}, "another request under a used key")

    def _use_key_a_day_later(self, wish: Wish, job_id: str) -> None:
        """A key is free again after a day, whether its row has been removed by then or not."""
        wish.request.pop("deadline", None)
        reply = self._post(wish)
        if reply.status in (200, 202) and reply.json["id"] == job_id:
            self.faults.append("I10: a key was still in force after its day")

    def _expect(self, reply: Reply, statuses: set[int], what: str) -> None:
        if reply.status not in statuses | {500, 503}:
            self.faults.append(f"{what} was answered with {reply.status}: {reply.text[:200]}")

    def _ask(
        self, tenant_id: TenantId, method: str, path: str, body: Any = None, **more: Any
    ) -> Reply:
        reply = SERVER_ERROR
        with self._world.invocation(None, []):
            reply = self._world.gateway.request(method, path, body, key=KEYS[tenant_id], **more)
        self.statuses[reply.status] += 1
        return reply
