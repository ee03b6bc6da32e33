"""A secret in Secrets Manager, kept in memory for a few minutes."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from relay.aws.errors import aws_errors_translated
from relay.domain.errors import UnavailableError
from relay.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

KEPT_FOR = timedelta(minutes=5)
"""How long a replaced secret may go on being used; each read costs money and a round trip."""


class SecretsManagerSecret:
    """One secret. Its ``repr`` shows its name only."""

    def __init__(
        self, client: "Callable[[], SecretsManagerClient]", arn: str, clock: Clock
    ) -> None:
        self._client = client
        self._arn = arn
        self._clock = clock
        self._text = ""
        self._read_at: datetime | None = None
        self._is_doubted = False

    def text(self) -> str:
        """Return the secret, without white space around it, read anew once it is too old.

        An outage of Secrets Manager leaves in force what was read last: should that have been
        replaced meanwhile, whoever it is shown to says so.
        """
        now = self._clock.now()
        is_old = self._read_at is None or now - self._read_at >= KEPT_FOR
        if is_old or self._is_doubted:
            try:
                with aws_errors_translated():
                    found = self._client().get_secret_value(SecretId=self._arn)
                self._text = found["SecretString"].strip()
            except UnavailableError:
                if self._read_at is None:
                    raise
            self._read_at, self._is_doubted = now, False
        return self._text

    def forget(self) -> None:
        """Doubt what was read, and yet keep it for an outage of Secrets Manager."""
        self._is_doubted = True
