"""The front: what goes through it arrives as it was sent."""

import asyncio

import httpx

from tools.local.front import create_app

AWS = "http://127.0.0.1:8722"


def an_answer(
    status: int = 200, headers: list[tuple[str, str]] | None = None, body: bytes = b""
) -> httpx.Response:
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


class Api:
    """Stands behind the front: remembers what it was asked, and answers as it was told to."""

    def __init__(self, answer: httpx.Response) -> None:
        self.asked: list[httpx.Request] = []
        self._answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self._answer

    def through_front(self, method: str, path: str, **options: object) -> httpx.Response:
        return asyncio.run(self._through_front(method, path, **options))

    async def _through_front(self, method: str, path: str, **options: object) -> httpx.Response:
        app = create_app(AWS, "1234abcd", httpx.MockTransport(self))
        front = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=front, base_url="http://127.0.0.1:8720") as client:
            return await client.request(method, path, **options)  # type: ignore[arg-type] # httpx's own options


def test_a_call_reaches_the_api_under_its_name_in_the_local_cloud() -> None:
    api = Api(an_answer())

    api.through_front("GET", "/v1/jobs")

    (asked,) = api.asked
    assert asked.headers.get_list("host") == ["1234abcd.execute-api.localhost:8722"]
    assert (asked.url.host, asked.url.port) == ("127.0.0.1", 8722)


def test_path_and_query_arrive_as_they_were_written() -> None:
    api = Api(an_answer())

    api.through_front("GET", "/v1/jobs/a%2Fb%20c?cursor=x%3D%3D&limit=2")

    assert api.asked[0].url.raw_path == b"/v1/jobs/a%2Fb%20c?cursor=x%3D%3D&limit=2"


def test_body_and_headers_arrive_and_come_back() -> None:
    api = Api(an_answer(422, [("x-request-id", "r1")], b"no"))

    answer = api.through_front(
        "POST", "/v1/jobs", content=b"{ }", headers={"idempotency-key": "k", "connection": "close"}
    )

    assert api.asked[0].content == b"{ }"
    assert api.asked[0].headers["idempotency-key"] == "k"
    assert "connection" not in api.asked[0].headers
    assert (answer.status_code, answer.headers["x-request-id"], answer.content) == (
        422,
        "r1",
        b"no",
    )


def test_repeated_headers_stay_apart() -> None:
    api = Api(an_answer(200, [("set-cookie", "a=1"), ("set-cookie", "b=2")]))

    answer = api.through_front("GET", "/")

    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
