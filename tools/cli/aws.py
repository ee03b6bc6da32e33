"""AWS, by the person's own credentials: its clients, and what it refuses in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cyclopts import Parameter

from tools.cli.errors import CliError, RefusedError, UnreachableError, UsageError
from tools.cli.machine import Machine

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

CONNECT_SECONDS_MAX = 5
ANSWER_SECONDS_MAX = 20
ATTEMPTS_MAX = 3
DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}
)
STRANGER = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
SIGN_IN = "Sign in to AWS: set AWS_PROFILE or --profile, or run aws sso login, or aws configure."


@Parameter(name="*", group="AWS")
@dataclass(frozen=True, kw_only=True)
class AwsOptions:
    """Where in AWS the stack is; the usual variables and files of AWS are heeded."""

    region: str | None = None
    """The region of the stack. [default: AWS_REGION, AWS_DEFAULT_REGION, or the profile's]"""

    profile: str | None = None
    """The profile of AWS's own settings to use. [default: AWS_PROFILE]"""


AWS_DEFAULTS = AwsOptions()


class DeniedError(RefusedError):
    """The person's credentials do not allow a call."""


class Aws:
    """Clients, one per service; botocore is imported by the first."""

    def __init__(self, machine: Machine, options: AwsOptions) -> None:
        self._machine = machine
        self._options = options
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Return the client of one service.

        Raises:
            UsageError: There is no region, no such profile, or AWS_ENDPOINT_URL is no address.
        """
        if service not in self._clients:
            make = self._machine.aws or self._new_client
            try:
                with aws_in_words(f"use {service}"):
                    self._clients[service] = make(service)
            except ValueError as error:  # as botocore has it
                raise UsageError(
                    "AWS_ENDPOINT_URL or the region is not what AWS's addresses are made of.",
                    advice=["Correct or unset them."],
                ) from error
        return self._clients[service]

    @property
    def region(self) -> str:
        """Return the region that all of it is in."""
        return str(self.client("cloudformation").meta.region_name)

    def _new_client(self, service: str) -> Any:
        import botocore.session  # noqa: PLC0415 - other commands do without it
        from botocore.config import Config  # noqa: PLC0415

        environment = self._machine.environment
        session = botocore.session.Session(profile=self._options.profile)
        config = Config(
            connect_timeout=CONNECT_SECONDS_MAX,
            read_timeout=ANSWER_SECONDS_MAX,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS_MAX},
        )
        # AWS's other tools read AWS_REGION, botocore does not.
        region = self._options.region or environment.get("AWS_REGION") or None
        return session.create_client(service, region_name=region, config=config)


@contextmanager
def aws_in_words(act: str) -> Iterator[None]:
    """Turn what AWS refuses into an error that says which ``act`` was refused, and what to do.

    Raises:
        DeniedError: The credentials do not allow it.
        RefusedError: AWS refuses it otherwise.
        UnreachableError: AWS did not answer.
        UsageError: There are no credentials, or no region.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see above

    from relay.domain.errors import UnavailableError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        raise _refused(act, error) from error
    except BotoCoreError as error:
        raise _not_asked(act, error) from error
    except UnavailableError as error:  # the same two, as the relay's own stores raise them
        cause = error.__cause__
        if isinstance(cause, ClientError):
            raise _refused(act, cause) from error
        raise _not_asked(act, cause or error) from error


def code_of(error: "ClientError") -> str:
    """Return AWS's name for an error."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _refused(act: str, error: "ClientError") -> RefusedError:
    code = code_of(error)
    if code in DENIED:
        return DeniedError(
            f"Your AWS credentials may not {act} ({error.operation_name}).",
            advice=[f"Use credentials that may call {error.operation_name}."],
        )
    if code in STRANGER:
        return RefusedError(f"AWS does not take your credentials ({code}).", advice=[SIGN_IN])
    said = str(error.response.get("Error", {}).get("Message", ""))
    return RefusedError(
        f"AWS refused to {act} ({code}).",
        lines=[said] if said else [],
        advice=["Mend what AWS names, and run this again."],
    )


def _not_asked(act: str, error: BaseException) -> CliError:
    """Return the error for a call that never was answered, by the kind of botocore's error."""
    kind = type(error).__name__
    if kind == "NoRegionError":
        return UsageError(
            "AWS's region is not known.", advice=["Set AWS_REGION, or give --region."]
        )
    if kind == "ProfileNotFound":
        return UsageError("AWS's settings have no such profile.", advice=[SIGN_IN])
    if any(word in kind for word in ("Credential", "SSO", "Token", "Login")):
        return UsageError(f"There are no AWS credentials to use ({kind}).", advice=[SIGN_IN])
    return UnreachableError(
        f"AWS was not reached to {act} ({kind}).",
        advice=["Check the network, AWS_ENDPOINT_URL and the region, and run this again."],
    )
