"""What must hold of all that Terraform would make: each check yields what it finds, in sentences.

They look at the resources of a state as ``terraform show -json`` has it, for everything at once with every switch on
(system.tftest.hcl).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Resource = Mapping[str, Any]

# They take no resource: AWS's service authorization reference has none for them.
_WITHOUT_RESOURCE = {
    "cloudtrail": "LookupEvents",
    "cloudwatch": "GetMetricData ListDashboards ListMetrics PutMetricData",
    "ec2": """
        DescribeAccountAttributes DescribeImages DescribeInstances DescribeInstanceStatus
        DescribeInstanceTypeOfferings DescribeLaunchTemplates DescribeNetworkAcls DescribeNetworkInterfaces
        DescribeRouteTables DescribeSecurityGroups DescribeSubnets DescribeVolumes DescribeVolumeStatus
        DescribeVpcEndpoints DescribeVpcs""",
    "elasticmapreduce": "ListClusters RunJobFlow",
    "glue": "GetCrawlerMetrics ListCrawlers ListJobs",
    "lakeformation": "GetDataAccess",
    "logs": "DescribeLogGroups",
    "redshift-data": "DescribeStatement GetStatementResult CancelStatement",
    "s3": "GetAccountPublicAccessBlock",
}
WITHOUT_RESOURCE = frozenset(
    f"{service}:{name}" for service, names in _WITHOUT_RESOURCE.items() for name in names.split()
)

# A resource may end in a wildcard where what it stands for has no name yet, or is one of ours by what is before it.
WITH_WILDCARD = re.compile(
    r"""arn:aws:(
        s3:::[a-z0-9-]+(/.+)?/\*                               # what is in a bucket or a folder
      | s3:::[a-z0-9-]+/.+/                                    # … whose name ends so
      | glue:[^:]+:\d+:table/[a-z0-9_]+/\*                     # a pipeline's tables
      | glue:[^:]+:\d+:dataQualityRuleset/\*                    # runs of rules, which are no one ruleset's
      | logs:[^:]+:\d+:log-group:[^:*]+(\*|:\*|\*:\*)          # a service's logs
      | ec2:[^:]+:\d*:[a-z-]+/\*                               # machines, disks and interfaces yet to be made
      | lambda:[^:]+:\d+:function:[^:*]+:\*                    # a function's versions
      | cloudwatch:[^:]*:\d+:(alarm:|dashboard/)\*             # looked at only
      | sqs:[^:]+:\*:airflow-celery-\*                         # MWAA's own queue, in an account of AWS
      | quicksight:[^:]+:\d+:(dataset/[^/]+/ingestion|dashboard)/\*
      | iam::\d+:role/[a-z0-9-]+-\*                            # the roles of the installation
    )""",
    re.VERBOSE,
)


def resources_of(module: Mapping[str, Any]) -> Iterator[Resource]:
    """A module's managed resources and those of the modules in it."""
    yield from (resource for resource in module.get("resources", []) if resource["mode"] == "managed")
    for child in module.get("child_modules", []):
        yield from resources_of(child)


def of_type(resources: Iterable[Resource], kind: str) -> list[Resource]:
    """Those of a type."""
    return [resource for resource in resources if resource["type"] == kind]


def many(value: Any) -> list[Any]:
    """A list of what IAM lets stand alone."""
    return value if isinstance(value, list) else [value]


def statements(resource: Resource, document: str = "policy") -> list[dict[str, Any]]:
    """The statements of a policy."""
    found: list[dict[str, Any]] = many(json.loads(resource["values"][document])["Statement"])
    return found


def wildcards(resources: Sequence[Resource]) -> Iterator[str]:
    """Roles that may do more than what is named."""
    for policy in of_type(resources, "aws_iam_role_policy"):
        for statement in statements(policy):
            actions, where = many(statement["Action"]), policy["address"]
            yield from (f"{where}: the action {action} has a wildcard" for action in actions if "*" in action)
            for resource in many(statement["Resource"]):
                if resource == "*":
                    wrong = sorted(set(actions) - WITHOUT_RESOURCE)
                    yield from (f"{where}: {action} on everything, though it takes a resource" for action in wrong)
                    continue
                wrong = sorted(set(actions) & WITHOUT_RESOURCE)
                yield from (f"{where}: {action} on {resource}, though it takes no resource" for action in wrong)
                if "*" in resource and not WITH_WILDCARD.fullmatch(resource):
                    yield f"{where}: {', '.join(actions)} on {resource}"


def trust(resources: Sequence[Resource]) -> Iterator[str]:
    """Roles that somebody else could take on."""
    for role in of_type(resources, "aws_iam_role"):
        for statement in statements(role, "assume_role_policy"):
            principal, condition = statement["Principal"], statement.get("Condition", {})
            if principal == "*" or "*" in many(principal.get("AWS", [])):
                yield f"{role['address']}: anybody may take it on"
            elif "Service" in principal:
                # EC2 starts a machine with a role that somebody was allowed to pass, and gives no account.
                services = many(principal["Service"])
                if services != ["ec2.amazonaws.com"] and "aws:SourceAccount" not in str(condition):
                    yield f"{role['address']}: {' and '.join(services)} may take it on for another account"
            elif condition.get("Bool", {}).get("aws:MultiFactorAuthPresent") != "true":
                yield f"{role['address']}: without a second factor"


def buckets(resources: Sequence[Resource]) -> Iterator[str]:
    """Buckets that are open, unencrypted, without versions or a life cycle, or reached without TLS."""
    there = {resource["address"]: resource["values"] for resource in resources}
    for bucket in of_type(resources, "aws_s3_bucket"):
        where = bucket["address"]

        def beside(kind: str, where: str = where) -> dict[str, Any]:
            found: dict[str, Any] = there.get(where.replace("aws_s3_bucket.", f"aws_s3_bucket_{kind}."), {})
            return found

        public = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
        if not all(beside("public_access_block").get(name) for name in public):
            yield f"{where} may be made public"
        if "aws:kms" not in json.dumps(beside("server_side_encryption_configuration")):
            yield f"{where} is not encrypted with a key of ours"
        if "Enabled" not in json.dumps(beside("versioning")):
            yield f"{where} keeps no versions"
        if "days_after_initiation" not in json.dumps(beside("lifecycle_configuration")):
            yield f"{where} keeps unfinished uploads for ever"
        policy = json.loads(beside("policy").get("policy", '{"Statement": []}'))
        denied = [s for s in policy["Statement"] if s["Effect"] == "Deny" and "aws:SecureTransport" in str(s)]
        if not denied or denied[0]["Condition"]["Bool"]["aws:SecureTransport"] != "false":
            yield f"{where} can be reached without TLS"


ENCRYPTED = {
    "aws_athena_workgroup": "kms_key_arn",
    "aws_cloudtrail": "kms_key_id",
    "aws_cloudwatch_log_group": "kms_key_id",
    "aws_db_instance": "kms_key_id",
    "aws_dynamodb_table": "kms_key_arn",
    "aws_kinesis_stream": "kms_key_id",
    "aws_lambda_function": "kms_key_arn",
    "aws_mwaa_environment": "kms_key",
    "aws_redshiftserverless_namespace": "kms_key_id",
    "aws_secretsmanager_secret": "kms_key_id",
    "aws_sns_topic": "kms_master_key_id",
    "aws_sqs_queue": "kms_master_key_id",
}


def encryption(resources: Sequence[Resource]) -> Iterator[str]:
    """What is kept under no key of ours, and keys that are not rotated."""
    for resource in resources:
        setting = ENCRYPTED.get(resource["type"])
        if setting and not re.search(rf'"{setting}": "arn:aws:kms:', json.dumps(resource["values"])):
            yield f"{resource['address']} is not encrypted with a key of ours"
    for key in of_type(resources, "aws_kms_key"):
        if not key["values"]["enable_key_rotation"]:
            yield f"{key['address']} is not rotated"


def audit(resources: Sequence[Resource]) -> Iterator[str]:
    """What is done without being written down."""
    trails = of_type(resources, "aws_cloudtrail")
    if not trails:
        yield "there is no trail"
    for trail in trails:
        values = trail["values"]
        for setting in ("enable_logging", "enable_log_file_validation", "is_multi_region_trail"):
            if not values[setting]:
                yield f"{trail['address']}: {setting} is off"
        watched = json.dumps(values["advanced_event_selector"])
        for bucket in of_type(resources, "aws_s3_bucket"):
            name = bucket["values"]["bucket"]
            if not bucket["address"].startswith("module.audit") and f"arn:aws:s3:::{name}/" not in watched:
                yield f"{trail['address']}: nobody sees who reads {name}"
        if "Management" not in watched:
            yield f"{trail['address']}: nobody sees what is done to the account"
    roles = [role for role in of_type(resources, "aws_iam_role") if role["values"]["name"].endswith("break-glass")]
    rules = [
        rule for rule in of_type(resources, "aws_cloudwatch_event_rule") if "break-glass" in rule["values"]["name"]
    ]
    if roles and not any(rule["values"]["state"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS" for rule in rules):
        yield "break-glass can be used without anybody being told"


def network(resources: Sequence[Resource]) -> Iterator[str]:
    """Ways in from outside."""
    for rule in of_type(resources, "aws_vpc_security_group_ingress_rule"):
        if not rule["values"]["referenced_security_group_id"]:
            yield f"{rule['address']} lets in more than a security group"
    for database in of_type(resources, "aws_db_instance"):
        if database["values"]["publicly_accessible"]:
            yield f"{database['address']} is on the internet"


CHECKS = (wildcards, trust, buckets, encryption, audit, network)


def findings(resources: Sequence[Resource]) -> list[str]:
    """What all checks find."""
    return [finding for check in CHECKS for finding in check(resources)]
