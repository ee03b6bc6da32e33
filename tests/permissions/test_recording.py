"""The recorder knows what a call needs, and the evaluator what a policy says."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session

from tests.cloud import BUCKET, REGION, TABLE
from tests.permissions.names import Names
from tests.permissions.policies import Ask, Decision, decision
from tests.permissions.wired import PLACE
from tools.local.parts import RECORDING
from tools.recording.aws_calls import UNKNOWN, Need, Recorder, needs_of
from tools.recording.sitecustomize import FILE_VARIABLE, FUNCTION_VARIABLE

TABLE_ARN = f"arn:aws:dynamodb:{REGION}:123456789012:table/{TABLE}"
QUEUE_URL = f"https://sqs.{REGION}.amazonaws.com/210987654321/jobs"
QUEUE_ARN = f"arn:aws:sqs:{REGION}:210987654321:jobs"
OF_NOTHING = Names(template={"Resources": {}}, place=PLACE)
A_LINK = ("s3:GetObject", "arn:aws:s3:::b/k")
ASK = Ask(principal="a", action="sqs:SendMessage", resource=QUEUE_ARN, context={"k": "v"})


@pytest.mark.parametrize(
    ("service", "operation", "params", "expected"),
    [
        ("dynamodb", "Query", {"TableName": TABLE}, [("dynamodb:Query", TABLE_ARN)]),
        (
            "dynamodb",
            "Query",
            {"TableName": TABLE, "IndexName": "i"},
            [("dynamodb:Query", f"{TABLE_ARN}/index/i")],
        ),
        (
            "dynamodb",
            "BatchWriteItem",
            {"RequestItems": {TABLE: []}},
            [("dynamodb:BatchWriteItem", TABLE_ARN)],
        ),
        (
            "dynamodb",
            "TransactWriteItems",
            {"TransactItems": [{it: {"TableName": TABLE}} for it in ("Put", "ConditionCheck")]},
            [("dynamodb:PutItem", TABLE_ARN), ("dynamodb:ConditionCheckItem", TABLE_ARN)],
        ),
        (
            "s3",
            "DeleteObjects",
            {"Bucket": "b", "Delete": {"Objects": [{"Key": "k"}]}},
            [("s3:DeleteObject", "arn:aws:s3:::b/k")],
        ),
        ("s3", "ListObjectsV2", {"Bucket": "b"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
        (
            "sqs",
            "ChangeMessageVisibilityBatch",
            {"QueueUrl": QUEUE_URL},
            [("sqs:ChangeMessageVisibility", QUEUE_ARN)],
        ),
        (
            "events",
            "PutEvents",
            {"Entries": [{"EventBusName": "b"}]},
            [("events:PutEvents", f"arn:aws:events:{REGION}:123456789012:event-bus/b")],
        ),
        ("secretsmanager", "GetSecretValue", {"SecretId": "name"}, None),
        ("dynamodb", "ExecuteStatement", {"Statement": "SELECT"}, None),
        ("kms", "Decrypt", {}, None),
    ],
)
def test_a_call_needs_what_aws_checks(
    service: str, operation: str, params: dict[str, Any], expected: list[tuple[str, str]] | None
) -> None:
    needs = list(needs_of(service, operation, params, place=PLACE))

    assert needs == (expected or [Need(f"{service}:{operation}", UNKNOWN)])


@pytest.mark.usefixtures("cloud")
def test_links_and_objects_that_are_gone_are_noted_too() -> None:
    noted: list[Need] = []
    session = Session()
    Recorder(PLACE, noted.append).listen_to(session)
    s3: Any = session.create_client(
        "s3", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b"
    )

    s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "link"})
    with pytest.raises(ClientError):
        s3.get_object(Bucket=BUCKET, Key="gone")

    assert noted == [
        ("s3:GetObject", f"arn:aws:s3:::{BUCKET}/link"),
        ("s3:GetObject", f"arn:aws:s3:::{BUCKET}/gone"),
        ("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"),
    ]


SIGN_A_LINK_TWICE = f"""
import botocore.session
s3 = botocore.session.get_session().create_client(
    "s3", region_name="{REGION}", aws_access_key_id="a", aws_secret_access_key="b")
for _ in range(2):
    s3.generate_presigned_url("get_object", Params={{"Bucket": "b", "Key": "k"}})
"""


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({FUNCTION_VARIABLE: PLACE.arn("lambda", "function:api")}, [["api", *A_LINK]]),
        ({}, []),  # the local cloud itself
    ],
)
def test_a_function_of_the_local_stack_writes_down_what_it_needs(
    told: dict[str, str], expected: list[list[str]], tmp_path: Path
) -> None:
    file = tmp_path / "calls"
    file.touch()
    environment = {"PYTHONPATH": str(RECORDING), FILE_VARIABLE: str(file)} | told

    subprocess.run([sys.executable, "-c", SIGN_A_LINK_TWICE], env=environment, check=True)  # noqa: S603 - our own text

    assert [json.loads(line) for line in file.read_text().splitlines()] == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Decision.ALLOWED),
        ({"Effect": "Deny"}, Decision.DENIED),
        ({"Action": ["sqs:sendmessage"]}, Decision.ALLOWED),
        ({"Action": "sqs:Send"}, Decision.NOTHING),
        ({"Resource": "arn:aws:sqs:*"}, Decision.ALLOWED),
        ({"Resource": QUEUE_ARN + "2"}, Decision.NOTHING),
        ({"Principal": {"AWS": ["a"]}}, Decision.ALLOWED),
        ({"Principal": {"Service": "b"}}, Decision.NOTHING),
        ({"Condition": {"StringEquals": {"k": ["v", "w"]}}}, Decision.ALLOWED),
        ({"Condition": {"StringEquals": {"k": "w"}}}, Decision.NOTHING),
        ({"Condition": {"ArnLike": {"k": "*"}}}, Decision.ALLOWED),
        ({"Condition": {"ArnLike": {"another": "*"}}}, Decision.NOTHING),
        ({"Condition": {"Bool": {"k": "v"}, "ArnLike": {"k": "w"}}}, Decision.NOTHING),
    ],
)
def test_a_statement_speaks_of_what_it_names(changes: dict[str, Any], expected: Decision) -> None:
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"} | changes

    assert decision([statement], ASK, OF_NOTHING) is expected


def test_a_refusal_outweighs_any_leave() -> None:
    statements = [
        {"Effect": effect, "Action": "*", "Resource": "*"} for effect in ("Allow", "Deny", "Allow")
    ]

    assert decision(statements, ASK, OF_NOTHING) is Decision.DENIED


@pytest.mark.parametrize(
    "changes",
    [
        {"NotAction": "sqs:*"},
        {"Principal": {"Federated": "x"}},
        {"Condition": {"IpAddress": {"k": "v"}}},
        {"Resource": {"Fn::Select": [0, []]}},
    ],
)
def test_what_is_not_known_is_never_taken_for_leave(changes: dict[str, Any]) -> None:
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"} | changes

    with pytest.raises(LookupError):
        decision([statement], ASK, OF_NOTHING)
