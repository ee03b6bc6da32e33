import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import override

import httpx
import pytest

from relay.adapters.mistral_http import ANSWER_BYTES_MAX, CALLS_PER_CLIENT, HttpMistral
from relay.domain.answer import Answer
from relay.domain.errors import MistralCallError
from relay.domain.job_error import ErrorCode
from tests.fakes.offloading import offload
from tests.fakes.secret import FakeSecret

PATH = "/v1/chat/completions"
LONG = timedelta(seconds=30)
SHORT = timedelta(milliseconds=50)

type Respond = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def mistral(
    respond: Respond | None = None,
    *,
    base_url: str = "https://mistral.invalid",
    key: str = "a-mistral-key",
) -> HttpMistral:
    transport = httpx.MockTransport(respond) if respond else None
    return HttpMistral(base_url, FakeSecret(key), offload, transport)


def call(api: HttpMistral, *, time_limit: timedelta = LONG) -> Answer:
    async def call_and_close() -> Answer:
        try:
            return await api.call(PATH, b'{"a":1}', time_limit=time_limit)
        finally:
            await api.close()

    return asyncio.run(call_and_close())


def test_a_call_posts_the_body_with_the_key_and_returns_whatever_came() -> None:
    asked: list[httpx.Request] = []

    async def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(429, headers={"Retry-After": "3"}, content=b"no JSON")

    answer = call(mistral(respond))

    (request,) = asked
    assert (request.method, request.url.path, request.content) == ("POST", PATH, b'{"a":1}')
    assert request.headers["authorization"] == "Bearer a-mistral-key"
    assert request.headers["content-type"] == "application/json"
    assert (answer.status, answer.body) == (429, b"no JSON")
    assert answer.headers["retry-after"] == "3"


def test_an_answer_that_never_comes_is_a_timeout() -> None:
    async def respond(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets the event")

    with pytest.raises(MistralCallError) as raised:
        call(mistral(respond), time_limit=SHORT)

    assert raised.value.code is ErrorCode.TIMEOUT


def test_an_answer_that_begins_and_drips_is_a_timeout() -> None:
    async def drip() -> AsyncIterator[bytes]:
        yield b'{"choices":'
        await asyncio.Event().wait()

    async def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=drip())

    with pytest.raises(MistralCallError) as raised:
        call(mistral(respond), time_limit=SHORT)

    assert raised.value.code is ErrorCode.TIMEOUT


def test_an_answer_without_end_is_cut_off() -> None:
    sent = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:  # ends when the reader has had enough
            sent += 1
            yield bytes(1024 * 1024)

    async def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=flood())

    with pytest.raises(MistralCallError) as raised:
        call(mistral(respond))

    assert raised.value.code is ErrorCode.INVALID_RESPONSE
    assert sent == ANSWER_BYTES_MAX // (1024 * 1024) + 1


def test_an_answer_that_is_not_what_its_encoding_says_cannot_be_read() -> None:
    async def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=NotGzip())

    with pytest.raises(MistralCallError) as raised:
        call(mistral(respond))

    assert raised.value.code is ErrorCode.INVALID_RESPONSE


class NotGzip(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"this was never compressed"


@asynccontextmanager
async def served(answer: bytes) -> AsyncIterator[int]:
    """Serve one answer, then the end of the connection. Yields the port."""

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b'{"a":1}')
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def call_loopback(port: int) -> Answer:
    api = mistral(base_url=f"http://127.0.0.1:{port}")
    try:
        return await api.call(PATH, b'{"a":1}', time_limit=LONG)
    finally:
        await api.close()


def test_a_call_goes_over_a_real_connection() -> None:
    async def serve_and_call() -> Answer:
        async with served(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") as port:
            return await call_loopback(port)

    assert asyncio.run(serve_and_call()).body == b"{}"


def test_a_refused_connection_is_a_failed_one() -> None:
    async def call_nobody() -> Answer:
        async with served(b"") as port:
            pass
        return await call_loopback(port)

    with pytest.raises(MistralCallError) as raised:
        asyncio.run(call_nobody())

    assert raised.value.code is ErrorCode.CONNECTION_FAILED


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", b"garbage\r\n\r\n"]
)
def test_an_answer_that_breaks_off_is_a_failed_connection(answer: bytes) -> None:
    async def serve_and_call() -> Answer:
        async with served(answer) as port:
            return await call_loopback(port)

    with pytest.raises(MistralCallError) as raised:
        asyncio.run(serve_and_call())

    assert raised.value.code is ErrorCode.CONNECTION_FAILED


class CountingMistral(HttpMistral):
    def clients(self) -> int:
        return len(self._clients)


def test_ten_calls_share_a_client_and_the_next_has_one_of_its_own() -> None:
    async def count_clients(calls: int) -> int:
        released = asyncio.Event()
        arrived = asyncio.Semaphore(0)

        async def respond(_: httpx.Request) -> httpx.Response:
            arrived.release()
            await released.wait()
            return httpx.Response(200, content=b"{}")

        api = CountingMistral(
            "https://mistral.invalid", FakeSecret(), offload, httpx.MockTransport(respond)
        )
        tasks = [asyncio.create_task(api.call(PATH, b"{}", time_limit=LONG)) for _ in range(calls)]
        for _ in range(calls):
            await arrived.acquire()
        clients = api.clients()
        released.set()
        await asyncio.gather(*tasks)
        await api.call(PATH, b"{}", time_limit=LONG)  # a later call finds room in the first
        assert api.clients() == clients
        await api.close()
        return clients

    assert asyncio.run(count_clients(CALLS_PER_CLIENT)) == 1
    assert asyncio.run(count_clients(CALLS_PER_CLIENT + 1)) == 2


def test_the_key_is_read_for_each_call_so_that_a_new_one_takes_effect() -> None:
    keys: list[str] = []
    secret = FakeSecret("old")

    async def respond(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["authorization"])
        return httpx.Response(200, content=b"{}")

    async def call_twice() -> None:
        transport = httpx.MockTransport(respond)
        api = HttpMistral("https://mistral.invalid", secret, offload, transport)
        await api.call(PATH, b"{}", time_limit=LONG)
        secret.value = "new"
        await api.call(PATH, b"{}", time_limit=LONG)
        await api.close()

    asyncio.run(call_twice())

    assert keys == ["Bearer old", "Bearer new"]


@pytest.mark.parametrize(("status", "forgotten"), [(401, 1), (402, 0), (403, 0), (200, 0)])
def test_a_key_that_mistral_refuses_is_read_anew(status: int, forgotten: int) -> None:
    """Else sandboxes that keep an old key would open the circuit again after it was mended."""
    secret = FakeSecret("old")
    respond = httpx.MockTransport(lambda _: httpx.Response(status, json={}))
    mistral = HttpMistral("https://mistral.invalid", secret, offload, respond)

    asyncio.run(mistral.call("/v1/chat/completions", b"{}", time_limit=timedelta(seconds=5)))

    assert secret.forgotten == forgotten


class ReplacedSecret(FakeSecret):
    """One that was replaced after it was read, and is kept until it is forgotten."""

    def __init__(self, old: str, new: str) -> None:
        super().__init__(old)
        self._new = new

    @override
    def forget(self) -> None:
        super().forget()
        self.value = self._new


class OneKey:
    """A Mistral that takes one key. ``keys`` are those that it was called with."""

    def __init__(self, key: str) -> None:
        self._key = key
        self.keys: list[str] = []
        self.bodies: list[bytes] = []

    def call(self, secret: FakeSecret) -> Answer:
        transport = httpx.MockTransport(self._respond)
        return call(HttpMistral("https://mistral.invalid", secret, offload, transport))

    async def _respond(self, request: httpx.Request) -> httpx.Response:
        key = request.headers["authorization"].removeprefix("Bearer ")
        self.keys.append(key)
        self.bodies.append(request.content)
        return httpx.Response(200 if key == self._key else 401, json={"key": key})


def test_a_call_that_meets_a_replaced_key_is_made_once_more_with_the_new_one() -> None:
    mistral = OneKey("new")

    answer = mistral.call(ReplacedSecret("old", "new"))

    assert (answer.status, answer.body) == (200, b'{"key":"new"}')
    assert mistral.keys == ["old", "new"]
    assert mistral.bodies == [b'{"a":1}'] * 2


def test_a_call_whose_key_is_still_the_same_is_refused_after_one_try() -> None:
    mistral = OneKey("another")

    answer = mistral.call(FakeSecret("old"))

    assert (answer.status, answer.body) == (401, b'{"key":"old"}')
    assert mistral.keys == ["old"]


def test_a_call_whose_new_key_is_refused_too_is_not_made_a_third_time() -> None:
    mistral = OneKey("another")

    answer = mistral.call(ReplacedSecret("old", "new"))

    assert (answer.status, answer.body) == (401, b'{"key":"new"}')
    assert mistral.keys == ["old", "new"]


def test_a_key_replaced_by_what_no_header_can_carry_leaves_the_first_answer() -> None:
    mistral = OneKey("another")

    answer = mistral.call(ReplacedSecret("old", "two\nlines"))

    assert (answer.status, answer.body) == (401, b'{"key":"old"}')
    assert mistral.keys == ["old"]


@pytest.mark.parametrize("key", ["", "two\nlines", "with space", "typographic\u2019s"])
def test_a_key_that_no_header_can_carry_is_a_wrong_key_and_not_a_failed_attempt(key: str) -> None:
    """It was taken for a failed connection, which burnt every job's attempts."""

    async def respond(_: httpx.Request) -> httpx.Response:
        raise AssertionError("nothing may be sent")

    with pytest.raises(MistralCallError) as failure:
        call(mistral(respond, key=key))

    assert failure.value.code is ErrorCode.INVALID_API_KEY
