"""``relay doctor``: what is wrong with a deployment, and what to do about it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

from cyclopts import Parameter

from tools.cli.api_checks import check_api, check_key
from tools.cli.aws import AWS_DEFAULTS, Aws, AwsOptions
from tools.cli.aws_stack import NoStackError, Stack, read_stack
from tools.cli.errors import CliError, Exit, UsageError
from tools.cli.findings import Finding, State, print_findings
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.saved_settings import is_open_to_others, read_saved, saved_path
from tools.cli.settings import Settings, checked_settings, find_settings

ROLLED_BACK = "UPDATE_ROLLBACK_COMPLETE"


def doctor(
    *,
    stack_name: str | None = None,
    api_url: str | None = None,
    aws: AwsOptions = AWS_DEFAULTS,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Check a deployment, one line for each check: ok, warning, failed or cannot tell.

    Without a stack's name, given here or saved by relay init, only what HTTP shows is checked.
    Whatever your AWS credentials may not read is told, and is no failure. Nothing is changed.

    Example: relay doctor --stack-name mistral-relay --region eu-west-1

    Args:
        stack_name: The stack to look into. [default: what relay init saved]
        api_url: Where the API answers. [default: as saved by relay init, else the stack's output
            ApiUrl, else as in the settings]
        aws: Where in AWS the stack is.
        json: Print the checks as one JSON array, and nothing else, on standard output.
        machine: Where this runs.
    """
    output = Output(machine)
    examination = Examination(machine, api_url)
    name, options = examination.place(stack_name, aws)
    if name is None and not json:
        output.note("Only what HTTP shows is checked; --stack-name looks into AWS as well.")
    found = examination.findings(name, options)
    return print_findings(output, found, is_json=json)


class Examination:
    """One look at a deployment."""

    def __init__(self, machine: Machine, api_url: str | None) -> None:
        self._machine = machine
        self._api_url = api_url
        self._path = saved_path(machine.environment)
        self._saved = read_saved(self._path) if self._path else None
        self._trouble: UsageError | None = None
        self._keys: list[Settings] = []
        for for_admin in (False, True):
            self._find_key(for_admin=for_admin)

    def place(self, stack_name: str | None, aws: AwsOptions) -> tuple[str | None, AwsOptions]:
        """Return the stack's name and where it is: as given, else as saved with the settings."""
        is_saved = bool(self._keys) and self._keys[0].source == str(self._path)
        if stack_name or self._api_url or not is_saved or self._saved is None:
            return stack_name, aws
        region = aws.region or self._saved.region or None
        return self._saved.stack_name or None, replace(aws, region=region)

    def findings(self, stack_name: str | None, options: AwsOptions) -> Iterator[Finding]:
        """Yield what each check found, as soon as it is known.

        Raises:
            UsageError: There is nothing to check.
        """
        cloud = Aws(self._machine, options)
        stack = None
        if stack_name:
            finding, stack = _look_at_stack(cloud, stack_name)
            yield finding
        address = self._address(stack)
        if address is not None:
            yield from check_api(address, self._machine)
        yield from self._look_at_settings(address)
        if stack is not None:
            from tools.cli.aws_checks import Deployed, check_all  # noqa: PLC0415 - imports botocore

            yield from check_all(Deployed(aws=cloud, stack=stack, machine=self._machine))

    def _find_key(self, *, for_admin: bool) -> None:
        try:
            found = find_settings(
                self._machine.environment, self._machine.folder, for_admin=for_admin
            )
        except UsageError as error:
            self._trouble = self._trouble or error
            return
        if found.api_key not in [one.api_key for one in self._keys]:
            self._keys.append(found)

    def _address(self, stack: Stack | None) -> Settings | None:
        """Return where the API is, without a key; None where the stack does not say.

        Raises:
            UsageError: Nobody says.
        """
        if self._api_url:
            url, source = self._api_url, "--api-url"
        elif stack is not None and self._saved is not None and self._is_saved(stack):
            url, source = self._saved.api_url, str(self._path)
        elif stack is not None:
            url, source = stack.outputs.get("ApiUrl", ""), "the stack's output ApiUrl"
        elif self._keys:
            url, source = self._keys[0].api_url, self._keys[0].source
        elif self._trouble is not None:
            raise self._trouble
        else:
            return None
        return replace(checked_settings(url, "none", source=source), api_key="") if url else None

    def _is_saved(self, stack: Stack) -> bool:
        """Tell whether relay init was told of an address that the stack itself does not know."""
        saved = self._saved
        return saved is not None and (saved.stack_name, saved.region) == (stack.name, stack.region)

    def _look_at_settings(self, address: Settings | None) -> Iterator[Finding]:
        if self._trouble is not None and not self._keys:
            yield Finding.of("settings", self._trouble, State.CANNOT_TELL)
        for number, settings in enumerate(self._keys):
            if number == 0:
                yield self._about_settings(settings)
            if address is None:
                continue
            if settings.is_at(address.api_url):
                yield check_key(settings, self._machine, "admin key" if number else "key")
            else:
                text = f"The settings from {settings.source} are for {settings.api_url}."
                advice = "No key is sent elsewhere. Run relay init for this deployment."
                yield Finding(check="key", state=State.CANNOT_TELL, text=text, advice=advice)
                return

    def _about_settings(self, settings: Settings) -> Finding:
        text = f"They come from {settings.source}."
        is_saved = settings.source == str(self._path)
        if is_saved and self._path is not None and is_open_to_others(self._path):
            text = f"Others on this machine may read the keys in {self._path}."
            advice = f"Run: chmod 600 {self._path}"
            return Finding(check="settings", state=State.WARNING, text=text, advice=advice)
        return Finding(check="settings", state=State.OK, text=text)


def _look_at_stack(cloud: Aws, name: str) -> tuple[Finding, Stack | None]:
    """Return how the stack is, and itself if there is something to look into."""
    try:
        stack = read_stack(cloud, name)
    except NoStackError as error:
        return Finding.of("stack", error), None
    except CliError as error:
        finding = Finding.of("stack", error, State.CANNOT_TELL)
        return replace(finding, advice=f"{finding.advice} Nothing in AWS is checked.".strip()), None
    text = f"{name} in {stack.region} is {stack.status}."
    if stack.is_busy:
        advice = "Wait until its deployment is over."
        finding = Finding(check="stack", state=State.WARNING, text=text, advice=advice)
    elif not stack.is_usable:
        advice = "See its events in the CloudFormation console, mend that, and deploy again."
        finding = Finding(check="stack", state=State.FAILED, text=text, advice=advice)
    elif stack.status == ROLLED_BACK:
        advice = "The last deployment failed, and the one before it is in force. See its events."
        finding = Finding(check="stack", state=State.WARNING, text=text, advice=advice)
    else:
        finding = Finding(check="stack", state=State.OK, text=text)
    return finding, stack
