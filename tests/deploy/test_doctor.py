"""The doctor on an embedded AWS from which things are taken away one by one, and on a machine that lacks some."""

import dataclasses
import functools
import io
import os
import socket
import subprocess

import boto3
import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from millrace import doctor, package, resources
from millrace.doctor import account, dashboards, machine, place
from millrace.doctor.finding import Level
from millrace.local import BUCKET_PREFIX, STATE
from millrace.provision import Provisioner
from millrace.screen import Screen

SLUGS = ["signups", "transactions"]  # sales needs a database
ACCOUNT = {"AwsAccountId": "123456789012"}


@pytest.fixture(scope="module")
def client(own):
    def make(service):
        return boto3.client(
            service,
            endpoint_url=own.endpoint,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    return make


@pytest.fixture(scope="module")
def provisioned(client):
    """An embedded AWS with some of the pipelines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resources, "slugs", lambda: SLUGS)
        for build in ("build_function", "build_wheel"):  # a source that is edited meanwhile would be other code
            patch.setattr(package, build, functools.cache(getattr(package, build)))
        provisioner = Provisioner(client, BUCKET_PREFIX, STATE / "packages")
        provisioner.common()
        for slug in SLUGS:
            provisioner.pipeline(slug)
        yield client


def look(client, section=None):
    """What the doctor finds, of one section or of all, by level."""
    with pytest.MonkeyPatch.context() as patch:
        if section:
            patch.setattr(account, "CHECKS", {section: account.CHECKS[section]})
        found = list(account.look(place.embedded(client)))
    return {level: {it.what: it for it in found if it.level is level} for level in Level}


def test_every_section_of_the_declarations_is_looked_at():
    declared = {field.name for kind in (resources.Pipeline, resources.Common) for field in dataclasses.fields(kind)}
    # The layers are looked at with the functions, QuickSight's parts with the data sets.
    assert declared - {"slug", "layers", "data_source", "reader"} - account.CHECKS.keys() == set()


def test_what_was_just_made_lacks_nothing(provisioned):
    found = look(provisioned)
    assert found[Level.MISSING] == {}
    assert found[Level.NOTE].keys() == {"crawlers"}
    assert "never run" in found[Level.NOTE]["crawlers"].detail
    assert found[Level.OK]["buckets"].detail == "all 6 there"


def taken_away(client, section):
    """Take one thing of a section away; what the doctor calls its kind, and its name."""
    glue, lambda_, quicksight = client("glue"), client("lambda"), client("quicksight")
    match section:
        case "buckets":
            client("s3").delete_bucket(Bucket="millrace-rejects")
            return "buckets", "millrace-rejects"
        case "secrets":
            client("secretsmanager").delete_secret(SecretId="millrace/pii-key", ForceDeleteWithoutRecovery=True)
            return "secrets", "millrace/pii-key"
        case "workgroup":
            client("athena").delete_work_group(WorkGroup="millrace")
            return "Athena's workgroup", "millrace"
        case "functions":
            lambda_.delete_function(FunctionName="start_job")
            return "functions", "start_job"
        case "mappings":
            (mapping,) = lambda_.list_event_source_mappings()["EventSourceMappings"]
            lambda_.delete_event_source_mapping(UUID=mapping["UUID"])
            return "streams' functions", resources.pipeline("transactions").mappings[0].name
        case "database":
            glue.delete_table(DatabaseName="transactions", Name="transactions_clean")
            return "derived tables", "transactions.transactions_clean"
        case "crawlers":
            glue.delete_crawler(Name="signups")
            return "crawlers", "signups"
        case "jobs":
            glue.delete_job(JobName="signups")
            return "Glue jobs", "signups"
        case "rules":
            for target in client("events").list_targets_by_rule(Rule="signups_cleaned")["Targets"]:
                client("events").remove_targets(Rule="signups_cleaned", Ids=[target["Id"]])
            client("events").delete_rule(Name="signups_cleaned")
            return "rules", "signups_cleaned"
        case "topics":
            client("sns").delete_topic(TopicArn="arn:aws:sns:us-east-1:123456789012:millrace-alerts")
            return "topics", "millrace-alerts"
        case "alarms":
            client("cloudwatch").delete_alarms(AlarmNames=["alerts_failing"])
            return "alarms", "alerts_failing"
        case "firehoses":
            (name, *_) = client("firehose").list_delivery_streams()["DeliveryStreamNames"]
            client("firehose").delete_delivery_stream(DeliveryStreamName=name)
            return "delivery streams", name
        case "streams":
            name = resources.pipeline("transactions").streams[0].name
            client("kinesis").delete_stream(StreamName=name, EnforceConsumerDeletion=True)
            return "streams", name
        case "queues":
            name = resources.pipeline("transactions").queues[0].name  # other tests of the session may have others
            client("sqs").delete_queue(QueueUrl=client("sqs").get_queue_url(QueueName=name)["QueueUrl"])
            return "queues", name
        case "tables":
            name = resources.pipeline("transactions").tables[0].name
            client("dynamodb").delete_table(TableName=name)
            return "DynamoDB tables", name
        case "warehouses":
            (name,) = (it["workgroupName"] for it in client("redshift-serverless").list_workgroups()["workgroups"])
            client("redshift-serverless").delete_workgroup(workgroupName=name)
            return "Redshift's workgroups", name
        case "data_sets":
            quicksight.delete_data_set(**ACCOUNT, DataSetId="signups-by-date")
            return "data sets", "signups-by-date"
    raise AssertionError(section)


TAKEN = [
    "mappings", "functions", "buckets", "secrets", "workgroup", "database", "crawlers", "jobs", "rules", "topics",
    "alarms", "firehoses", "streams", "queues", "tables", "warehouses", "data_sets",
]  # fmt: skip


@pytest.mark.parametrize("section", TAKEN)
def test_what_was_taken_away_is_missing_by_its_name(provisioned, section):
    kind, name = taken_away(provisioned, section)
    finding = look(provisioned, section)[Level.MISSING][kind]
    assert finding.detail.endswith(f"not there: {name}"), finding
    assert finding.mend.startswith("make up")


def test_other_code_is_told(provisioned):
    provisioned("lambda").update_function_code(
        FunctionName="publish", ZipFile=package.build_function("watch", STATE / "packages").read_bytes()
    )
    glue = provisioned("glue")
    job = glue.get_job(JobName="transactions")["Job"]
    command = {**job["Command"], "ScriptLocation": "s3://millrace-artifacts/glue/transactions-0123456789abcdef.py"}
    glue.update_job(JobName="transactions", JobUpdate={"Role": job["Role"], "Command": command})
    assert look(provisioned, "functions")[Level.NOTE]["functions"].detail.endswith("this checkout's: publish")
    assert "transactions" in look(provisioned, "jobs")[Level.NOTE]["Glue jobs"].detail


def test_a_secret_without_a_value_is_told(provisioned):
    secrets = provisioned("secretsmanager")
    secrets.create_secret(Name="millrace/pii-key")
    assert "has no value" in look(provisioned, "secrets")[Level.MISSING]["secret millrace/pii-key"].detail


def refusing(client, service, code):
    """A client of which each call of a service is refused."""

    class Refused:
        def __getattr__(self, name):
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, name)

    return lambda name: Refused() if name == service else client(name)


def test_what_may_not_be_looked_at_is_told_and_the_rest_is_looked_at(provisioned):
    found = look(refusing(provisioned, "sqs", "AccessDenied"))
    assert "AccessDenied" in found[Level.MISSING]["queues"].detail
    assert found[Level.OK]["Glue databases"]


def test_an_account_without_quicksight_is_told_to_subscribe(provisioned):
    seen = place.embedded(refusing(provisioned, "quicksight", "ResourceNotFoundException"))
    (finding,) = dashboards.look(seen)
    assert finding.level is Level.MISSING and finding.mend.startswith("sign up for QuickSight")
    (finding,) = dashboards.look(dataclasses.replace(seen, parts=frozenset()))
    assert (finding.level, finding.detail) == (Level.OK, "switched off (with.dashboard)")


def examined(monkeypatch, findings):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(machine, "look", lambda: findings)
    text = io.StringIO()
    return doctor.examine(None, Screen(Console(file=text))), text.getvalue()


def test_its_status_says_whether_something_needed_is_missing(monkeypatch):
    well = [doctor.finding.ok("a", "1"), doctor.finding.note("b", "2", "x")]
    assert examined(monkeypatch, well)[0] == 0
    status, text = examined(monkeypatch, [*well, doctor.finding.missing("c", "not there", "make it")])
    assert status == 1
    assert "✗ c: not there\n      → make it" in text and text.endswith("1 as they should be, 1 notes, 1 missing\n")


def test_the_target_looks_at_this_machine():
    environment = {key: value for key, value in os.environ.items() if key != "AWS_ENDPOINT_URL"}
    done = subprocess.run(["make", "doctor"], cwd=resources.ROOT, env=environment, capture_output=True, text=True)
    assert "this machine" in done.stdout and "✓ Python: 3.1" in done.stdout, done
    assert done.returncode == (2 if "✗" in done.stdout else 0), done  # make's own status for one that failed


def test_packages_that_are_not_as_locked_are_named(monkeypatch):
    locked = package.locked()
    monkeypatch.setattr(package, "locked", lambda: locked + "pyyaml==0.1\nno-such-thing==1\n")
    finding = machine._environment(machine.ROOT / ".venv")
    assert finding.level is Level.MISSING and finding.mend == "make setup"
    assert "2 of" in finding.detail and "no-such-thing not there" in finding.detail


def test_what_only_a_part_needs_is_a_note(monkeypatch):
    monkeypatch.setattr(machine.shutil, "which", lambda name, path=None: None)
    found = {finding.what: finding for finding in machine.look()}
    assert found["mariadbd"].level is Level.NOTE and "only the source of sales needs it" in found["mariadbd"].detail
    assert found["chromium"].mend == "apt-get install chromium"
    assert found["Python"].level is Level.OK


def test_a_port_that_is_in_use_is_told():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert machine._port(port, "Airflow").level is Level.NOTE
    assert machine._port(port, "Airflow").level is Level.OK
