"""Terraform's description of the system: well formed, least privileged, and the same as what is provisioned locally."""

import datetime as dt
import importlib
import json
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from millrace import resources, source_tables, sources
from millrace.local import BUCKET_PREFIX, STATE, Airflow, LocalAws
from millrace.provision import Provisioner, dashboards
from millrace.provision.account import Account
from millrace.screen import Screen
from millrace.sources import mysql
from tests.infra.conftest import OVERRIDE, Terraform, changed

SMALL = {
    "retraced": {"logins": 2_000},
    "retail_events": {"events": 2_000},
    "sales": {},
    "signups": {"rows": 500},
    "transactions": {"rows": 2_000, "last_day": dt.date(2025, 1, 10)},
}


@pytest.fixture(scope="module")
def plain(terraform_in, tmp_path_factory):
    terraform = terraform_in(tmp_path_factory.mktemp("plain"))
    terraform.init("-backend=false")
    return terraform


def test_it_is_formatted_and_valid(plain):
    plain("fmt", "-check", "-recursive", "-diff")
    plain("validate", "-no-color")


def test_its_own_tests_pass(plain):
    assert "0 failed" in plain("test", "-no-color").stdout


@pytest.mark.parametrize(
    ("file", "module", "was", "becomes"),
    [
        ("lake", "private_bucket", "restrict_public_buckets = true", "restrict_public_buckets = false"),
        ("lake", "private_bucket", 'sse_algorithm     = "aws:kms"', 'sse_algorithm     = "AES256"'),
        ("lake", "private_bucket", "kms_master_key_id = var.kms_key", ""),
        ("lake", "private_bucket", '"aws:SecureTransport" = "false"', '"aws:SecureTransport" = "true"'),
        ("lake", "private_bucket", "for_each = rule.value.tag[*]", "for_each = []"),
        ("lake", "lake", "enable_key_rotation     = true", "enable_key_rotation     = false"),
        ("functions", "functions", "[for b in function.writes :", "[for b in keys(var.buckets) :"),
        ("functions", "functions", "[for secret in function.secrets : var.secrets[secret]]", "values(var.secrets)"),
        ("functions", "functions", "retention_in_days = var.log_retention_days", "retention_in_days = 0"),
        ("warehouse", "warehouse", 'breach_action = "deactivate"', 'breach_action = "log"'),
        ("warehouse", "warehouse", "/${place.path}*", "/*"),
        ("warehouse", "warehouse", "publicly_accessible = false", "publicly_accessible = true"),
    ],
)
def test_its_own_tests_fail_where_something_is_left_open(plain, file, module, was, becomes):
    with changed(plain, module, was, becomes):
        plain("test", "-no-color", f"-filter=tests/{file}.tftest.hcl", ok=(1,))


@dataclass
class Applied:
    """What Terraform was applied to. source: the database that sales reads, or why there is none."""

    aws: LocalAws
    terraform: Terraform
    settings: list[str]
    source: mysql.Server | str

    def database(self):
        if isinstance(self.source, str):
            pytest.skip(self.source)
        return self.source


@pytest.fixture(scope="module")
def applied(terraform_in, settings, tmp_path_factory):
    """An embedded AWS on which Terraform made everything, and its source of sales, or why there is none."""
    folder = tmp_path_factory.mktemp("applied")
    terraform = terraform_in(folder)
    (terraform.folder / "provider_override.tf").write_text(OVERRIDE)
    terraform.init()
    with LocalAws(folder / "aws", folder / "aws.log") as aws:
        terraform.environment["AWS_ENDPOINT_URL"] = aws.endpoint
        try:
            source = mysql.create(aws.client("rds"), "sales")
            settings = [*settings, f'-var=source_hosts={{"sales_source":"{source.host}:{source.port}"}}']
        except mysql.LoadError as error:
            source = str(error)
        terraform("apply", "-no-color", "-auto-approve", "-parallelism=20", *settings)
        yield Applied(aws, terraform, settings, source)


def inventory(aws):
    """What there is, as far as it decides what a pipeline does."""
    functions, glue, events = (aws.client(name) for name in ("lambda", "glue", "events"))
    athena, quicksight, s3 = (aws.client(name) for name in ("athena", "quicksight", "s3"))
    account = {"AwsAccountId": "123456789012"}
    wanted = ("Description", "Handler", "MemorySize", "Timeout", "Runtime", "CodeSha256")
    found = {
        "buckets": {
            bucket["Name"]: "EventBridgeConfiguration"
            in s3.get_bucket_notification_configuration(Bucket=bucket["Name"])
            for bucket in s3.list_buckets()["Buckets"]
        },
        "secrets": sorted(secret["Name"] for secret in aws.client("secretsmanager").list_secrets()["SecretList"]),
        "functions": {
            function["FunctionName"]: {name: function[name] for name in wanted}
            | {
                "variables": function.get("Environment", {}).get("Variables", {}),
                "layers": len(function.get("Layers", [])),
            }
            for function in functions.list_functions()["Functions"]
        },
        "databases": {},
        "crawlers": {},
        "jobs": {},
        "rules": {},
        "data sets": {},
        "workgroup": athena.get_work_group(WorkGroup="millrace")["WorkGroup"]["Configuration"][
            "BytesScannedCutoffPerQuery"
        ],
    }
    for database in glue.get_databases()["DatabaseList"]:
        tables = glue.get_tables(DatabaseName=database["Name"])["TableList"]
        found["databases"][database["Name"]] = {
            table["Name"]: (
                table["StorageDescriptor"]["Location"],
                [(column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]],
                [(key["Name"], key["Type"]) for key in table["PartitionKeys"]],
            )
            for table in tables
        }
    for crawler in glue.get_crawlers()["Crawlers"]:
        found["crawlers"][crawler["Name"]] = (
            crawler["DatabaseName"],
            sorted((target["Path"], target.get("Exclusions", [])) for target in crawler["Targets"]["S3Targets"]),
            crawler.get("TablePrefix") or "",
            crawler["SchemaChangePolicy"],
            crawler["RecrawlPolicy"],
            json.loads(crawler["Configuration"]),
        )
    for job in glue.get_jobs()["Jobs"]:
        found["jobs"][job["Name"]] = (
            job["Description"],
            job["DefaultArguments"],
            job["Command"]["Name"],
            job["ExecutionProperty"],
            (job.get("Connections") or {}).get("Connections", []),
            job["Timeout"],
            job["MaxRetries"],
            job.get("NumberOfWorkers"),
        )
    for rule in events.list_rules()["Rules"]:
        targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        found["rules"][rule["Name"]] = (
            rule["State"],
            json.loads(rule.get("EventPattern", "null")),
            rule.get("ScheduleExpression"),
            sorted(((target["Arn"], _input(target)) for target in targets), key=str),
        )
    for summary in quicksight.list_data_sets(**account)["DataSetSummaries"]:
        data_set = quicksight.describe_data_set(**account, DataSetId=summary["DataSetId"])["DataSet"]
        (table,) = data_set["PhysicalTableMap"].values()
        columns = {column["Name"]: column["Type"] for column in table["CustomSql"]["Columns"]}
        found["data sets"][summary["DataSetId"]] = (data_set["Name"], table["CustomSql"]["SqlQuery"], columns)
    return found


def _input(target):
    """What a rule's target is given, however it is spaced."""
    transformer = target.get("InputTransformer", {})
    texts = target.get("Input", "null"), transformer.get("InputTemplate", "null")
    return [json.loads(text) for text in texts] + [transformer.get("InputPathsMap")]


@pytest.mark.whole
def test_terraform_and_local_provisioning_make_the_same(applied, tmp_path):
    applied.database()
    with LocalAws(tmp_path / "aws", tmp_path / "aws.log") as other:
        provisioner = Provisioner(other.client, BUCKET_PREFIX, STATE / "packages")
        provisioner.common()
        mysql.start(other.client, "sales")
        for slug in resources.slugs():
            provisioner.pipeline(slug)
        by_terraform, by_hand = inventory(applied.aws), inventory(other)
    for kind, things in by_terraform.items():
        assert things == by_hand[kind], kind


@pytest.fixture(scope="module")
def airflow(applied, tmp_path_factory):
    folder = tmp_path_factory.mktemp("airflow")
    with Airflow("retraced", applied.aws, folder / "home", folder / "airflow.log") as airflow:
        airflow.wait_ready()
        yield airflow


@pytest.mark.whole
@pytest.mark.parametrize("slug", resources.slugs())
def test_the_dag_runs_on_what_terraform_made(applied, airflow, slug, tmp_path):
    aws = applied.aws
    importlib.import_module(f"millrace.samples.{slug}").generate(tmp_path / "raw", **SMALL.get(slug, {}))
    with ExitStack() as stack:
        for rule in resources.pipeline(slug).rules:  # the DAG does it all; events would do the same at the same time
            aws.client("events").disable_rule(Name=rule.name)
            stack.callback(aws.client("events").enable_rule, Name=rule.name)
        if resources.pipeline(slug).source.kind == "mysql":
            database, date = applied.database(), "2024-05-31"
            content = {"host": database.host, "port": database.port, "username": database.user}
            aws.client("secretsmanager").put_secret_value(
                SecretId="millrace/sales-source", SecretString=json.dumps({**content, "password": database.password})
            )
            (dump,) = (tmp_path / "raw").glob("*.sql")
            database.load_dump(dump, mysql.connection_of(slug).database, source_tables.tables(slug))
        else:
            run = sources.Run(slug, aws, stack, tmp_path, tmp_path, Screen())
            made = sources.of(slug, tmp_path / "raw")
            made.prepare(run)
            date = made.bring(run).date
        dashboards.make_dashboard(Account(aws.client, BUCKET_PREFIX, STATE / "packages"), slug)
        events = []
        result = airflow.run({"dag": slug, "logical_date": f"{date}T06:00:00Z", "date": date}, events.append)
    assert result["result"] == "success", [event for event in events if "error" in event]


@pytest.mark.whole
def test_a_second_plan_finds_nothing_to_do_and_all_can_be_destroyed(applied):
    aws, terraform, settings = applied.aws, applied.terraform, applied.settings
    plan = terraform("plan", "-no-color", "-detailed-exitcode", *settings, ok=(0, 2))
    assert plan.returncode == 0, plan.stdout[-6000:]
    terraform("destroy", "-no-color", "-auto-approve", "-parallelism=20", *settings)
    assert not aws.client("s3").list_buckets()["Buckets"]
    assert not aws.client("lambda").list_functions()["Functions"] and not aws.client("glue").get_jobs()["Jobs"]
