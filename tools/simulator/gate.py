"""What each call of Mistral's API passes through: the key, the limits, the faults, the counts."""

from collections.abc import Iterable
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from tools.simulator.behaviour import Fault
from tools.simulator.call import JSON_TYPE, NO_CONTENT, Answer, Call, Endpoint, refusal_answer
from tools.simulator.errors import PAYLOAD_TOO_LARGE, RefusalError, invalid_api_key
from tools.simulator.faults import cut_parts, hang, hung_up, status_fault, with_broken_json
from tools.simulator.simulator import MS_PER_SECOND, Period, Simulator

BODY_BYTES_MAX = 64 * 1024 * 1024
WRONG_KEY = "wrong"
OK = 200


class ClientLeftError(Exception):
    """The client closed the connection before its request was complete."""


class Gate:
    """The ASGI application of one path; the endpoint behind it knows nothing of HTTP."""

    def __init__(
        self,
        simulator: Simulator,
        path: str,
        endpoint: Endpoint,
        *,
        body_bytes_max: int = BODY_BYTES_MAX,
    ) -> None:
        self._simulator = simulator
        self._path = path
        self._endpoint = endpoint
        self._body_bytes_max = body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call under the behaviour that is in force as it comes in."""
        period = self._simulator.period
        fault = period.dice.draw()
        period.stats.began(self._path)
        try:
            exchange = _Exchange(self._simulator, period, receive, send)
            await exchange.run(scope, fault, self._endpoint, self._body_bytes_max)
        except ClientLeftError:
            pass  # there is nobody left to answer
        finally:
            period.stats.ended()


class _Exchange:
    """One call on its way through the gate."""

    def __init__(self, simulator: Simulator, period: Period, receive: Receive, send: Send) -> None:
        self._simulator = simulator
        self._period = period
        self._receive = receive
        self._send = send
        self._number = simulator.next_number()

    async def run(
        self, scope: Scope, fault: Fault | None, endpoint: Endpoint, body_bytes_max: int
    ) -> None:
        """Answer, or act out the fault."""
        try:
            call = await self._admitted(scope, body_bytes_max)
        except RefusalError as refusal:
            await self._send_whole(refusal_answer(refusal))
            return
        if fault is not None and await self._acted_out(fault):
            return
        try:
            answer = endpoint(call)
            self._period.limits.charge(answer.usage, call.at_unix_seconds)
        except RefusalError as refusal:
            answer = refusal_answer(refusal)
        else:
            self._period.stats.billed(answer.usage)
            if answer.keep is not None:
                answer.keep()
        await self._deliver(answer, fault)

    async def _admitted(self, scope: Scope, body_bytes_max: int) -> Call:
        """Return the call. The body is read even if it is refused, as a client expects."""
        body = await _read_body(self._receive, body_bytes_max)
        at = self._simulator.clock()
        headers = Headers(scope=scope)
        _check_key(headers.get("authorization", ""))
        self._period.limits.admit(at)
        return Call(
            self._number,
            at,
            body,
            scope.get("path_params", {}),
            query=parse_qs(scope.get("query_string", b"").decode(errors="replace")),
            content_type=headers.get("content-type", JSON_TYPE),
            address=f"http://{headers.get('host', '')}",
            seed=self._period.behaviour.seed,
        )

    async def _acted_out(self, fault: Fault) -> bool:
        """Act out a fault that needs no answer of the endpoint's; False for the others."""
        answer = status_fault(fault)
        if answer is None and fault.kind != "hang":
            return False
        self._period.stats.faulted(fault.kind)
        if answer is None:
            if await hang(self._receive, seconds_max=self._simulator.hang_seconds_max):
                return True
            answer = hung_up()
        await self._send_whole(answer)
        return True

    async def _deliver(self, answer: Answer, fault: Fault | None) -> None:
        if fault is None or answer.status != OK:
            await self._send_all(answer)
            return
        self._period.stats.faulted(fault.kind)
        if fault.kind == "cut":
            # To return before the body is complete is how an ASGI application breaks a
            # connection: the server has no better choice than to close it.
            await self._start(answer)
            await self._send_parts(cut_parts(answer), is_complete=False)
        else:
            await self._send_all(with_broken_json(answer))

    async def _send_all(self, answer: Answer) -> None:
        if not answer.is_stream:
            await self._send_whole(answer)
            return
        await self._start(answer)
        await self._send_parts(answer.parts, is_complete=True)

    async def _send_whole(self, answer: Answer) -> None:
        await self._pause(self._period.latency_seconds)
        await self._start(answer)
        await self._send(_body(answer.parts[0], more=False))

    async def _send_parts(self, parts: Iterable[bytes], *, is_complete: bool) -> None:
        parts = tuple(parts)
        for part in parts:
            await self._pause(self._period.latency_seconds / len(parts))
            await self._send(_body(part, more=True))
        if is_complete:
            await self._send(_body(b"", more=False))

    async def _start(self, answer: Answer) -> None:
        headers = {
            "content-type": answer.content_type,
            "mistral-correlation-id": correlation_id(self._simulator.clock(), self._number),
            **answer.headers,
            **self._period.limits.headers(answer.usage),
        }
        if not (answer.is_stream or answer.status == NO_CONTENT):
            headers["content-length"] = str(len(answer.parts[0]))
        self._period.stats.answered(answer.status)
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": raw})

    async def _pause(self, seconds: float) -> None:
        if seconds:
            await self._simulator.sleep(seconds)


def correlation_id(at_unix_seconds: float, number: int) -> str:
    """Return an id in the form of a UUIDv7: the milliseconds in front, the number behind."""
    moment = f"{int(at_unix_seconds * MS_PER_SECOND) & (2**48 - 1):012x}"
    return f"{moment[:8]}-{moment[8:]}-7000-8000-{number & (2**48 - 1):012x}"


def _check_key(authorization: str) -> None:
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or key.strip() in ("", WRONG_KEY):
        raise invalid_api_key()


async def _read_body(receive: Receive, bytes_max: int) -> bytes:
    """Return the whole body, or raise the 413 as soon as it is too much."""
    chunks: list[bytes] = []
    size = 0
    while True:  # ends with the body, with the client, or with too much of it
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > bytes_max:
            raise RefusalError(PAYLOAD_TOO_LARGE, {"detail": "Request body too large"})
        if not message.get("more_body", False):
            return b"".join(chunks)


def _body(part: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": part, "more_body": more}
