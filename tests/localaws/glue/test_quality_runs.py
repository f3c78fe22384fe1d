"""Rulesets evaluated over a table of the catalog, by the real engines: exact results, metrics and messages."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import pytest

RECENT = datetime.now(UTC).replace(tzinfo=None, microsecond=0) - timedelta(hours=5)
SALES = f"""
    CREATE TABLE dq.sales WITH (format = 'PARQUET', partitioned_by = ARRAY['region']) AS
    SELECT id, customer, code, CAST(amount AS decimal(12, 2)) AS amount, sold, seen, region FROM (VALUES
        (1, 'ann', 'A1', 10.5, DATE '2026-01-01', TIMESTAMP '{RECENT}', 'EU'),
        (2, 'bob', 'B22', 20.0, DATE '2026-01-02', TIMESTAMP '{RECENT}', 'EU'),
        (3, 'bob', '', NULL, DATE '2026-01-03', TIMESTAMP '{RECENT - timedelta(days=2)}', 'EU'),
        (4, NULL, '7', 40.0, DATE '2026-01-04', NULL, 'US'),
        (4, 'cy', 'C3', 29.5, DATE '2026-01-05', TIMESTAMP '{RECENT}', 'US')
    ) AS t (id, customer, code, amount, sold, seen, region)
"""


@pytest.fixture(scope="module")
def glue(client):
    athena = client("athena")
    client("s3").create_bucket(Bucket="dq-tables")

    def run(sql):
        started = athena.start_query_execution(
            QueryString=sql, ResultConfiguration={"OutputLocation": "s3://dq-tables/results/"}
        )["QueryExecutionId"]
        for _ in range(600):
            status = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
            if status["State"] in ("SUCCEEDED", "FAILED"):
                assert status["State"] == "SUCCEEDED", status
                return
            time.sleep(0.02)

    run("CREATE DATABASE dq")
    run(SALES)
    run("CREATE TABLE dq.customers AS SELECT * FROM (VALUES ('ann'), ('cy'), ('dee')) AS t (name)")
    run("CREATE TABLE dq.nothing AS SELECT 1 AS id WHERE false")
    return client("glue")


def source(table="sales", **options):
    return {
        "GlueTable": {"DatabaseName": "dq", "TableName": table, **({"AdditionalOptions": options} if options else {})}
    }


def ended(glue, run_id):
    for _ in range(1000):
        run = glue.get_data_quality_ruleset_evaluation_run(RunId=run_id)
        if run["Status"] not in ("STARTING", "RUNNING", "STOPPING"):
            return run
        time.sleep(0.02)
    raise AssertionError("the run did not end")


def evaluated(glue, rules, data=None, name="dq-rules", **more):
    """The result of a ruleset of these rules."""
    ruleset = "Rules = [" + ",\n".join(rules) + "]"
    glue.create_data_quality_ruleset(Name=name, Ruleset=ruleset)
    try:
        run_id = glue.start_data_quality_ruleset_evaluation_run(
            DataSource=data or source(), Role="quality", RulesetNames=[name], **more
        )["RunId"]
        run = ended(glue, run_id)
        assert run["Status"] == "SUCCEEDED", run
        return glue.get_data_quality_result(ResultId=run["ResultIds"][0])
    finally:
        glue.delete_data_quality_ruleset(Name=name)


OUTCOMES = [
    ("RowCount = 5", "PASS", {"Dataset.*.RowCount": 5.0}, None),
    ("RowCount between 5 and 9", "FAIL", {"Dataset.*.RowCount": 5.0}, "Value: 5.0 does not meet"),
    ("RowCount = 3 where \"region = 'EU'\"", "PASS", {"Dataset.*.RowCount": 3.0}, None),
    ("ColumnCount = 7", "PASS", {"Dataset.*.ColumnCount": 7.0}, None),
    ('ColumnExists "REGION"', "PASS", {}, None),
    ('ColumnExists "regon"', "FAIL", {}, "Input data does not include column regon!"),
    ('ColumnNamesMatchPattern "[a-z]+"', "PASS", {"Dataset.*.ColumnNamesPatternMatchRatio": 1.0}, None),
    ('IsComplete "id"', "PASS", {"Column.id.Completeness": 1.0}, None),
    ('IsComplete "amount"', "FAIL", {"Column.amount.Completeness": 0.8}, "Value: 0.8 does not meet"),
    ('Completeness "amount" >= 0.8', "PASS", {"Column.amount.Completeness": 0.8}, None),
    ('IsComplete "nowhere"', "FAIL", {}, "Input data does not include column nowhere!"),
    ('Uniqueness "id" > 0.5', "PASS", {"Column.id.Uniqueness": 0.6}, None),
    ('IsUnique "id"', "FAIL", {"Column.id.Uniqueness": 0.6}, "Value: 0.6"),
    ('IsUnique "id" "sold"', "PASS", {"Multicolumn.id,sold.Uniqueness": 1.0}, None),
    (
        'IsPrimaryKey "id" "customer"',
        "FAIL",
        {"Multicolumn.id,customer.Uniqueness": 1.0, "Column.id.Completeness": 1.0, "Column.customer.Completeness": 0.8},
        "Value: 0.8",
    ),
    ('UniqueValueRatio "customer" > 0.6', "PASS", {"Column.customer.UniqueValueRatio": 2 / 3}, None),
    ('DistinctValuesCount "customer" = 3', "PASS", {"Column.customer.DistinctValuesCount": 3.0}, None),
    ('Entropy "region" > 0.67', "PASS", {"Column.region.Entropy": pytest.approx(0.6730116670092565)}, None),
    ('Mean "amount" = 25', "PASS", {"Column.amount.Mean": 25.0}, None),
    ('Sum "amount" = 100', "PASS", {"Column.amount.Sum": 100.0}, None),
    (
        'StandardDeviation "amount" between 10.9 and 11',
        "PASS",
        {"Column.amount.StandardDeviation": pytest.approx(10.960155108391486)},
        None,
    ),
    ('Mean "customer" > 1', "ERROR", {}, "Mean is of numbers; the column customer is a string"),
    ('ColumnValues "id" > 0', "PASS", {"Column.id.Minimum": 1.0}, None),
    ('ColumnValues "id" <= 3', "FAIL", {"Column.id.Maximum": 4.0}, "Value: 4.0 does not meet"),
    ('ColumnValues "amount" > 1', "FAIL", {"Column.amount.Minimum": 10.5}, "Value: NULL does not meet"),
    ('ColumnValues "amount" > 11', "FAIL", {"Column.amount.Minimum": 10.5}, "Value: 10.5 does not meet"),
    ('ColumnValues "id" between 1 and 5', "FAIL", {"Column.id.ColumnValues.Compliance": 0.8}, "Value: 0.8"),
    ('ColumnValues "id" between 0 and 5', "PASS", {"Column.id.ColumnValues.Compliance": 1.0}, None),
    (
        'ColumnValues "amount" > 10.5 with threshold > 0.5',
        "PASS",
        {"Column.amount.ColumnValues.Compliance": 0.6},
        None,
    ),
    ('ColumnValues "region" in ["EU", "US"]', "PASS", {"Column.region.ColumnValues.Compliance": 1.0}, None),
    (
        'ColumnValues "customer" in ["ann", "bob", "cy"]',
        "FAIL",
        {"Column.customer.ColumnValues.Compliance": 0.8},
        "NULL",
    ),
    (
        'ColumnValues "customer" in ["ann", "bob", "cy", NULL]',
        "PASS",
        {"Column.customer.ColumnValues.Compliance": 1.0},
        None,
    ),
    ('ColumnValues "customer" != "dee"', "PASS", {"Column.customer.ColumnValues.Compliance": 1.0}, None),
    ('ColumnValues "customer" not in ["dee", NULL]', "FAIL", {"Column.customer.ColumnValues.Compliance": 0.8}, "NULL"),
    ('ColumnValues "code" = EMPTY with threshold = 0.2', "PASS", {"Column.code.ColumnValues.Compliance": 0.2}, None),
    (
        r'ColumnValues "code" matches "[A-Z]\d+" with threshold > 0.5',
        "PASS",
        {"Column.code.PatternMatch": 0.6},
        None,
    ),
    ('ColumnValues "sold" > "2025-12-31"', "PASS", {"Column.sold.ColumnValues.Compliance": 1.0}, None),
    ('ColumnValues "sold" < (now() + 90000 days)', "PASS", {"Column.sold.ColumnValues.Compliance": 1.0}, None),
    ('ColumnValues "customer" > 3', "ERROR", {}, "> is for numbers and dates; the column is a string"),
    (
        'ColumnLength "code" < 4',
        "PASS",
        {"Column.code.MaximumLength": 3.0, "Column.code.MinimumLength": 0.0},
        None,
    ),
    (
        'ColumnLength "code" between 0 and 3',
        "FAIL",
        {"Column.code.MaximumLength": 3.0, "Column.code.MinimumLength": 0.0},
        "Value: 3.0 does not meet the constraint requirement!",
    ),
    (
        'ColumnDataType "code" = "INTEGER" with threshold > 0.1',
        "PASS",
        {"Column.code.ColumnDataType.Compliance": 0.2},
        None,
    ),
    (
        'DataFreshness "seen" <= 24 hours',
        "FAIL",
        {"Column.seen.DataFreshness.Compliance": 0.6},
        "60.00 % of rows passed the threshold",
    ),
    (
        'DataFreshness "seen" between 1 hours and 1 days with threshold > 0.5',
        "PASS",
        {"Column.seen.DataFreshness.Compliance": 0.6},
        None,
    ),
    (
        'ReferentialIntegrity "customer" "people.name" >= 0.4',
        "PASS",
        {"Column.people.ReferentialIntegrity": 0.4},
        None,
    ),
    ('RowCountMatch "people" > 1', "PASS", {"Dataset.people.RowCountMatch": 5 / 3}, None),
    ('CustomSql "SELECT sum(amount) FROM primary" = 100', "PASS", {"Dataset.*.CustomSQL": 100.0}, None),
    (
        "CustomSql \"WITH eu AS (SELECT * FROM primary WHERE region = 'EU') SELECT count(*) FROM eu\" = 3",
        "PASS",
        {"Dataset.*.CustomSQL": 3.0},
        None,
    ),
    (
        'CustomSql "SELECT id FROM primary WHERE amount > 10" with threshold > 0.7',
        "PASS",
        {"Dataset.*.CustomSQL.Compliance": 0.8},
        None,
    ),
    ('CustomSql "SELECT count(*) FROM nowhere" > 0', "ERROR", {}, "nowhere"),
    ('CustomSql "SELECT id FROM primary" > 0', "ERROR", {}, "The statement gave 5 rows; it must give one."),
    (
        '(IsComplete "amount") or (IsComplete "id")',
        "PASS",
        {"Column.amount.Completeness": 0.8, "Column.id.Completeness": 1.0},
        None,
    ),
    (
        '(IsComplete "amount") and (IsUnique "id")',
        "FAIL",
        {"Column.amount.Completeness": 0.8, "Column.id.Uniqueness": 0.6},
        "Value: 0.8 does not meet the constraint requirement!; Value: 0.6 does not meet the constraint requirement!",
    ),
]


def test_every_rule_has_its_exact_outcome(glue):
    rules = [rule for rule, *_ in OUTCOMES]
    result = evaluated(glue, rules, AdditionalDataSources={"people": source("customers")})
    for (rule, outcome, metrics, message), shown in zip(OUTCOMES, result["RuleResults"], strict=True):
        assert (shown["Result"], shown["EvaluatedMetrics"]) == (outcome, metrics), shown
        assert (message or "") in shown.get("EvaluationMessage", ""), shown
        assert ("EvaluationMessage" in shown) == (outcome != "PASS")
        assert shown["Description"] == rule
    passed = sum(outcome == "PASS" for _, outcome, *_ in OUTCOMES)
    assert result["Score"] == pytest.approx(passed / len(OUTCOMES))
    assert result["AggregatedMetrics"]["TotalRulesPassed"] == passed


def test_one_bad_rule_does_not_spoil_the_others(glue):
    result = evaluated(glue, ["RowCount = 5", 'RowCount > 0 where "this is not SQL"', 'IsComplete "id"'])
    assert [each["Result"] for each in result["RuleResults"]] == ["PASS", "ERROR", "PASS"]


def test_only_the_partitions_that_were_asked_for_are_read(glue):
    for option in ("catalogPartitionPredicate", "pushDownPredicate"):
        result = evaluated(glue, ["RowCount = 2"], source(**{option: "region = 'US'"}))
        assert result["Score"] == 1.0


def test_rules_on_no_rows_fail(glue):
    result = evaluated(glue, ["RowCount = 0", 'IsComplete "id"', 'ColumnValues "id" > 0'], source("nothing"))
    assert [each["Result"] for each in result["RuleResults"]] == ["PASS", "FAIL", "FAIL"]
    assert "Empty state" in result["RuleResults"][1]["EvaluationMessage"]


def test_the_result_is_told_as_an_event(glue, client):
    sqs, events = client("sqs"), client("events")
    url = sqs.create_queue(QueueName="dq-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.glue-dataquality"], "detail": {"rulesetNames": ["dq-told"]}}
    events.put_rule(Name="dq-told", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="dq-told", Targets=[{"Id": "queue", "Arn": arn}])
    result = evaluated(glue, ["RowCount = 5", 'IsComplete "amount"'], name="dq-told")
    message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"][0]
    event = json.loads(message["Body"])
    assert event["detail-type"] == "Data Quality Evaluation Results Available"
    assert event["detail"] == {
        "resultId": result["ResultId"],
        "context": {
            "contextType": "GLUE_DATA_CATALOG",
            "catalogId": "123456789012",
            "databaseName": "dq",
            "tableName": "sales",
            "runId": result["RulesetEvaluationRunId"],
        },
        "rulesetNames": ["dq-told"],
        "state": "FAILED",
        "score": 0.5,
        "numRulesSucceeded": 1,
        "numRulesFailed": 1,
        "numRulesSkipped": 0,
    }


def test_rulesets_are_listed_changed_and_deleted(glue):
    target = {"DatabaseName": "dq", "TableName": "sales"}
    glue.create_data_quality_ruleset(
        Name="dq-kept", Description="old", Ruleset="Rules = [ RowCount > 1 ]", TargetTable=target, Tags={"team": "data"}
    )
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.create_data_quality_ruleset(Name="dq-kept", Ruleset="Rules = [ RowCount > 1 ]")
    glue.update_data_quality_ruleset(Name="dq-kept", Ruleset="Rules = [ RowCount > 1, ColumnCount = 7 ]")
    with pytest.raises(glue.exceptions.InvalidInputException, match="is not a rule type"):
        glue.update_data_quality_ruleset(Name="dq-kept", Ruleset="Rules = [ Nonsense ]")
    (listed,) = glue.list_data_quality_rulesets(Filter={"TargetTable": target})["Rulesets"]
    assert (listed["Name"], listed["Description"], listed["RuleCount"]) == ("dq-kept", "old", 2)
    assert [each["Name"] for each in glue.list_data_quality_rulesets(Tags={"team": "data"})["Rulesets"]] == ["dq-kept"]
    tags = glue.get_tags(ResourceArn="arn:aws:glue:us-east-1:123456789012:dataQualityRuleset/dq-kept")["Tags"]
    assert tags == {"team": "data"}
    glue.delete_data_quality_ruleset(Name="dq-kept")
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_data_quality_ruleset(Name="dq-kept")


def test_runs_are_refused_listed_and_idempotent(glue):
    glue.create_data_quality_ruleset(Name="dq-many", Ruleset="Rules = [ RowCount = 5 ]")
    start = glue.start_data_quality_ruleset_evaluation_run
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        start(DataSource=source("nowhere"), Role="r", RulesetNames=["dq-many"])
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        start(DataSource=source(), Role="r", RulesetNames=["dq-absent"])
    with pytest.raises(glue.exceptions.ClientError, match="preactions is not done"):
        start(DataSource=source(preactions="x"), Role="r", RulesetNames=["dq-many"])
    given = {"DataSource": source(), "Role": "r", "RulesetNames": ["dq-many"], "ClientToken": "once"}
    run_id = start(**given)["RunId"]
    assert start(**given)["RunId"] == run_id
    run = ended(glue, run_id)
    assert run["ExecutionTime"] >= 0
    assert run["CompletedOn"] >= run["StartedOn"]
    glue.cancel_data_quality_ruleset_evaluation_run(RunId=run_id)
    assert glue.get_data_quality_ruleset_evaluation_run(RunId=run_id)["Status"] == "SUCCEEDED"
    listed = glue.list_data_quality_ruleset_evaluation_runs(Filter={"RulesetName": "dq-many", "DataSource": source()})
    assert [each["RunId"] for each in listed["Runs"]] == [run_id]
    found = glue.batch_get_data_quality_result(ResultIds=[run["ResultIds"][0], "dqresult-none"])
    assert [each["Score"] for each in found["Results"]] == [1.0]
    assert found["ResultsNotFound"] == ["dqresult-none"]
    assert run["ResultIds"][0] in [each["ResultId"] for each in glue.list_data_quality_results()["Results"]]


def test_airflow_s_operator_evaluates_and_fails_on_a_failed_rule(glue, aws, monkeypatch):
    from airflow.providers.amazon.aws.operators.glue import GlueDataQualityRuleSetEvaluationRunOperator
    from airflow.providers.amazon.aws.sensors.glue import GlueDataQualityRuleSetEvaluationRunSensor
    from airflow.providers.amazon.aws.triggers.glue import GlueDataQualityRuleSetEvaluationRunCompleteTrigger

    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    glue.create_data_quality_ruleset(Name="dq-good", Ruleset="Rules = [ RowCount = 5 ]")
    glue.create_data_quality_ruleset(Name="dq-bad", Ruleset="Rules = [ RowCount = 6 ]")

    def execute(*names):
        check = GlueDataQualityRuleSetEvaluationRunOperator(
            task_id="check",
            datasource=source(),
            role="quality",
            rule_set_names=list(names),
            waiter_delay=1,
            aws_conn_id=None,
            region_name="us-east-1",
        )
        return check.execute({})

    def sensed(run):
        seen = GlueDataQualityRuleSetEvaluationRunSensor(
            task_id="seen", evaluation_run_id=run, aws_conn_id=None, region_name="us-east-1"
        )
        return seen.poke({})

    async def awaited(run):
        waiting = GlueDataQualityRuleSetEvaluationRunCompleteTrigger(
            evaluation_run_id=run, waiter_delay=1, aws_conn_id=None
        )
        return [event.payload["status"] async for event in waiting.run()]

    good = execute("dq-good")
    assert sensed(good)
    assert asyncio.run(awaited(good)) == ["success"]
    run = glue.start_data_quality_ruleset_evaluation_run(DataSource=source(), Role="r", RulesetNames=["dq-bad"])
    ended(glue, run["RunId"])
    with pytest.raises(Exception, match="failed for one or more rules"):
        sensed(run["RunId"])
    with pytest.raises(Exception, match="failed for one or more rules"):
        execute("dq-good", "dq-bad")
