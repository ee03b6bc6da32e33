"""The key with which the worker calls Mistral: where it is kept, and whether Mistral takes it."""

import re
from http import HTTPStatus

from tools.cli.aws import Aws, aws_in_words
from tools.cli.aws_stack import Stack
from tools.cli.calls import Call, Caller
from tools.cli.errors import CliError, RefusedError, UnreachableError
from tools.cli.findings import Finding, State
from tools.cli.machine import Machine
from tools.cli.settings import Settings

CHECK = "Mistral's key"
PLACEHOLDER = "unset"  # what template.yaml puts there
KEY_SHAPE = re.compile(r"[!-~]+")
NO_VERSION = "(ResourceNotFoundException)"
REPLACE = "Store another with: relay init --replace-mistral-key"
VERDICTS = {
    HTTPStatus.UNAUTHORIZED: (
        State.FAILED,
        "Mistral refuses the key (401).",
        f"Make a key in Mistral's console. {REPLACE}",
    ),
    HTTPStatus.PAYMENT_REQUIRED: (
        State.FAILED,
        "Mistral's account has no credit left (402).",
        "Add credit or a plan in Mistral's console; jobs wait until then, and none is lost.",
    ),
    HTTPStatus.FORBIDDEN: (
        State.FAILED,
        "Mistral knows the key, but it may not do this (403).",
        f"Use a key of a workspace that may use the API. {REPLACE}",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        State.WARNING,
        "Mistral is asked too often just now (429).",
        "Jobs wait for their turn; set MistralRequestsPerSecond to what your account allows.",
    ),
}


def mistral_url(aws: Aws, stack: Stack) -> str:
    """Return where the worker calls Mistral: as its function has it, else as it was deployed."""
    deployed = stack.parameters.get("MistralApiUrl", "")
    try:
        with aws_in_words("read the worker's settings"):
            worker = aws.client("lambda").get_function_configuration(
                FunctionName=stack.id_of("WorkerFunction")
            )
    except CliError:
        return deployed
    return str(worker.get("Environment", {}).get("Variables", {}).get("MISTRAL_API_URL", deployed))


def stored_key(aws: Aws, stack: Stack) -> str | None:
    """Return the key that is stored, None where none has been.

    Raises:
        CliError: AWS did not say.
    """
    arn = stack.output("MistralApiKeySecretArn")
    try:
        with aws_in_words("read the secret with Mistral's key"):
            found = aws.client("secretsmanager").get_secret_value(SecretId=arn)
    except RefusedError as error:
        if NO_VERSION in error.headline:
            return None
        raise
    key = str(found.get("SecretString", "")).strip()
    return None if key in {"", PLACEHOLDER} else key


def store_key(aws: Aws, stack: Stack, key: str) -> None:
    """Put a key where the worker looks for it.

    Raises:
        CliError: AWS did not take it.
    """
    arn = stack.output("MistralApiKeySecretArn")
    with aws_in_words("store Mistral's key in its secret"):
        aws.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=key)


def try_key(url: str, key: str, machine: Machine) -> Finding:
    """Ask Mistral for its models, which costs nothing, and say what that tells of the key."""
    if not KEY_SHAPE.fullmatch(key):
        text = "What is stored as Mistral's key has characters that no key has."
        return Finding(check=CHECK, state=State.FAILED, text=text, advice=REPLACE)
    caller = Caller(Settings(url, key, "the stack's MistralApiUrl"), machine)
    headers = {"Authorization": f"Bearer {key}"}
    try:
        # Not asked twice: what Mistral says at once is what there is to tell.
        call = Call(method="GET", url=f"{url}/v1/models", headers=headers, until=machine.ticks())
        status = caller.send(call).status_code
    except UnreachableError as error:
        text = f"{error.headline} The worker calls it from AWS, so that this may not matter."
        return Finding(check=CHECK, state=State.WARNING, text=text)
    finally:
        caller.close()
    if status == HTTPStatus.OK:
        return Finding(check=CHECK, state=State.OK, text=f"Mistral at {url} takes the key.")
    if status in VERDICTS:
        state, text, advice = VERDICTS[HTTPStatus(status)]
        return Finding(check=CHECK, state=state, text=text, advice=advice)
    text = f"Mistral at {url} answered {status}."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        advice = "Jobs wait and are tried again; see https://status.mistral.ai"
        return Finding(check=CHECK, state=State.WARNING, text=text, advice=advice)
    advice = "Check the parameter MistralApiUrl."
    return Finding(check=CHECK, state=State.FAILED, text=text, advice=advice)
