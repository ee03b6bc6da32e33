"""Rules about the email that tells of alarms: it arrives, and nobody else can send one."""

from tests.template.looking import every, properties_of, statements_of
from tests.template.rules import Faults, at, at_root, rule
from tools.template import Json, Template

MADE_FOR_AN_EMAIL = ("AlarmTopic", "AlarmSubscription", "AlarmTopicPolicy", "AlarmKey")
OUR_ALARMS = {
    "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
    "ArnLike": {
        "aws:SourceArn": {
            "Fn::Sub": "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}"
            ":alarm:${AWS::StackName}-*"
        }
    },
}
ALARMS = {"Service": "cloudwatch.amazonaws.com"}


@rule(
    *(at_root("Resources", name, "Condition").drop() for name in MADE_FOR_AN_EMAIL),
    at_root("Conditions", "HasAlarmEmail").put({"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}),
    at_root("Parameters", "AlarmEmail", "Default").put("somebody@example.com"),
    at_root("Parameters", "AlarmEmail", "AllowedPattern").drop(),
    at("AlarmSubscription", "Protocol").put("https"),
    at("AlarmSubscription", "Endpoint").put("somebody@example.com"),
    at("AlarmSubscription", "TopicArn").put({"Ref": "AlarmTopicArn"}),
)
def an_email_is_sent_to_whom_it_was_asked_for_and_costs_nobody_else(template: Template) -> Faults:
    subscription = {
        "TopicArn": {"Ref": "AlarmTopic"},
        "Protocol": "email",
        "Endpoint": {"Ref": "AlarmEmail"},
    }
    parameter = template["Parameters"]["AlarmEmail"]
    given = {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]}
    if properties_of(template, "AlarmSubscription") != subscription:
        yield f"AlarmSubscription: must be {subscription}"
    if parameter["Default"] or not parameter.get("AllowedPattern"):
        yield "AlarmEmail: must be empty, or look like an address"
    if template["Conditions"]["HasAlarmEmail"] != given:
        yield "HasAlarmEmail: is something else"
    for name in MADE_FOR_AN_EMAIL:
        if template["Resources"][name].get("Condition") != "HasAlarmEmail":
            yield f"{name}: is made and paid for without an email"


@rule(
    at("AlarmTopicPolicy", "PolicyDocument", "Statement", 0, "Effect").put("Allow"),
    at("AlarmTopicPolicy", "PolicyDocument", "Statement", 1, "Principal").put("*"),
    at("AlarmTopicPolicy", "PolicyDocument", "Statement", 1, "Condition").drop(),
    at("AlarmTopicPolicy", "PolicyDocument", "Statement", 1, "Action").put("sns:*"),
    at("AlarmTopicPolicy", "PolicyDocument", "Statement", 1).drop(),
    at("AlarmTopicPolicy", "Topics").put([{"Ref": "AlarmTopicArn"}]),
    at("WorkerErrorsAlarm", "AlarmName").put("worker-errors"),
)
def a_topic_of_ours_takes_what_our_alarms_say_and_nothing_else(template: Template) -> Faults:
    policy = properties_of(template, "AlarmTopicPolicy")
    refusing, allowing = (
        [it for it in statements_of(policy["PolicyDocument"]) if it.effect == effect]
        for effect in ("Deny", "Allow")
    )
    over_tls = {"Bool": {"aws:SecureTransport": "false"}}
    if policy["Topics"] != [{"Ref": "AlarmTopic"}]:
        yield "AlarmTopicPolicy: is for another topic"
    if [it.raw["Condition"] for it in refusing] != [over_tls]:
        yield "AlarmTopicPolicy: takes what comes without TLS"
    if [it.actions for it in allowing] != [("sns:Publish",)]:
        yield "AlarmTopicPolicy: allows too much, or nothing"
    for statement in allowing:
        yield from _not_for_our_alarms("AlarmTopicPolicy", statement.raw)
    for name, alarm in every(template, "AWS::CloudWatch::Alarm"):
        if "AlarmName" in alarm:
            yield f"{name}: has no name that begins with the stack's, as the policy asks"


@rule(
    at("AlarmTopic", "KmsMasterKeyId").drop(),
    at("AlarmTopic", "KmsMasterKeyId").put("alias/aws/sns"),
    at("AlarmKey", "EnableKeyRotation").put(value=False),
    at("AlarmKey", "KeyPolicy", "Statement", 0).drop(),
    at("AlarmKey", "KeyPolicy", "Statement", 1, "Action").put(["kms:Decrypt"]),
    at("AlarmKey", "KeyPolicy", "Statement", 1, "Condition").drop(),
    at("AlarmKey", "KeyPolicy", "Statement", 1, "Principal").put({"AWS": "*"}),
)
def alarms_are_encrypted_with_a_key_that_cloudwatch_may_use(template: Template) -> Faults:
    """Else they would be sent and never arrive: AWS's own key for SNS does not know CloudWatch."""
    key = properties_of(template, "AlarmKey")
    if properties_of(template, "AlarmTopic").get("KmsMasterKeyId") != {"Ref": "AlarmKey"}:
        yield "AlarmTopic: is not encrypted, or with a key that CloudWatch may not use"
    if key.get("EnableKeyRotation") is not True:
        yield "AlarmKey: is never changed"
    allowed = {
        str(it.raw["Principal"]): (it.actions, it.raw)
        for it in statements_of(key["KeyPolicy"])
        if it.effect == "Allow"
    }
    account = str({"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}})
    if allowed.keys() != {account, str(ALARMS)}:
        yield f"AlarmKey: is used by {sorted(allowed)}"
        return
    actions, statement = allowed[str(ALARMS)]
    if set(actions) != {"kms:Decrypt", "kms:GenerateDataKey*"}:
        yield f"AlarmKey: CloudWatch may {actions}"
    yield from _not_for_our_alarms("AlarmKey", statement)


def _not_for_our_alarms(name: str, statement: Json) -> Faults:
    if statement["Principal"] != ALARMS:
        yield f"{name}: allows {statement['Principal']}"
    if statement.get("Condition") != OUR_ALARMS:
        yield f"{name}: allows the alarms of others"
