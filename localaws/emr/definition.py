"""What RunJobFlow and AddJobFlowSteps accept, checked before anything begins."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Mapping
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, AwsError, NotSupported
from localaws.emr.submit import GLUE_CATALOG, SubmitError, read

Json = dict[str, Any]

MOST_STEPS = 256
LEAST_IDLE, MOST_IDLE = 60, 604_800  # seconds
ACTIONS = ("TERMINATE_JOB_FLOW", "TERMINATE_CLUSTER", "CANCEL_AND_WAIT", "CONTINUE")
_RUNNERS = ("command-runner.jar", "/var/lib/aws/emr/command-runner.jar")
_REFUSED = {
    "BootstrapActions": "nothing is installed on this machine; what a script needs goes with --py-files",
    "SecurityConfiguration": "nothing is encrypted or authenticated here",
    "KerberosAttributes": "nothing is authenticated here",
    "CustomAmiId": "there are no machines of EC2 here",
    "AmiVersion": "releases before 4.0 are not known; give ReleaseLabel",
    "SupportedProducts": "releases before 4.0 are not known; give Applications",
    "NewSupportedProducts": "releases before 4.0 are not known; give Applications",
    "SessionEnabled": "there are no interactive sessions",
}
_KEPT = (
    "LogUri", "ReleaseLabel", "ServiceRole", "AutoScalingRole", "ScaleDownBehavior", "EbsRootVolumeSize",
    "Configurations", "OSReleaseLabel",
)  # fmt: skip


def new_id(kind: str) -> str:
    """An id as EMR makes them: ``j-…`` or ``s-…``."""
    size = 13 if kind == "j" else 20
    return f"{kind}-{''.join(random.choices(string.ascii_uppercase + string.digits, k=size))}"


def invalid(message: str) -> AwsError:
    """EMR's error for what cannot be."""
    return AwsError("ValidationException", message)


def new_cluster(given: Mapping[str, Any]) -> Json:
    """The record of a cluster; raises AwsError."""
    for name, why in _REFUSED.items():
        if given.get(name):
            raise NotSupported(f"{name} is refused: {why}.")
    label = given.get("ReleaseLabel") or ""
    if not label.startswith("emr-"):
        raise invalid("The supplied release label is invalid: give ReleaseLabel, such as emr-7.5.0.")
    instances = given.get("Instances") or {}
    if (given.get("StepConcurrencyLevel") or 1) != 1:
        raise NotSupported("StepConcurrencyLevel above 1 is refused: the embedded AWS runs one step after another.")
    if len(given.get("Steps") or ()) > MOST_STEPS:
        raise invalid(f"A cluster may have {MOST_STEPS} steps that wait or run.")
    idle = (given.get("AutoTerminationPolicy") or {}).get("IdleTimeout")
    if idle is not None and not LEAST_IDLE <= idle <= MOST_IDLE:
        raise invalid(f"AutoTerminationPolicy.IdleTimeout must be from {LEAST_IDLE} to {MOST_IDLE} seconds.")
    applications = [{"Name": one["Name"]} for one in given.get("Applications") or ()]
    identifier = new_id("j")
    record: Json = {
        "Id": identifier,
        "Name": given["Name"],
        "ClusterArn": f"arn:aws:elasticmapreduce:{REGION}:{ACCOUNT_ID}:cluster/{identifier}",
        "Applications": applications,
        "AutoTerminate": not instances.get("KeepJobFlowAliveWhenNoSteps", False),
        "TerminationProtected": bool(instances.get("TerminationProtected", False)),
        "VisibleToAllUsers": bool(given.get("VisibleToAllUsers", True)),
        "Tags": {tag["Key"]: tag.get("Value", "") for tag in given.get("Tags") or ()},
        "IdleTimeout": idle,
        "StepConcurrencyLevel": 1,
        "NormalizedInstanceHours": 0,
        "InstanceCollectionType": "INSTANCE_FLEET" if instances.get("InstanceFleets") else "INSTANCE_GROUP",
        "Ec2InstanceAttributes": {
            "IamInstanceProfile": given.get("JobFlowRole", ""),
            **({"Ec2SubnetId": instances["Ec2SubnetId"]} if instances.get("Ec2SubnetId") else {}),
        },
        **{key: given[key] for key in _KEPT if given.get(key) is not None},
        "Status": {
            "State": "STARTING",
            "StateChangeReason": {},
            "Timeline": {"CreationDateTime": time.time()},
        },
        "Steps": [],
    }
    if record.get("LogUri"):
        record["LogUri"] = record["LogUri"].replace("s3n://", "s3://")
        if not record["LogUri"].startswith("s3://"):
            raise invalid("LogUri must be a place in S3, s3://bucket/prefix.")
    spark_properties(record)
    return record


def spark_properties(record: Mapping[str, Any]) -> dict[str, str]:
    """The Spark properties of a cluster's configurations; raises NotSupported for those of other programs."""
    properties: dict[str, str] = {}
    for one in record.get("Configurations") or ():
        name, given = one.get("Classification"), dict(one.get("Properties") or {})
        if name == "spark-defaults":
            properties |= given
        elif name in ("spark-hive-site", "hive-site") and set(given) == {"hive.metastore.client.factory.class"}:
            if given["hive.metastore.client.factory.class"] != GLUE_CATALOG:
                raise NotSupported(f"The metastore {given} is refused: the Glue catalog is known only.")
            properties["spark.hadoop.hive.metastore.client.factory.class"] = GLUE_CATALOG
        elif name == "spark" and set(given) <= {"maximizeResourceAllocation"}:
            continue
        else:
            raise NotSupported(
                f"The configuration {name} is refused: spark-defaults has an effect here, others have none."
            )
    return properties


def new_step(given: Mapping[str, Any], record: Mapping[str, Any]) -> Json:
    """The record of a step; raises AwsError for what is not a run of spark-submit."""
    work = given.get("HadoopJarStep") or {}
    args = list(work.get("Args") or ())
    if work.get("Jar") not in _RUNNERS or not args or args[0] != "spark-submit":
        what = f"{work.get('Jar')} {args[0] if args else ''}".strip()
        raise NotSupported(
            f"The step {given['Name']} ({what}) is refused: command-runner.jar with spark-submit is run only."
        )
    if work.get("MainClass") or work.get("Properties"):
        raise NotSupported(f"The step {given['Name']} is refused: MainClass and Properties have no effect here.")
    try:
        read(args[1:], spark_properties(record))
    except SubmitError as error:
        raise NotSupported(f"The step {given['Name']} is refused: {error}") from error
    action = given.get("ActionOnFailure") or "CONTINUE"
    if action not in ACTIONS:
        raise invalid(f"ActionOnFailure {action!r} is none of {', '.join(ACTIONS)}.")
    return {
        "Id": new_id("s"),
        "Name": given["Name"],
        "Config": {"Jar": work["Jar"], "Properties": {}, "Args": args},
        "ActionOnFailure": action,
        "Status": {"State": "PENDING", "StateChangeReason": {}, "Timeline": {"CreationDateTime": time.time()}},
    }
