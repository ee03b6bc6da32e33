"""Whoever must come in does, and nobody else: by the policies of what they come to."""

import pytest

from tests.permissions.doors import faults_of_doors
from tests.permissions.mutations import without_one_of_a_door
from tests.permissions.names import Names
from tests.template.rules import Breakage, at
from tests.template.sent import REGION, sent_template
from tools.recording.aws_calls import Place
from tools.template import Template

NAMES = Names(template=sent_template(), place=Place(REGION, "123456789012"))
OF_THE_RULE = ("EventsQueuePolicy", "PolicyDocument", "Statement", 1)
OVER_TLS = ("QueuePolicy", "PolicyDocument", "Statement", 0)
GATEWAYS, SCHEDULES = "ApiFunctionAnythingElsePermission", "SweeperFunctionEveryMinutePermission"
AJAR = (
    at(*OF_THE_RULE, "Principal").put("*"),
    at(*OF_THE_RULE, "Principal").put({"Service": "sns.amazonaws.com"}),
    at(*OF_THE_RULE, "Condition", "ArnEquals", "aws:SourceArn").put("*"),
    at(*OF_THE_RULE, "Condition", "ArnEquals", "aws:SourceArn").put(
        {"Fn::GetAtt": ["EventBus", "Arn"]}
    ),
    at(*OF_THE_RULE, "Action").put("sqs:*"),
    at(*OF_THE_RULE, "Effect").put("Deny"),
    at(*OVER_TLS, "Effect").put("Allow"),
    at(*OVER_TLS, "Principal").put({"AWS": "1"}),
    at(*OVER_TLS, "Action").put("sqs:SendMessage"),
    at(*OVER_TLS, "Condition", "Bool", "aws:SecureTransport").put("true"),
    at("BucketPolicy", "PolicyDocument", "Statement", 0, "Action").put("s3:GetObject"),
    at("JobEventsRule", "Targets", 0, "Arn").put({"Fn::GetAtt": ["JobsQueue", "Arn"]}),
    at(GATEWAYS, "SourceArn").drop(),
    at(GATEWAYS, "Principal").put("*"),
    at(GATEWAYS, "Principal").put("events.amazonaws.com"),
    at(GATEWAYS, "FunctionName").put({"Ref": "WorkerFunction"}),
    at("HttpApiApiKeyAuthorizerPermission", "SourceArn").put("arn:aws:s3:::x"),
    at(SCHEDULES, "SourceArn").drop(),
    at(SCHEDULES, "SourceArn").put({"Fn::GetAtt": ["JobEventsRule", "Arn"]}),
    at(SCHEDULES, "Principal").put("apigateway.amazonaws.com"),
    at(SCHEDULES, "FunctionName").put({"Ref": "ApiFunction"}),
)
DROPPED = tuple(without_one_of_a_door(sent_template()))


def test_whoever_must_come_in_does_and_nobody_else(template: Template) -> None:
    assert list(faults_of_doors(template, NAMES)) == []


def test_every_policy_has_parts_that_can_be_dropped() -> None:
    assert len(DROPPED) >= 20


@pytest.mark.parametrize("breakage", DROPPED, ids=lambda breakage: breakage.name)
def test_each_part_of_a_policy_is_missed(breakage: Breakage, template: Template) -> None:
    assert next(faults_of_doors(breakage.of(template), NAMES), "") != ""


@pytest.mark.parametrize("breakage", AJAR, ids=lambda breakage: breakage.name)
def test_a_door_that_is_ajar_is_seen(breakage: Breakage, template: Template) -> None:
    assert next(faults_of_doors(breakage.of(template), NAMES), "") != ""
