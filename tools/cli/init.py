"""``relay init``: from a stack that is deployed to the answer of a first job."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tools.cli.api_checks import check_api
from tools.cli.aws import AWS_DEFAULTS, Aws, AwsOptions
from tools.cli.aws_stack import STACK_NAME_DEFAULT, Stack, read_stack
from tools.cli.client import RelayClient
from tools.cli.errors import CliError, Exit, InterruptedCliError, RefusedError, UsageError
from tools.cli.findings import Finding, State, Steps
from tools.cli.follow import Follower, hold_seconds
from tools.cli.init_accounts import Accounts
from tools.cli.init_mistral import have_mistral_key
from tools.cli.job_view import JobView
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.reports import WAITS, status_line
from tools.cli.saved_settings import Saved, read_saved, saved_path
from tools.cli.settings import Settings, checked_settings, find_settings
from tools.cli.submission import encoded

FIRST_QUESTION = "Say hello in five words."
FIRST_TOKENS_MAX = 50
FIRST_JOB_SECONDS_MAX = 120  # a circuit that opened before the key was stored closes within two


@Parameter(name="*", group="Mistral's key")
@dataclass(frozen=True, kw_only=True)
class MistralOptions:
    """The key comes from MISTRAL_API_KEY, else it is asked for; never from the command line."""

    mistral_key_file: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    """A file with the key; - reads standard input."""

    replace_mistral_key: bool = False
    """Store a key although there is one."""


@Parameter(name="*", group="Accounts")
@dataclass(frozen=True, kw_only=True)
class AccountOptions:
    """What to make, where it is not there."""

    tenant: str = "default"
    """The name of the first tenant. [default: default]"""

    new_admin_key: bool = False
    """Make the operator another admin key where those that exist are not known here."""

    api_url: str | None = None
    """Where the API answers. [default: the stack's output ApiUrl]"""

    skip_job: bool = False
    """Run no first job."""


NO_MISTRAL_OPTIONS = MistralOptions()
NO_ACCOUNT_OPTIONS = AccountOptions()


def init(
    *,
    stack_name: str = STACK_NAME_DEFAULT,
    aws: AwsOptions = AWS_DEFAULTS,
    mistral: MistralOptions = NO_MISTRAL_OPTIONS,
    accounts: AccountOptions = NO_ACCOUNT_OPTIONS,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Make a deployed stack ready: Mistral's key, an admin key, a tenant, its key, a first job.

    Each step says what it did; run again, it says what is there already and goes on. The keys are
    saved where every command finds them: ~/.config/mistral-relay/config.json, or below
    XDG_CONFIG_HOME.

    Example: relay init --stack-name mistral-relay --region eu-west-1

    Args:
        stack_name: The name that sam deploy gave the stack. [default: mistral-relay]
        aws: Where in AWS it is.
        mistral: Where Mistral's key comes from.
        accounts: What to make.
        machine: Where this runs.
    """
    output = Output(machine)
    steps = Steps(output)
    try:
        path = _path(machine)
        cloud = Aws(machine, aws)
        stack = _ready_stack(cloud, stack_name, steps)
        saved = _saved_for(path, stack, accounts.api_url)
        answers = have_mistral_key(
            cloud,
            stack,
            machine,
            steps,
            file=mistral.mistral_key_file,
            replace=mistral.replace_mistral_key,
        )
        settings = _ready_accounts(
            Accounts(cloud, stack, machine, path, saved), accounts, machine, steps
        )
        steps.done(f"Address and keys are saved in {path}, which only you may read.")
        _tell_what_hides(settings, machine, steps)
        if accounts.skip_job:
            return steps.exit_code
        if not answers:
            text = "No first job is run, since Mistral would not answer it."
            steps.tell(Finding(check="job", state=State.CANNOT_TELL, text=text))
            return steps.exit_code
        steps.tell(_first_job(settings, machine))
    except CliError as error:
        steps.tell(Finding.of("", error))
        return error.exit_code
    if steps.exit_code is Exit.DONE:
        output.note('Ask something of your own with: relay submit "Why is the sky blue?" --wait')
        output.note("See whether all is well with: relay doctor")
    return steps.exit_code


def _path(machine: Machine) -> Path:
    path = saved_path(machine.environment)
    if path is None:
        raise UsageError(
            "There is no home folder to save the settings in.", advice=["Set XDG_CONFIG_HOME."]
        )
    return path


def _ready_stack(cloud: Aws, name: str, steps: Steps) -> Stack:
    stack = read_stack(cloud, name)
    where = f"The stack {name} in {stack.region}"
    if stack.is_busy:
        raise RefusedError(
            f"{where} is {stack.status}.",
            advice=["Wait until its deployment is over, and run this again."],
        )
    if not stack.is_usable:
        raise RefusedError(
            f"{where} is {stack.status}.",
            advice=["See its events in the CloudFormation console, mend that, and deploy again."],
        )
    steps.done(f"{where} is {stack.status}.")
    return stack


def _saved_for(path: Path, stack: Stack, api_url: str | None) -> Saved:
    """Return what is saved of this deployment, or the beginnings of it.

    Raises:
        UsageError: Another deployment's keys are there, and would be lost.
    """
    given = api_url or stack.output("ApiUrl")
    url = checked_settings(given, "none", source="the stack").api_url
    saved = read_saved(path)
    if saved is None:
        return Saved(api_url=url, stack_name=stack.name, region=stack.region)
    if saved.api_url.rstrip("/") != url:
        raise UsageError(
            f"{path} holds the keys of another deployment, {saved.api_url}",
            advice=["Move it away, or set XDG_CONFIG_HOME to another folder, and run this again."],
        )
    return saved


def _ready_accounts(
    accounts: Accounts, options: AccountOptions, machine: Machine, steps: Steps
) -> Settings:
    anybody = Settings(accounts.saved.api_url, "", "the stack")
    api = next(check_api(anybody, machine))
    if api.state is not State.OK:
        raise RefusedError(api.text, advice=[api.advice])
    steps.done(f"The API answers at {anybody.api_url}.")
    steps.done(accounts.have_admin_key(make_another=options.new_admin_key))
    steps.done(accounts.have_tenant(options.tenant))
    steps.done(accounts.have_tenant_key())
    saved = accounts.saved
    return checked_settings(saved.api_url, saved.api_key, source="relay init")


def _tell_what_hides(settings: Settings, machine: Machine, steps: Steps) -> None:
    """Warn where other commands will not see what was saved."""
    try:
        found = find_settings(machine.environment, machine.folder)
    except UsageError as error:
        steps.tell(Finding.of("settings", error, State.WARNING))
        return
    if (found.api_url, found.api_key) != (settings.api_url, settings.api_key):
        text = f"Here the settings from {found.source} come before those."
        advice = "Unset RELAY_API_URL and RELAY_API_KEY, or leave the local stack's folder."
        finding = Finding(check="settings", state=State.WARNING, text=text, advice=advice)
        steps.tell(finding)


def _first_job(settings: Settings, machine: Machine) -> Finding:
    """Ask one short question through the API, and return what came of it."""
    messages = [{"role": "user", "content": FIRST_QUESTION}]
    body = encoded({"body": {"messages": messages, "max_tokens": FIRST_TOKENS_MAX}})
    last: list[JobView] = []
    with RelayClient(settings, machine) as client:
        follower = Follower(client, machine, seconds=FIRST_JOB_SECONDS_MAX, notify=last.append)
        try:
            job = follower.first(
                lambda: client.submit(
                    body,
                    idempotency_key=machine.new_key(),
                    hold_seconds=hold_seconds(FIRST_JOB_SECONDS_MAX),
                )
            )
        except InterruptedCliError:
            raise
        except CliError as error:
            reason = last[-1].waiting_for if last else None
            why = f" It waits: {WAITS.get(reason, reason)}." if reason else ""
            finding = Finding.of("job", error)
            return Finding(
                check="job", state=State.FAILED, text=finding.text + why, advice=finding.advice
            )
    if job.has_failed:
        ended = job.part("error")
        text = f"The first job {job.id} {job.status}: {ended.get('code')}."
        advice = str(ended.get("hint") or f"See relay job {job.id}")
        return Finding(check="job", state=State.FAILED, text=text, advice=advice)
    answer = " ".join((job.text("output_text") or "").split())
    text = f"A first job was run: {status_line(job)}. Its answer: {answer}"
    return Finding(check="job", state=State.OK, text=text)
