"""The real Mistral, by the adapter that the worker uses. Costs money, so nothing runs it but you.

``MISTRAL_API_KEY`` says on whose account, ``MISTRAL_API_URL`` where, if not at Mistral's.
"""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import override

import pytest

from relay.adapters.mistral_http import HttpMistral
from relay.domain.answer import Answer
from relay.domain.endpoints import Endpoint
from relay.domain.upstream import Bad, Good, judge
from relay.ports import Mistral
from tests.fakes.offloading import offload
from tests.fakes.secret import FakeSecret

NOT_RUN = "not run: MISTRAL_API_KEY is not set"
WRONG_KEY = "wrong"  # the simulator's, and nobody's at Mistral
TIME_LIMIT = timedelta(seconds=60)


def pytest_sessionstart() -> None:
    if not os.environ.get("MISTRAL_API_KEY"):
        pytest.exit(NOT_RUN, returncode=1)  # no test that was not run may look like one that passed


class LiveMistral(Mistral):
    """Mistral, as the worker meets it, with new connections for each call.

    The key is in here and in nothing that a failed test prints.
    """

    def __init__(self, url: str, key: FakeSecret) -> None:
        self._url = url
        self._key = key

    @override
    async def call(self, path: str, body: bytes, *, time_limit: timedelta) -> Answer:
        adapter = HttpMistral(self._url, self._key, offload)
        try:
            return await adapter.call(path, body, time_limit=time_limit)
        finally:
            await adapter.close()

    def ask(self, endpoint: Endpoint, body: bytes) -> tuple[Answer, Good | Bad]:
        """Call once; return the answer and what the relay makes of it."""
        answer = asyncio.run(self.call(endpoint, body, time_limit=TIME_LIMIT))
        return answer, judge(endpoint, answer, at=datetime(2026, 1, 1, tzinfo=UTC))

    def with_a_wrong_key(self) -> "LiveMistral":
        return LiveMistral(self._url, FakeSecret(WRONG_KEY))


@pytest.fixture(scope="session")
def mistral() -> LiveMistral:
    url = os.environ.get("MISTRAL_API_URL") or "https://api.mistral.ai"
    return LiveMistral(url, FakeSecret(os.environ["MISTRAL_API_KEY"]))
