"""Checks of a deployment by AWS's own APIs; each is a function of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from relay.adapters.dynamodb_circuit import DynamoDBCircuitStore
from relay.adapters.dynamodb_tenants import DynamoDBTenantStore
from relay.adapters.dynamodb_wheel import DynamoDBWheel
from relay.domain.errors import NotFoundError
from relay.domain.event import OPERATOR
from relay.domain.ids import TenantId
from relay.domain.wheel import begin_of
from tools.cli.aws import Aws, aws_in_words
from tools.cli.aws_meanings import CIRCUIT_ADVICE, DEAD_LETTERS, UNKNOWN_DEAD_LETTERS
from tools.cli.aws_stack import OUTPUTS, Stack
from tools.cli.errors import CliError
from tools.cli.findings import Finding, State
from tools.cli.machine import Machine
from tools.cli.mistral_key import CHECK as MISTRAL
from tools.cli.mistral_key import mistral_url, stored_key, try_key
from tools.cli.reports import WAITS

OLDEST_DUE = "OldestDue"
HEARTBEATS = timedelta(minutes=5)  # the sweeper tells each minute, CloudWatch a little later
LATE = timedelta(minutes=5)  # as OldestDueAlarm has it
YOUNG = timedelta(minutes=15)  # a deployment of which metrics may not be there yet
RUNS_WARNING = 100
RUNS_OF_NEW_ACCOUNTS = 10
ALARMS_PER_CALL = 100


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What the checks look at."""

    aws: Aws
    stack: Stack
    machine: Machine


type Check = Callable[[Deployed], Iterator[Finding]]


def check_outputs(it: Deployed) -> Iterator[Finding]:
    """Look whether the stack tells what its users need."""
    missing = [name for name in OUTPUTS if not it.stack.outputs.get(name)]
    if missing:
        text = f"The stack lacks {', '.join(missing)}."
        advice = "Deploy it again, or give the relay's own stack with --stack-name."
        yield Finding(check="outputs", state=State.FAILED, text=text, advice=advice)
    else:
        yield Finding(check="outputs", state=State.OK, text="All are there.")


def check_mistral(it: Deployed) -> Iterator[Finding]:
    """Look whether a key is stored, and show it to Mistral."""
    key = stored_key(it.aws, it.stack)
    if key is None:
        advice = f"Run relay init --stack-name {it.stack.name}"
        yield Finding(check=MISTRAL, state=State.FAILED, text="None is stored.", advice=advice)
    else:
        yield try_key(mistral_url(it.aws, it.stack), key, it.machine)


def check_circuit(it: Deployed) -> Iterator[Finding]:
    """Look whether jobs are held back because Mistral refuses the key or the account."""
    store = DynamoDBCircuitStore(it.aws.client("dynamodb"), it.stack.output("TableName"))
    with aws_in_words("read the circuit in the table"):
        circuit = store.get()
    if circuit.reason is None:
        text = "It is closed: jobs go to Mistral."
        yield Finding(check="circuit", state=State.OK, text=text)
        return
    since = f" since {circuit.changed_at:%Y-%m-%d %H:%M} UTC" if circuit.changed_at else ""
    text = f"It is open{since}, so that all jobs wait: {WAITS[circuit.reason]}."
    advice = CIRCUIT_ADVICE[circuit.reason]
    yield Finding(check="circuit", state=State.FAILED, text=text, advice=advice)


def check_wheel(it: Deployed) -> Iterator[Finding]:
    """Look whether what waits is looked at: by the sweeper's metric, else by its own notes."""
    late = _latest_metric(it)
    source = f"by the metric {OLDEST_DUE}"
    if late is None:
        late = _behind_in_table(it)
        source = f"by the table, for CloudWatch tells no {OLDEST_DUE}"
    if late is None:
        yield _about_no_sweep(is_young=it.machine.now() - it.stack.created_at < YOUNG)
    elif late > LATE:
        text = f"What must be looked at again waits for {late.total_seconds():.0f} s, {source}."
        advice = "See in the sweeper's log whether AWS refuses its calls or its time runs out."
        yield Finding(check="wheel", state=State.FAILED, text=text, advice=advice)
    else:
        text = f"It turns: {late.total_seconds():.0f} s behind, {source}."
        yield Finding(check="wheel", state=State.OK, text=text)


def check_mappings(it: Deployed) -> Iterator[Finding]:
    """Look whether every queue and the stream wake their functions."""
    mappings = list(it.stack.of_kind("AWS::Lambda::EventSourceMapping"))
    enabled = 0
    for logical_id, uuid in mappings:
        with aws_in_words("read event source mappings"):
            found = it.aws.client("lambda").get_event_source_mapping(UUID=uuid)
        state, result = str(found.get("State")), str(found.get("LastProcessingResult", ""))
        if state == "Enabled" and "PROBLEM" not in result:
            enabled += 1
            continue
        is_off = state in {"Disabled", "Disabling"}
        text = f"{logical_id} is {state}{f': {result}' if 'PROBLEM' in result else ''}."
        advice = "Enable it, or deploy again." if is_off else "Look again in a minute."
        kind = State.FAILED if is_off else State.WARNING
        yield Finding(check="event sources", state=kind, text=text, advice=advice)
    state = State.OK if mappings else State.CANNOT_TELL
    text = f"{enabled} of {len(mappings)} are enabled."
    yield Finding(check="event sources", state=state, text=text)


def check_dead_letters(it: Deployed) -> Iterator[Finding]:
    """Count what was given up."""
    queues = [
        (logical_id, url)
        for logical_id, url in it.stack.of_kind("AWS::SQS::Queue")
        if logical_id.endswith("DeadLetterQueue")
    ]
    for logical_id, url in queues:
        with aws_in_words(f"count the messages in {logical_id}"):
            counted = it.aws.client("sqs").get_queue_attributes(
                QueueUrl=url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesNotVisible",
                ],
            )["Attributes"]
        count = sum(int(number) for number in counted.values())
        if count == 0:
            text = f"{logical_id} is empty."
            yield Finding(check="dead letters", state=State.OK, text=text)
            continue
        state, meaning, advice = DEAD_LETTERS.get(logical_id, UNKNOWN_DEAD_LETTERS)
        text = f"{logical_id} holds {count}: {meaning}"
        yield Finding(check="dead letters", state=state, text=text, advice=advice)


def check_alarms(it: Deployed) -> Iterator[Finding]:
    """Look which alarms ring, and whether anybody would hear them."""
    names = dict(it.stack.of_kind("AWS::CloudWatch::Alarm"))
    found: list[dict[str, Any]] = []
    physical = list(names.values())
    for first in range(0, len(physical), ALARMS_PER_CALL):
        with aws_in_words("read the alarms"):
            found += it.aws.client("cloudwatch").describe_alarms(
                AlarmNames=physical[first : first + ALARMS_PER_CALL], MaxRecords=ALARMS_PER_CALL
            )["MetricAlarms"]
    if not found:
        text = f"CloudWatch knows none of the stack's {len(names)} alarms."
        yield Finding(check="alarms", state=State.CANNOT_TELL, text=text)
        return
    ringing = [one for one in found if one["StateValue"] == "ALARM"]
    for one in ringing:
        logical_id = next(key for key, name in names.items() if name == one["AlarmName"])
        text = f"{logical_id} is in ALARM."
        advice = f"{one.get('AlarmDescription', 'See what it watches')}."
        yield Finding(check="alarms", state=State.FAILED, text=text, advice=advice)
    heard = any(one.get("AlarmActions") for one in found)
    nobody = "" if heard else " Nobody is told when one rings: AlarmTopicArn is empty."
    text = f"{len(ringing)} of {len(found)} ring.{nobody}"
    yield Finding(check="alarms", state=State.OK, text=text)


def check_senders(it: Deployed) -> Iterator[Finding]:
    """Look whose jobs those are that come by the queue from senders that are mapped to nobody."""
    name = "DefaultSqsTenant"
    tenant = it.stack.parameters.get(name)
    if tenant is None:
        text = "The stack has no such parameter."
        yield Finding(check=name, state=State.CANNOT_TELL, text=text)
    elif tenant in {"", OPERATOR}:
        text = (
            "Senders on the submissions queue that are mapped to no tenant send for the operator."
            if tenant
            else "Senders on the submissions queue that are mapped to no tenant are refused."
        )
        yield Finding(check=name, state=State.OK, text=text)
    else:
        store = DynamoDBTenantStore(it.aws.client("dynamodb"), it.stack.output("TableName"))
        try:
            with aws_in_words("read tenants in the table"):
                found = store.get(TenantId(tenant))
        except NotFoundError:
            text = f"There is no tenant {tenant}, so that nobody sees what comes by the queue."
            advice = "Deploy with DefaultSqsTenant set to one of: relay tenants list"
            yield Finding(check=name, state=State.FAILED, text=text, advice=advice)
        else:
            text = f"Senders that are mapped to no tenant send for {found.name} ({found.id})."
            yield Finding(check=name, state=State.OK, text=text)


def check_concurrency(it: Deployed) -> Iterator[Finding]:
    """Look how many functions AWS runs at once in this account and region."""
    with aws_in_words("read Lambda's limits"):
        limit = int(
            it.aws.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
        )
    text = f"Lambda runs {limit} functions at once in this account and region."
    if limit >= RUNS_WARNING:
        yield Finding(check="concurrency", state=State.OK, text=text)
        return
    advice = (
        f"Ask for 1000 in Service Quotas (new accounts have {RUNS_OF_NEW_ACCOUNTS}), or lower"
        " WorkerConcurrency and DelivererConcurrency, so that the API is not starved."
    )
    yield Finding(check="concurrency", state=State.WARNING, text=text, advice=advice)


CHECKS: tuple[tuple[str, Check], ...] = (
    ("outputs", check_outputs),
    (MISTRAL, check_mistral),
    ("circuit", check_circuit),
    ("wheel", check_wheel),
    ("event sources", check_mappings),
    ("dead letters", check_dead_letters),
    ("alarms", check_alarms),
    ("DefaultSqsTenant", check_senders),
    ("concurrency", check_concurrency),
)


def check_all(it: Deployed) -> Iterator[Finding]:
    """Make every check; one that cannot be made says why, and holds up no other."""
    for name, check in CHECKS:
        try:
            yield from check(it)
        except CliError as error:
            yield Finding.of(name, error, State.CANNOT_TELL)


def _about_no_sweep(*, is_young: bool) -> Finding:
    if is_young:
        text = "It has not turned yet, and the deployment is young."
        advice = "Look again in two minutes."
        return Finding(check="wheel", state=State.WARNING, text=text, advice=advice)
    text = "It has never turned, so that nothing that waits is found."
    advice = "See whether the sweeper's schedule is enabled, and its log."
    return Finding(check="wheel", state=State.FAILED, text=text, advice=advice)


def _latest_metric(it: Deployed) -> timedelta | None:
    """Return what the sweeper told last, None where it told nothing or we may not hear it."""
    now = it.machine.now()
    try:
        with aws_in_words("read the metric OldestDue"):
            points = it.aws.client("cloudwatch").get_metric_statistics(
                Namespace=f"MistralRelay/{it.stack.name}",
                MetricName=OLDEST_DUE,
                StartTime=now - HEARTBEATS,
                EndTime=now,
                Period=60,
                Statistics=["Maximum"],
            )["Datapoints"]
    except CliError:
        return None
    if not points:
        return None
    return timedelta(seconds=max(points, key=lambda point: point["Timestamp"])["Maximum"])


def _behind_in_table(it: Deployed) -> timedelta | None:
    wheel = DynamoDBWheel(it.aws.client("dynamodb"), it.stack.output("TableName"))
    with aws_in_words("read in the table how far the wheel is swept"):
        positions = wheel.positions()
    if positions is None:
        return None
    oldest = min(position.minute for position in positions)
    return max(it.machine.now() - begin_of(oldest), timedelta())
