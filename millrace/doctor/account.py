"""What an account has of what is declared: one check for each kind of thing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace import contracts, package, resources
from millrace.doctor import airflow, dashboards
from millrace.doctor.finding import Finding, missing, note, ok, there
from millrace.doctor.place import Place
from millrace.local import STATE

_BUILT = STATE / "packages"
Check = Callable[[Place], Iterator[Finding]]


def look(place: Place) -> Iterator[Finding]:
    """Look at each kind of thing; one that is switched off or cannot be looked at is a finding too."""
    for kind, check in CHECKS.items():
        switch = _SWITCHES.get(kind)
        if switch and switch not in place.parts:
            yield ok(kind, f"switched off (with.{switch})")
            continue
        try:
            yield from check(place)
        except (BotoCoreError, ClientError) as error:
            yield missing(kind, f"cannot be looked at: {error}", "may your role read it, and is AWS reached?")


def _buckets(place: Place) -> Iterator[Finding]:
    declared = {place.names.bucket(bucket.name): bucket for bucket in place.declared("buckets")}
    found = {bucket["Name"] for bucket in place.client("s3").list_buckets()["Buckets"]}
    yield from there("buckets", declared, found, place.make)
    for name in sorted(found & declared.keys()):
        told = place.client("s3").get_bucket_notification_configuration(Bucket=name)
        if declared[name].events and "EventBridgeConfiguration" not in told:
            yield missing(
                f"bucket {name}", "does not tell EventBridge what arrives, so no rule hears of it", place.make
            )


def _secrets(place: Place) -> Iterator[Finding]:
    declared = {secret.name: secret for secret in place.declared("secrets")}
    found = {secret["Name"] for secret in place.pages("secretsmanager", "list_secrets", "SecretList")}
    yield from there("secrets", declared, found, place.make)
    for name in sorted(found & declared.keys()):
        stages = place.client("secretsmanager").describe_secret(SecretId=name).get("VersionIdsToStages") or {}
        if any("AWSCURRENT" in names for names in stages.values()):
            continue
        if declared[name].generate:
            yield missing(f"secret {name}", "has no value, which is to be generated", place.make)
        else:
            put = f"aws secretsmanager put-secret-value --secret-id {name} --secret-string file://…"
            yield note(f"secret {name}", f"has no value yet ({declared[name].description})", put)


def _workgroup(place: Place) -> Iterator[Finding]:
    groups = place.client("athena").list_work_groups()["WorkGroups"]
    yield from there(
        "Athena's workgroup", [resources.common().workgroup.name], [group["Name"] for group in groups], place.make
    )


def _functions(place: Place) -> Iterator[Finding]:
    declared = {function.name: function for function in place.declared("functions")}
    found = {it["FunctionName"]: it for it in place.pages("lambda", "list_functions", "Functions")}
    yield from there("functions", declared, found, place.make)
    old = []
    for name in sorted(found.keys() & declared.keys()):
        code = package.build_function(name, _BUILT, place.target).read_bytes()
        if found[name]["CodeSha256"] != base64.b64encode(hashlib.sha256(code).digest()).decode():
            old.append(name)
    if old:
        yield note("functions", f"other code than this checkout's: {', '.join(old)}", place.make)
    for name in sorted(name for name in found.keys() & declared.keys() if declared[name].layers):
        if len(found[name].get("Layers", [])) != len(declared[name].layers):
            yield missing(f"function {name}", "lacks layers that it is declared to have", place.make)


def _mappings(place: Place) -> Iterator[Finding]:
    listed = place.pages("lambda", "list_event_source_mappings", "EventSourceMappings")
    found = {(_last(it.get("EventSourceArn", "")), _last(it["FunctionArn"])): it for it in listed}
    declared = {(mapping.stream, mapping.function): mapping.name for mapping in place.declared("mappings")}
    yield from there(
        "streams' functions", list(declared.values()), [declared[it] for it in declared if it in found], place.make
    )
    for key, name in declared.items():
        if key in found and found[key]["State"] not in ("Enabled", "Enabling", "Creating", "Updating"):
            yield note(f"mapping {name}", f"is {found[key]['State'].lower()}: the function gets no records")


def _catalog(place: Place) -> Iterator[Finding]:
    databases = [pipeline.database for pipeline in place.pipelines]
    found = {database["Name"] for database in place.pages("glue", "get_databases", "DatabaseList")}
    yield from there("Glue databases", databases, found, place.make)
    declared, tables = set(), set()
    for pipeline in place.pipelines:
        derived = [c.table for c in contracts.of_pipeline(pipeline.slug).values() if c.kind == "derived"]
        declared |= {f"{pipeline.database}.{table}" for table in derived}
        if pipeline.database in found:
            listed = place.pages("glue", "get_tables", "TableList", DatabaseName=pipeline.database)
            tables |= {f"{pipeline.database}.{table['Name']}" for table in listed}
    yield from there("derived tables", declared, tables, place.make)


def _crawlers(place: Place) -> Iterator[Finding]:
    declared = [crawler.name for crawler in place.declared("crawlers")]
    found = {crawler["Name"]: crawler for crawler in place.pages("glue", "get_crawlers", "Crawlers")}
    yield from there("crawlers", declared, found, place.make)
    lasts = {name: found[name].get("LastCrawl") or {} for name in sorted(found.keys() & set(declared))}
    if never := [name for name, last in lasts.items() if not last]:
        told = f"never run, so what they find is not in the catalog: {', '.join(never)}"
        yield note("crawlers", told, "a pipeline's first run does it: trigger its DAG")
    for name, last in lasts.items():
        if last.get("Status") == "FAILED":
            yield note(f"crawler {name}", f"failed the last time: {last.get('ErrorMessage')}", "docs/alerts.md")


def _jobs(place: Place) -> Iterator[Finding]:
    declared = {job.name: job for job in place.declared("jobs")}
    found = {job["Name"]: job for job in place.pages("glue", "get_jobs", "Jobs")}
    yield from there("Glue jobs", declared, found, place.make)
    wheel, old = package.build_wheel(_BUILT).name, []
    for name in sorted(found.keys() & declared.keys()):
        script = (resources.ROOT / "glue" / f"{declared[name].script or name}.py").read_bytes()
        same_script = hashlib.sha256(script).hexdigest()[:16] in found[name]["Command"]["ScriptLocation"]
        if not same_script or wheel not in found[name]["DefaultArguments"].get("--additional-python-modules", ""):
            old.append(name)
    if old:
        yield note("Glue jobs", f"other code than this checkout's: {', '.join(old)}", place.make)


def _topics(place: Place) -> Iterator[Finding]:
    declared = {topic.name: topic for topic in place.declared("topics")}
    arns = {_last(topic["TopicArn"]): topic["TopicArn"] for topic in place.pages("sns", "list_topics", "Topics")}
    yield from there("topics", declared, arns, place.make)
    for name in sorted(arns.keys() & declared.keys()):
        listed = place.pages("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=arns[name])
        waiting = sorted(it["Endpoint"] for it in listed if it["SubscriptionArn"] == "PendingConfirmation")
        if waiting:
            told = f"not confirmed yet: {', '.join(waiting)}"
            yield note(f"topic {name}", told, "each address gets a mail of AWS with a link; alerts reach it after that")


def _rules(place: Place) -> Iterator[Finding]:
    declared = [rule.name for rule in place.declared("rules")]
    found = {rule["Name"]: rule for rule in place.pages("events", "list_rules", "Rules")}
    yield from there("rules", declared, found, place.make)
    off = sorted(name for name in declared if name in found and found[name]["State"] == "DISABLED")
    if off:
        yield note("rules", f"disabled: {', '.join(off)}", "aws events enable-rule --name …")


def _alarms(place: Place) -> Iterator[Finding]:
    declared = [alarm.name for alarm in place.declared("alarms")]
    found = {it["AlarmName"]: it for it in place.pages("cloudwatch", "describe_alarms", "MetricAlarms")}
    yield from there("alarms", declared, found, place.make)
    for name in declared:
        if name in found and found[name]["StateValue"] == "ALARM":
            yield note(f"alarm {name}", f"alarms now: {found[name].get('AlarmDescription', '')}", "docs/alerts.md")


def _streams(place: Place) -> Iterator[Finding]:
    streams = place.pages("kinesis", "list_streams", "StreamNames")
    yield from there("streams", [it.name for it in place.declared("streams")], streams, place.make)


def _firehoses(place: Place) -> Iterator[Finding]:
    declared = [firehose.name for firehose in place.declared("firehoses")]
    client = place.client("firehose")
    found = []
    for name in declared:
        try:
            now = client.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
        except client.exceptions.ResourceNotFoundException:
            continue
        found.append(name)
        if now["DeliveryStreamStatus"] != "ACTIVE":
            yield note(f"delivery stream {name}", f"is {now['DeliveryStreamStatus']}")
    yield from there("delivery streams", declared, found, place.make)


def _queues(place: Place) -> Iterator[Finding]:
    urls = place.pages("sqs", "list_queues", "QueueUrls")
    names = [url.rpartition("/")[2] for url in urls]
    yield from there("queues", [queue.name for queue in place.declared("queues")], names, place.make)


def _tables(place: Place) -> Iterator[Finding]:
    tables = place.pages("dynamodb", "list_tables", "TableNames")
    yield from there("DynamoDB tables", [table.name for table in place.declared("tables")], tables, place.make)


def _connections(place: Place) -> Iterator[Finding]:
    found = [it["Name"] for it in place.pages("glue", "get_connections", "ConnectionList")]
    yield from there("connections", [it.name for it in place.declared("connections")], found, place.make)


def _rulesets(place: Place) -> Iterator[Finding]:
    listed: list[Any] = place.client("glue").list_data_quality_rulesets(MaxResults=100).get("Rulesets", [])
    names = [ruleset["Name"] for ruleset in listed]
    yield from there("data quality", [ruleset.name for ruleset in place.declared("rulesets")], names, place.make)


def _warehouses(place: Place) -> Iterator[Finding]:
    declared = [warehouse.name for warehouse in place.declared("warehouses")]
    found = {it["workgroupName"]: it for it in place.pages("redshift-serverless", "list_workgroups", "workgroups")}
    yield from there("Redshift's workgroups", declared, found, place.make)
    for name in declared:
        if name in found and found[name]["status"] != "AVAILABLE":
            yield note(f"workgroup {name}", f"is {found[name]['status']}")


def _source(place: Place) -> Iterator[Finding]:
    if "source" not in place.parts:
        return
    name = f"{place.names.prefix}-sales"
    found = {it["DBInstanceIdentifier"]: it for it in place.pages("rds", "describe_db_instances", "DBInstances")}
    yield from there("MySQL", [name], found, place.make)
    if name in found and found[name]["DBInstanceStatus"] != "available":
        yield note("MySQL", f"is {found[name]['DBInstanceStatus']}")


def _state(place: Place) -> Iterator[Finding]:
    if place.installation is not None:
        buckets = {bucket["Name"] for bucket in place.client("s3").list_buckets()["Buckets"]}
        yield from there("Terraform's state", [place.installation.state_bucket], buckets, place.make)


def _last(arn: str) -> str:
    """The name at an ARN's end."""
    return arn.rpartition(":")[2].rpartition("/")[2]


# What is there only if it is switched on.
_SWITCHES = {"streams": "stream", "mappings": "stream", "firehoses": "stream", "warehouses": "warehouse"}

# By the section of infra/resources/*.yaml; the last ones belong to an installation alone.
CHECKS: dict[str, Check] = {
    "buckets": _buckets,
    "secrets": _secrets,
    "workgroup": _workgroup,
    "functions": _functions,
    "database": _catalog,
    "crawlers": _crawlers,
    "connections": _connections,
    "jobs": _jobs,
    "rulesets": _rulesets,
    "rules": _rules,
    "topics": _topics,
    "alarms": _alarms,
    "streams": _streams,
    "mappings": _mappings,
    "queues": _queues,
    "tables": _tables,
    "firehoses": _firehoses,
    "warehouses": _warehouses,
    "data_sets": dashboards.look,
    "source": _source,
    "state": _state,
    "airflow": airflow.look,
}
