from datetime import timedelta

import pytest

from relay.adapters.secrets_manager import KEPT_FOR, SecretsManagerSecret
from relay.domain.errors import UnavailableError
from relay.ports import Secret
from tests.cloud import Cloud
from tests.fakes.clock import FakeClock
from tests.fakes.secret import FakeSecret

A_TICK = timedelta(milliseconds=1)


class SecretContract:
    @pytest.fixture
    def secret(self) -> Secret:
        raise NotImplementedError

    def test_the_text_of_a_secret_is_read(self, secret: Secret) -> None:
        assert secret.text() == "s3cret"

    def test_the_text_of_a_secret_is_not_shown(self, secret: Secret) -> None:
        secret.text()

        assert "s3cret" not in repr(secret)


class TestFakeSecret(SecretContract):
    @pytest.fixture
    def secret(self) -> Secret:
        return FakeSecret("s3cret")


class TestSecretsManagerSecret(SecretContract):
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def arn(self, cloud: Cloud) -> str:
        client = cloud.secretsmanager()
        return client.create_secret(Name="a-key", SecretString="s3cret")["ARN"]

    @pytest.fixture
    def secret(self, cloud: Cloud, arn: str, clock: FakeClock) -> Secret:
        return SecretsManagerSecret(cloud.secretsmanager, arn, clock)

    def test_a_replaced_secret_is_read_once_the_old_one_is_five_minutes_old(
        self, secret: Secret, cloud: Cloud, arn: str, clock: FakeClock
    ) -> None:
        secret.text()
        cloud.secretsmanager().put_secret_value(SecretId=arn, SecretString="another")

        clock.wait(KEPT_FOR - A_TICK)
        assert secret.text() == "s3cret"
        clock.wait(A_TICK)
        assert secret.text() == "another"

    def test_a_secret_that_is_doubted_is_read_anew_at_once(
        self, secret: Secret, cloud: Cloud, arn: str
    ) -> None:
        secret.text()
        cloud.secretsmanager().put_secret_value(SecretId=arn, SecretString="another")

        secret.forget()

        assert secret.text() == "another"

    def test_a_secret_that_is_doubted_in_an_outage_stays_in_force(
        self, secret: Secret, cloud: Cloud, arn: str
    ) -> None:
        secret.text()
        cloud.secretsmanager().delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)

        secret.forget()

        assert secret.text() == "s3cret"

    def test_a_secret_that_cannot_be_read_is_unavailable(
        self, cloud: Cloud, arn: str, clock: FakeClock
    ) -> None:
        with pytest.raises(UnavailableError):
            SecretsManagerSecret(cloud.secretsmanager, arn + "-gone", clock).text()
