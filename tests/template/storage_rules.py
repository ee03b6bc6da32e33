"""Rules about what is kept, and for how long."""

import json

from tests.template.looking import every, properties_of, statements_of, target
from tests.template.rules import Faults, at, at_root, rule
from tools.template import Template

SECRET = "AWS::SecretsManager::Secret"
PRECIOUS = ("Table", "Bucket", "WebhookMasterSecret")


@rule(
    at("Table", "BillingMode").put("PROVISIONED"),
    at("Table", "TimeToLiveSpecification", "AttributeName").put("expires"),
    at("Table", "TimeToLiveSpecification", "Enabled").put(value=False),
    at("Table", "StreamSpecification", "StreamViewType").put("NEW_IMAGE"),
    at("Table", "PointInTimeRecoverySpecification").drop(),
)
def the_table_scales_forgets_tells_and_can_be_restored(template: Template) -> Faults:
    expected = {
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
        "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    }
    for name, table in every(template, "AWS::DynamoDB::Table"):
        for key, value in expected.items():
            if table.get(key) != value:
                yield f"{name}: {key} is {table.get(key)}"


@rule(
    at("Bucket", "PublicAccessBlockConfiguration", "BlockPublicPolicy").put(value=False),
    at("Bucket", "PublicAccessBlockConfiguration", "RestrictPublicBuckets").drop(),
    at("Bucket", "OwnershipControls").drop(),
)
def a_bucket_is_never_public(template: Template) -> Faults:
    block = dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    for name, bucket in every(template, "AWS::S3::Bucket"):
        if bucket.get("PublicAccessBlockConfiguration") != block:
            yield f"{name}: may be public"
        if bucket.get("OwnershipControls") != {
            "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
        }:
            yield f"{name}: may hold what is not ours"


@rule(
    at_root("Resources", "BucketPolicy").drop(),
    at("BucketPolicy", "PolicyDocument", "Statement", 0, "Effect").put("Allow"),
    at("BucketPolicy", "PolicyDocument", "Statement", 0, "Resource").put(
        [{"Fn::GetAtt": ["Bucket", "Arn"]}]
    ),
    at("BucketPolicy", "PolicyDocument", "Statement", 0, "Condition").put({}),
)
def a_bucket_refuses_plain_transport(template: Template) -> Faults:
    refusing = {
        target(policy["Bucket"])
        for _, policy in every(template, "AWS::S3::BucketPolicy")
        for statement in statements_of(policy["PolicyDocument"])
        if statement.effect == "Deny"
        and statement.actions == ("s3:*",)
        and statement.raw["Principal"] == "*"
        and statement.raw["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        and {"Fn::Sub": "${Bucket.Arn}/*"} in statement.resources
        and {"Fn::GetAtt": ["Bucket", "Arn"]} in statement.resources
    }
    for name in dict(every(template, "AWS::S3::Bucket")).keys() - refusing:
        yield f"{name}: takes what comes without TLS"


@rule(
    at("Bucket", "LifecycleConfiguration").drop(),
    at("Bucket", "LifecycleConfiguration", "Rules", 0, "Status").put("Disabled"),
    at("Bucket", "LifecycleConfiguration", "Rules", 0, "ExpirationInDays").put(30),
    at("Bucket", "LifecycleConfiguration", "Rules", 0, "Prefix").put("results/"),
    at("Bucket", "VersioningConfiguration").put({"Status": "Enabled"}),
)
def objects_go_with_their_jobs(template: Template) -> Faults:
    for name, bucket in every(template, "AWS::S3::Bucket"):
        rules = bucket.get("LifecycleConfiguration", {}).get("Rules", [])
        expiring = [
            it
            for it in rules
            if it["Status"] == "Enabled"
            and it.get("ExpirationInDays") == {"Ref": "RetentionDays"}
            and it.keys() <= {"Id", "Status", "ExpirationInDays"}
        ]
        if not expiring:
            yield f"{name}: keeps objects for longer or shorter than their jobs"
        if "VersioningConfiguration" in bucket:
            yield f"{name}: keeps what was deleted"


@rule(
    at("MistralApiKey", "SecretString").put("a-real-key"),
    at("MistralApiKey", "SecretString").put({"Ref": "MistralApiKeyValue"}),
    at("WebhookMasterSecret", "SecretString").put("a-real-secret"),
    at("WebhookMasterSecret", "GenerateSecretString", "PasswordLength").put(31),
    at("WebhookMasterSecret", "GenerateSecretString").drop(),
    at_root("Parameters", "MistralKey").put({"Type": "String", "NoEcho": True}),
)
def no_secret_passes_through_the_template(template: Template) -> Faults:
    for name, secret in every(template, SECRET):
        generated = secret.get("GenerateSecretString", {}).get("PasswordLength", 0)
        if "SecretString" in secret and secret["SecretString"] != "unset":
            yield f"{name}: its value is in the template"
        if "SecretString" not in secret and generated < 32:
            yield f"{name}: is short"
    if "NoEcho" in json.dumps(template.get("Parameters", {})):
        yield "a parameter is a secret: it would pass through whoever deploys"


@rule(
    *(at_root("Resources", name, "DeletionPolicy").drop() for name in PRECIOUS),
    at_root("Resources", "Bucket", "DeletionPolicy").put("Retain"),
    at_root("Resources", "Table", "UpdateReplacePolicy").put("Delete"),
)
def what_cannot_be_made_again_outlives_the_stack(template: Template) -> Faults:
    """It goes with a stack that could not be created: nothing is in it, and it would be left."""
    for name in PRECIOUS:
        assert properties_of(template, name), f"{name} is not in the template"
        resource = template["Resources"][name]
        policies = (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
        if policies != ("RetainExceptOnCreate", "Retain"):
            yield f"{name}: has {policies}"


@rule(
    at("Table", "DeletionProtectionEnabled").drop(),
    at("Table", "DeletionProtectionEnabled").put(value=True),
    at("Table", "DeletionProtectionEnabled").put({"Fn::If": ["IsProd", False, True]}),
    at_root("Conditions", "IsProd").put({"Fn::Equals": [{"Ref": "Stage"}, "dev"]}),
    at_root("Parameters", "Stage", "Default").put("prod"),
    at_root("Parameters", "Stage", "AllowedValues").add("test"),
)
def production_is_protected_and_a_first_try_can_be_removed(template: Template) -> Faults:
    stage = template["Parameters"]["Stage"]
    if (stage["Default"], stage["AllowedValues"]) != ("dev", ["dev", "prod"]):
        yield "Stage: a first try is not dev"
    if template["Conditions"]["IsProd"] != {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}:
        yield "IsProd: is something else"
    for name, table in every(template, "AWS::DynamoDB::Table"):
        if table.get("DeletionProtectionEnabled") != {"Fn::If": ["IsProd", True, False]}:
            yield f"{name}: anybody may delete it in production, or nobody a first try"
