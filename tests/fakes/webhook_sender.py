from collections.abc import Callable
from datetime import timedelta
from typing import override

from relay.domain.webhook_exchange import WebhookAnswer, WebhookFailure, WebhookRequest
from relay.ports import WebhookSender
from tests.fakes.seam import QUIET, Seam


def answered(status_code: int, *, retry_after: timedelta | None = None) -> WebhookAnswer:
    return WebhookAnswer(
        status_code=status_code,
        failure=None,
        retry_after=retry_after,
        response_head="",
        duration=timedelta(milliseconds=12),
    )


def unanswered(failure: WebhookFailure = WebhookFailure.TIMEOUT) -> WebhookAnswer:
    return WebhookAnswer(
        status_code=None,
        failure=failure,
        retry_after=None,
        response_head="",
        duration=timedelta(milliseconds=12),
    )


type Script = Callable[[WebhookRequest], WebhookAnswer]


class FakeWebhookSender(WebhookSender):
    """Records what was posted, before the script says what came of it."""

    def __init__(self, script: Script | None = None, *, seam: Seam = QUIET) -> None:
        self.posts: list[WebhookRequest] = []
        self.script = script or (lambda _: answered(200))
        self._seam = seam

    @override
    async def post(self, request: WebhookRequest) -> WebhookAnswer:
        with self._seam.around("webhooks.post"):
            self.posts.append(request)
            return self.script(request)
