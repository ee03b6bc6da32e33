"""Registered endpoints: scenarios of their own, for each call of AWS that they need."""

from datetime import timedelta
from typing import Any

from relay.domain.webhook_endpoint import PACED_AFTER
from tests.fakes.mistral import chat_answer, refusal
from tests.permissions.wired import WiredRelay

A_MINUTE = timedelta(minutes=1)


def _ask(relay: WiredRelay, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    reply = relay.request(method, path, body)
    assert reply.status == status, reply.text
    return reply.json if reply.text else None


def _register(relay: WiredRelay) -> str:
    asked = {"url": f"{relay.outside.url}/hook", "event_types": ["*"]}
    endpoint: dict[str, Any] = _ask(relay, "POST", "/v1/webhook_endpoints", asked, 201)
    return f"/v1/webhook_endpoints/{endpoint['id']}"


def _run_a_job(relay: WiredRelay) -> None:
    relay.submit()
    relay.let("worker")
    relay.publish()
    relay.let("fanout")


def an_endpoint_is_told_read_about_and_told_again(relay: WiredRelay) -> None:
    endpoint = _register(relay)
    _run_a_job(relay)
    relay.let("deliverer")
    for path in ("/v1/webhook_endpoints", endpoint, "/v1/events", "/v1/deliveries"):
        _ask(relay, "GET", path)
    to = endpoint.rpartition("/")[2]
    delivery = _ask(relay, "GET", f"/v1/deliveries?endpoint_id={to}")["data"][0]
    _ask(relay, "GET", f"/v1/events/{delivery['event_id']}")
    _ask(relay, "GET", f"/v1/deliveries/{delivery['id']}")
    _ask(relay, "POST", f"/v1/deliveries/{delivery['id']}/redeliver", status=202)
    relay.let("deliverer")
    relay.clock.at += A_MINUTE
    _ask(relay, "POST", f"/v1/events/{delivery['event_id']}/redeliver", {"endpoint_id": to}, 202)
    relay.let("deliverer")
    _ask(relay, "POST", f"{endpoint}/test", status=202)
    relay.let("deliverer")
    _ask(relay, "POST", f"{endpoint}/rotate_secret")
    _ask(relay, "POST", "/v1/webhook_secret/rotate")
    _ask(relay, "DELETE", endpoint, status=204)


def what_an_endpoint_missed_is_recovered(relay: WiredRelay) -> None:
    endpoint = _register(relay)
    others = [_register(relay) for _ in range(12)]  # so that hints are written many at a time
    _run_a_job(relay)
    relay.let("deliverer")
    for other in others:
        _ask(relay, "DELETE", other, status=204)
    _ask(relay, "PATCH", endpoint, {"status": "disabled"})
    relay.submit()
    relay.let("worker")
    relay.publish()
    relay.let("fanout")
    _ask(relay, "POST", f"{endpoint}/enable")
    since = (relay.clock.at - A_MINUTE).isoformat()
    _ask(relay, "POST", f"{endpoint}/recover", {"since": since}, 202)
    for _ in range(3):
        relay.sweep(A_MINUTE)
    relay.let("fanout")
    relay.let("deliverer")
    _ask(relay, "DELETE", endpoint, status=204)


def an_endpoint_fails_takes_turns_heals_and_is_gone(relay: WiredRelay) -> None:
    endpoint = _register(relay)
    for answers in ([refusal(500)], [refusal(500), refusal(500)], [], [refusal(410)]):
        for _ in answers or [chat_answer()]:
            relay.submit()
        relay.let("worker")
        relay.publish()
        relay.let("fanout")
        relay.outside.answers = list(answers)
        relay.call("deliverer", relay.event_of("deliverer"))
        relay.outside.answers = []
        relay.clock.at += PACED_AFTER
    relay.publish()
    shown = _ask(relay, "GET", endpoint)
    assert shown["disabled_reason"] == "gone"
    _ask(relay, "DELETE", endpoint, status=204)


WEBHOOK_SCENARIOS = (
    an_endpoint_is_told_read_about_and_told_again,
    what_an_endpoint_missed_is_recovered,
    an_endpoint_fails_takes_turns_heals_and_is_gone,
)
