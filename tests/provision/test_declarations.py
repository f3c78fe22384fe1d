"""Declarations of resources: what is read, what is refused, and that making them twice is making them once."""

import json

import pytest

from millrace import resources
from millrace.declared import DeclarationError, entries, entry
from millrace.kinds import Crawler, Job, Rule, Secret
from millrace.local import STATE
from millrace.provision import Provisioner
from millrace.resources import Names

NAMES = Names("mill", "123456789012", "eu-west-1")


def test_what_is_left_out_has_its_default_and_lists_become_tuples():
    (job,) = entries(Job, "x.yaml: jobs", {"load": {"description": "Load", "modules": ["a==1"], "workers": 3}})
    assert (job.name, job.kind, job.workers, job.modules, job.bookmarks) == ("load", "glueetl", 3, ("a==1",), False)
    assert entries(Job, "x.yaml: jobs", None) == ()


def test_what_is_nested_is_read_too():
    rule = entry(Rule, "r", {"description": "d", "targets": [{"function": "f", "input": {"a": 1}}]}, name="r")
    assert (rule.targets[0].function, rule.targets[0].input) == ("f", {"a": 1})


@pytest.mark.parametrize(
    ("kind", "declared", "message"),
    [
        (
            Job,
            {"a": {"description": "d", "worker_count": 2}},
            r"x\.a\.worker_count: unknown key; known are description,",
        ),
        (Job, {"a": {}}, r"x\.a\.description is missing; add it"),
        (Job, {"a": {"description": "d", "workers": "2"}}, r"x\.a\.workers: '2' is not a int"),
        (Job, {"a": {"description": "d", "workers": True}}, r"x\.a\.workers: True is not a int"),
        (Crawler, {"a": {"bucket": "raw", "paths": "p/"}}, r"x\.a\.paths: 'p/' is not a list; write \[one, two\]"),
        (Rule, {"a": {"description": "d", "targets": [{"fn": "f"}]}}, r"x\.a\.targets\[0\]\.fn: unknown key"),
        (Secret, ["a"], r"x: \['a'\] is not a mapping"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(kind, declared, message):
    with pytest.raises(DeclarationError, match=message):
        entries(kind, "x", declared)


def test_references_are_resolved_wherever_they_stand():
    declared = {"--to": "s3://${bucket:final}/x", "list": ["${prefix}", 1], "deep": {"where": "${account}/${region}"}}
    assert NAMES.resolve(declared) == {
        "--to": "s3://mill-final/x",
        "list": ["mill", 1],
        "deep": {"where": "123456789012/eu-west-1"},
    }


@pytest.mark.parametrize("text", ["${bucket:nowhere}", "${bucket}", "${acount}", "${account:x}"])
def test_a_reference_to_nothing_is_refused(text):
    with pytest.raises(DeclarationError, match="refers to nothing; known are"):
        NAMES.resolve(text)


def state(client):
    """All that provisioning made, without versions and times."""
    glue, events, lambda_ = client("glue"), client("events"), client("lambda")
    return {
        "functions": sorted(f["FunctionName"] + f["CodeSha256"] for f in lambda_.list_functions()["Functions"]),
        "layers": len(lambda_.list_layer_versions(LayerName="millrace-data")["LayerVersions"]),
        "jobs": [(j["Name"], j["Command"], j.get("DefaultArguments")) for j in glue.get_jobs()["Jobs"]],
        "crawlers": [(c["Name"], c["Targets"]) for c in glue.get_crawlers()["Crawlers"]],
        "tables": [t["Name"] for t in glue.get_tables(DatabaseName="signups")["TableList"]],
        "rules": [
            (r["Name"], r["State"], json.loads(r.get("EventPattern", "{}"))) for r in events.list_rules()["Rules"]
        ],
        "targets": events.list_targets_by_rule(Rule="signups_cleaned")["Targets"],
        "key": client("secretsmanager").get_secret_value(SecretId="millrace/pii-key")["SecretString"],
        "data_sets": [
            d["DataSetId"] for d in client("quicksight").list_data_sets(AwsAccountId="123456789012")["DataSetSummaries"]
        ],
    }


def test_provisioning_again_changes_nothing(client):
    provisioner = Provisioner(client, "millrace", STATE / "packages")
    provisioner.common()
    provisioner.pipeline("signups")
    first = state(client)
    assert {"signups-by-date", "signups-by-status"} <= set(first["data_sets"])
    assert len(first["key"]) == 64
    provisioner.common()
    provisioner.pipeline("signups")
    assert state(client) == first
    (target,) = first["targets"]
    assert json.loads(target["InputTransformer"]["InputTemplate"]) == {"crawler": "signups", "time": "<time>"}
    assert target["InputTransformer"]["InputPathsMap"] == {"time": "$.time"}
    provisioner.pipeline("signups", listens=False)
    assert {rule[1] for rule in state(client)["rules"] if rule[0].startswith("signups")} == {"DISABLED"}


@pytest.mark.parametrize("slug", resources.slugs())
def test_every_declaration_is_whole(slug):
    """What a pipeline refers to is there: functions, buckets, queries, scripts."""
    declared, common = resources.pipeline(slug), resources.common()
    functions = {function.name for function in (*common.functions, *declared.functions)}
    buckets = {bucket.name for bucket in common.buckets}
    secrets = {secret.name for secret in (*common.secrets, *declared.secrets)}
    targets = [target for rule in declared.rules for target in rule.targets]
    assert {target.function for target in targets if target.function} <= functions
    assert {target.queue for target in targets if target.queue} <= {queue.name for queue in declared.queues}
    assert all((target.function is None) != (target.queue is None) for target in targets)
    for each in (*declared.jobs, *declared.functions, *common.functions):
        assert {*each.reads, *each.writes} <= buckets and set(each.secrets) <= secrets
    for job in declared.jobs:
        assert (resources.ROOT / "glue" / f"{job.script or job.name}.py").is_file()
        NAMES.resolve(job.arguments)
    for crawler in declared.crawlers:
        assert crawler.bucket in buckets and bool(crawler.paths) != (crawler.tables == "raw")
