"""All that Terraform would make, with every switch on: who may do what, and what is open that should not be."""

import ast
import json
import os
import re
import subprocess
import sys

import pytest

from millrace import contracts, costs, resources, wheels
from millrace.resources import ROOT
from tests.infra import access_page, checks
from tests.infra.conftest import SWITCHES, changed, mocked


@pytest.fixture(scope="module")
def terraform(terraform_in, tmp_path_factory):
    terraform = terraform_in(tmp_path_factory.mktemp("system"))
    terraform.init("-backend=false")
    return terraform


@pytest.fixture(scope="module")
def everything(terraform):
    return mocked(terraform)


@pytest.fixture(scope="module")
def by_folders(terraform):
    return mocked(terraform, off=["columns"])


def test_nothing_is_open_that_should_not_be(everything):
    assert checks.findings(everything) == []


@pytest.mark.whole
@pytest.mark.parametrize(
    ("module", "was", "becomes", "found"),
    [
        ("audit", "enable_logging                = true", "enable_logging = false", "enable_logging is off"),
        ("audit", 'starts_with = [for bucket in var.buckets : "${bucket.arn}/"]', 'starts_with = ["arn:aws:s3:::x/"]',
         "nobody sees who reads test-lake-raw"),
        ("private_bucket", "restrict_public_buckets = true", "restrict_public_buckets = false", "may be made public"),
        ("people", '"aws:MultiFactorAuthPresent" = "true"', '"aws:MultiFactorAuthPresent" = "false"', "second factor"),
        ("people", 'state       = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"', 'state = "DISABLED"',
         "break-glass can be used without anybody being told"),
        ("people", '"glue:StartCrawler", "glue:StopCrawler"', '"glue:*"', "the action glue:* has a wildcard"),
        ("emr", 'Resource = [for name in local.writes : "${var.buckets[name].arn}/*"]', 'Resource = ["*"]',
         "s3:PutObject on everything"),
        ("role", "var.account == null ? {} :", "true ? {} :", "for another account"),
        ("streams", "kms_master_key_id         = var.kms_key", "", "is not encrypted"),
        ("network", "referenced_security_group_id = aws_security_group.inside.id", 'cidr_ipv4 = "0.0.0.0/0"',
         "lets in more than a security group"),
    ],
)  # fmt: skip
def test_what_is_left_open_is_found(terraform, module, was, becomes, found):
    with changed(terraform, module, was, becomes):
        assert found in "; ".join(checks.findings(mocked(terraform)))


BY_THE_HOUR = {
    "aws_db_instance", "aws_eip", "aws_kinesis_stream", "aws_mwaa_environment", "aws_nat_gateway",
    "aws_redshiftserverless_workgroup", "aws_vpc_endpoint",
}  # fmt: skip
BY_THE_MONTH = {
    "KMS": "aws_kms_key",
    "Secrets Manager": "aws_secretsmanager_secret",
    "CloudWatch alarms": "aws_cloudwatch_metric_alarm",
    "CloudWatch dashboard": "aws_cloudwatch_dashboard",
}


def test_with_the_switches_off_there_is_what_the_page_on_cost_says_and_nothing_by_the_hour(terraform, everything):
    assert {resource["type"] for resource in everything} >= BY_THE_HOUR
    little = mocked(terraform, off=[switch for switch in SWITCHES if switch != "people"])
    assert not {resource["type"] for resource in little} & BY_THE_HOUR
    stands = {line.part: line.amount for switch, line in costs.standing() if switch == "always"}
    assert stands == {part: len(checks.of_type(little, kind)) for part, kind in BY_THE_MONTH.items()}


@pytest.mark.whole
def test_an_airflow_without_internet_has_no_way_there_and_must_be_brought_wheels(terraform, everything):
    with pytest.raises(AssertionError, match="no wheels are packed for it"):
        mocked(terraform, airflow="{ internet = false }")
    closed = mocked(terraform, airflow="{ internet = false }", requirements=wheels.FOUND_THERE)
    ways = {"aws_nat_gateway", "aws_internet_gateway", "aws_eip", "aws_route"}
    assert {resource["type"] for resource in everything} - {resource["type"] for resource in closed} == ways


def test_each_thing_that_is_declared_is_there(everything):
    wanted = {
        "aws_lambda_function": ("function_name", {f.name for f in resources.common().functions}),
        "aws_glue_job": ("name", set()),
        "aws_glue_crawler": ("name", set()),
        "aws_cloudwatch_event_rule": ("name", {r.name for r in resources.common().rules} | {"test-lake-break-glass"}),
        "aws_kinesis_stream": ("name", set()),
        "aws_kinesis_firehose_delivery_stream": ("name", set()),
        "aws_sqs_queue": ("name", set()),
        "aws_dynamodb_table": ("name", set()),
        "aws_glue_data_quality_ruleset": ("name", set()),
        "aws_quicksight_data_set": ("data_set_id", set()),
    }
    sections = ("functions", "jobs", "crawlers", "rules", "streams", "firehoses", "queues", "tables", "rulesets")
    for slug in resources.slugs():
        declared = resources.pipeline(slug)
        for (_, names), section in zip(wanted.values(), sections, strict=False):
            names |= {thing.name for thing in getattr(declared, section)}
        wanted["aws_quicksight_data_set"][1].update(data_set.id for data_set in declared.data_sets)
    told = {it["address"].partition(".aws_")[0] for it in checks.of_type(everything, "aws_s3_bucket_notification")}
    assert told == {f'module.lake.module.bucket["{it.name}"]' for it in resources.common().buckets if it.events}
    for kind, (attribute, names) in wanted.items():
        assert {thing["values"][attribute] for thing in checks.of_type(everything, kind)} == names, kind


def test_airflow_is_given_what_was_brought_in_its_newest_version(everything):
    (airflow,) = (each["values"] for each in checks.of_type(everything, "aws_mwaa_environment"))
    brought = {each["values"]["key"]: each["values"] for each in checks.of_type(everything, "aws_s3_object")}
    for kind, name in {
        "requirements": "requirements.txt",
        "plugins": "plugins.zip",
        "startup_script": "startup.sh",
    }.items():
        assert airflow[f"{kind}_s3_path"] == f"airflow/{name}"
        assert airflow[f"{kind}_s3_object_version"] == brought[f"airflow/{name}"]["version_id"]


def test_cloudformation_takes_each_dashboard(everything):
    stacks = checks.of_type(everything, "aws_cloudformation_stack")
    assert {stack["index"] for stack in stacks} == set(resources.slugs())
    assert all(len(stack["values"]["template_body"].encode()) <= 51_200 for stack in stacks)  # its limit


def test_the_start_up_script_lets_boto3_try_more_often():
    asks = "import boto3; print(boto3.client('athena', region_name='eu-west-1').meta.config.retries)"
    script = ROOT / "infra" / "modules" / "airflow" / "startup.sh"
    done = subprocess.run(
        ["sh", "-euc", '. "$0" >&2; exec "$1" -c "$2"', script, sys.executable, asks],
        env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ast.literal_eval(done.stdout) == {"mode": "standard", "total_max_attempts": 10}


def test_a_wildcard_is_explained_beside_it():
    there = re.compile(r"""(Resource|metrics|clusters)\s*= \["\*"\]""")  # a key's policy says "*" of itself, in no list
    for path in sorted((ROOT / "infra" / "modules").rglob("*.tf")):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if there.search(line):
                above = "\n".join(lines[max(0, number - 9) : number]).rpartition("Effect")
                near = [*above[0].splitlines()[-4:], *above[2].splitlines()] if above[1] else lines[number - 1 : number]
                assert any("#" in text for text in near), f"{path.relative_to(ROOT)}:{number + 1}: why a wildcard?"


def test_the_columns_that_contracts_call_personal_are_tagged_and_no_others(everything):
    tagged = {}
    for tag in checks.of_type(everything, "aws_lakeformation_resource_lf_tags"):
        for table in tag["values"]["table_with_columns"]:
            for column in table["column_names"]:
                kind = tag["values"]["lf_tag"][0]["value"]
                tagged[table["database_name"], table["name"], column] = kind
    wanted = {
        (slug, contract.table, column.name): "pseudonym" if column.pii == "pseudonym" else "personal"
        for slug in resources.slugs()
        for contract in contracts.of_pipeline(slug).values()
        for column in contract.columns
        if contract.kind == "derived" and column.pii
    }
    assert wanted and tagged == wanted


def test_analysts_are_granted_no_personal_column(everything):
    granted = {
        permission["index"]: set(permission["values"]["lf_tag_policy"][0]["expression"][0]["values"])
        for permission in checks.of_type(everything, "aws_lakeformation_permissions")
        if permission["name"] == "columns"
    }
    assert granted == {"analyst": {"none", "pseudonym"}, "steward": {"none", "pseudonym", "personal"}}
    databases = [
        tag["values"]["lf_tag"][0]["value"]
        for tag in checks.of_type(everything, "aws_lakeformation_resource_lf_tags")
        if tag["name"] == "database"
    ]
    assert databases == ["personal"] * len(resources.slugs())  # closed is what nobody has looked at


def test_without_lake_formation_analysts_read_no_folder_with_a_personal_column(by_folders):
    (policy,) = (p for p in checks.of_type(by_folders, "aws_iam_role_policy") if p.get("index") == "analyst")
    readable = {
        place.removeprefix("arn:aws:s3:::test-lake-").removesuffix("*")
        for statement in checks.statements(policy)
        if "s3:GetObject" in statement["Action"]
        for place in statement["Resource"]
    }
    wanted = {
        contract.location
        for slug in resources.slugs()
        for contract in contracts.of_pipeline(slug).values()
        if contract.kind == "derived" and all(column.pii in (None, "pseudonym") for column in contract.columns)
    }
    assert readable == wanted | {"athena/people/analyst/"}


def test_sales_finds_its_database(everything):
    (database,) = checks.of_type(everything, "aws_db_instance")
    (connection,) = checks.of_type(everything, "aws_glue_connection")
    declared = resources.pipeline("sales").connections[0]
    properties = connection["values"]["connection_properties"]
    host = database["values"]["endpoint"]
    assert properties == {
        "JDBC_CONNECTION_URL": f"jdbc:mysql://{host}/{declared.database}",
        "SECRET_ID": declared.secret,
    }
    assert database["values"]["db_name"] == declared.database
    (inside,) = (g for g in checks.of_type(everything, "aws_security_group") if g["values"]["name"].endswith("-inside"))
    (requirements,) = connection["values"]["physical_connection_requirements"]
    assert requirements["security_group_id_list"] == [inside["values"]["id"]]
    (rule,) = (r for r in checks.of_type(everything, "aws_vpc_security_group_ingress_rule") if "source" in r["address"])
    assert rule["values"]["referenced_security_group_id"] == inside["values"]["id"]
    assert (rule["values"]["from_port"], rule["values"]["to_port"]) == (3306, 3306)
    own = [r for r in checks.of_type(everything, "aws_vpc_security_group_ingress_rule") if "network" in r["address"]]
    assert [r["values"]["referenced_security_group_id"] for r in own] == [inside["values"]["id"]]  # as Glue demands
    endpoints = {e["values"]["service_name"].split(".", 3)[3] for e in checks.of_type(everything, "aws_vpc_endpoint")}
    assert {"s3", "secretsmanager", "glue", "logs", "kms"} <= endpoints  # what the job asks from where it runs


def test_a_cluster_is_told_its_place_and_what_to_install(everything):
    (script,) = (o["values"] for o in checks.of_type(everything, "aws_s3_object") if "bootstrap" in o["address"])
    starts = next(f for f in checks.of_type(everything, "aws_lambda_function") if f["index"] == "start_emr")["values"]
    told = starts["environment"][0]["variables"]
    assert told["BOOTSTRAP"] == f"s3://{script['bucket']}/{script['key']}" and told["SUBNET"]
    checked = subprocess.run(["bash", "-n"], input=script["content"], text=True, capture_output=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    lock = (ROOT / "requirements.lock").read_text()
    pins = re.search(r"^modules=\((.*)\)$", script["content"], re.MULTILINE)[1].replace("'", "").split()
    assert {pin.partition("==")[0] for pin in pins} == {"boto3", "numpy", "pyarrow", "pyyaml"}
    assert all(f"\n{pin} " in lock for pin in pins)


def test_the_dashboard_shows_every_function_stream_and_alarm(everything):
    (dashboard,) = checks.of_type(everything, "aws_cloudwatch_dashboard")
    body = dashboard["values"]["dashboard_body"]
    assert json.loads(body)["widgets"][0]["type"] == "alarm"
    shown = {
        "aws_lambda_function": "function_name",
        "aws_kinesis_stream": "name",
        "aws_kinesis_firehose_delivery_stream": "name",
        "aws_cloudwatch_metric_alarm": "alarm_name",
        "aws_athena_workgroup": "name",
    }
    for kind, attribute in shown.items():
        for thing in checks.of_type(everything, kind):
            assert thing["values"][attribute] in body, (kind, thing["values"][attribute])


def test_datasync_brings_each_raw_table_to_where_its_contract_has_it(everything):
    places = {
        place["index"]: place["values"]["subdirectory"]
        for place in checks.of_type(everything, "aws_datasync_location_s3")
    }
    assert places == {
        f"retail_events/{contract.table}": f"/{contract.location.removeprefix('raw/')}"
        for contract in contracts.of_pipeline("retail_events").values()
        if contract.kind == "raw"
    }
    for task in checks.of_type(everything, "aws_datasync_task"):
        assert task["values"]["options"][0]["preserve_deleted_files"] == "PRESERVE"
        assert task["values"]["includes"][0]["value"] == f"/{task['index'].partition('/raw_')[2]}*"


def test_the_page_on_access_is_true(everything, by_folders):
    page = access_page.render(everything, by_folders)
    assert page == access_page.PAGE.read_text(), "python -m tests.infra.access_page writes it anew"
    assert "<!--" not in page
