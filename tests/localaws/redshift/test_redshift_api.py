"""The Data API and Redshift Serverless: shapes, states, errors."""

import json
import time
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

MANY = (
    "CREATE TABLE t AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) SELECT i FROM n"
)


def refused(call, **parameters):
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_a_statement_goes_its_way(warehouse):
    place = {"WorkgroupName": warehouse.name, "Database": "dev"}
    begun = warehouse.data.execute_statement(Sql="SELECT 1 AS a, 'x' AS b", StatementName="mine", **place)
    assert begun.keys() - {"ResponseMetadata"} == {"Id", "CreatedAt", "Database", "DbUser", "WorkgroupName", "Status"}
    assert begun["Status"] in ("SUBMITTED", "PICKED", "STARTED", "FINISHED")
    described = warehouse.data.describe_statement(Id=begun["Id"], WaitTimeSeconds=20)
    assert described["Status"] == "FINISHED" and described["HasResultSet"] is True
    assert described["ResultRows"] == 1 and described["ResultSize"] > 0 and described["Duration"] > 0
    assert described["QueryString"] == "SELECT 1 AS a, 'x' AS b" and described["Database"] == "dev"
    assert abs((datetime.now(UTC) - described["UpdatedAt"]).total_seconds()) < 60
    result = warehouse.data.get_statement_result(Id=begun["Id"])
    assert result["TotalNumRows"] == 1 and result["Records"] == [[{"longValue": 1}, {"stringValue": "x"}]]
    assert result["ColumnMetadata"][0] == {
        "isCaseSensitive": False,
        "isCurrency": False,
        "isSigned": True,
        "label": "a",
        "name": "a",
        "nullable": 1,
        "precision": 10,
        "scale": 0,
        "schemaName": "",
        "tableName": "",
        "typeName": "int4",
        "length": 0,
    }
    (listed,) = warehouse.data.list_statements(StatementName="mine", WorkgroupName=warehouse.name)["Statements"]
    assert listed["Id"] == begun["Id"] and listed["IsBatchStatement"] is False and listed["StatementName"] == "mine"


def test_every_kind_of_value(warehouse):
    identifier = warehouse.run(
        "SELECT 1::smallint, 1::bigint, 1.50::numeric(5,2), 1.5::float4, true, 'x'::varchar(3), date '2025-01-01', "
        "timestamp '2025-01-01 10:00:00.25', NULL, 1e3"
    )["Id"]
    result = warehouse.data.get_statement_result(Id=identifier)
    assert result["Records"] == [
        [
            {"longValue": 1},
            {"longValue": 1},
            {"stringValue": "1.50"},
            {"doubleValue": 1.5},
            {"booleanValue": True},
            {"stringValue": "x"},
            {"stringValue": "2025-01-01"},
            {"stringValue": "2025-01-01 10:00:00.25"},
            {"isNull": True},
            {"doubleValue": 1000.0},
        ]
    ]
    names = [one["typeName"] for one in result["ColumnMetadata"]]
    assert names == ["int2", "int8", "numeric", "float4", "bool", "varchar", "date", "timestamp", "varchar", "float8"]


def test_long_results_come_in_pages(warehouse):
    warehouse.run(MANY)
    assert warehouse.rows("SELECT i FROM t ORDER BY i") == [(number,) for number in range(1, 2501)]


def test_a_failure_says_why(warehouse):
    identifier = warehouse.start("SELECT * FROM nowhere")
    described = warehouse.data.describe_statement(Id=identifier)
    assert described["Status"] == "FAILED" and described["Error"] == 'ERROR: relation "nowhere" does not exist'
    assert described["HasResultSet"] is False and described["ResultRows"] == -1
    code, message = refused(warehouse.data.get_statement_result, Id=identifier)
    assert code == "ValidationException" and "FAILED" in message
    identifier = warehouse.run("CREATE TABLE t (a int)")["Id"]
    code, message = refused(warehouse.data.get_statement_result, Id=identifier)
    assert code == "ResourceNotFoundException" and message.startswith("Query does not have result.")
    assert 'FATAL: database "other" does not exist' in warehouse.fails("SELECT 1", Database="other")


def test_requests_that_cannot_be(warehouse):
    call = warehouse.data.execute_statement
    assert refused(call, Sql="SELECT 1", WorkgroupName="none-such", Database="dev") == (
        "ValidationException",
        "Redshift endpoint doesn't exist in this region.",
    )
    place = {"WorkgroupName": warehouse.name, "Database": "dev"}
    assert refused(call, Sql="SELECT 1")[0] == "ValidationException"
    assert refused(call, Sql="SELECT 1", ClusterIdentifier="c", Database="dev")[0] == "NotSupportedByLocalAws"
    parameters = [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]
    code, message = refused(call, Sql="SELECT :a", Parameters=parameters, **place)
    assert (code, message) == (
        "ValidationException",
        "Parameters list contains unused parameters. Unused parameters: ['b']",
    )
    code, message = refused(call, Sql="SELECT :a, :c", Parameters=parameters[:1], **place)
    assert code == "ValidationException" and "['c']" in message
    assert refused(warehouse.data.describe_statement, Id="5f0f7fb4-6d3c-4a35-9a2c-0d6c3b6f1d11") == (
        "ResourceNotFoundException",
        "Query does not exist.",
    )


def test_a_client_token_begins_a_statement_once(warehouse):
    warehouse.run("CREATE TABLE t (a int)")
    identifiers = {warehouse.start("INSERT INTO t VALUES (1)", ClientToken="token-1") for _ in range(3)}
    assert len(identifiers) == 1 and warehouse.rows("SELECT count(*) FROM t") == [(1,)]


def test_a_statement_is_cancelled(warehouse):
    warehouse.run(MANY)
    endless = "SELECT count(*) FROM t a, t b, t c, t d WHERE a.i + b.i + c.i + d.i < 0"
    identifier = warehouse.data.execute_statement(Sql=endless, WorkgroupName=warehouse.name, Database="dev")["Id"]
    end = time.monotonic() + 20
    while warehouse.data.describe_statement(Id=identifier)["Status"] != "STARTED":
        assert time.monotonic() < end
    assert warehouse.data.cancel_statement(Id=identifier)["Status"] is True
    assert warehouse.data.describe_statement(Id=identifier, WaitTimeSeconds=20)["Status"] == "ABORTED"
    code, message = refused(warehouse.data.cancel_statement, Id=identifier)
    assert code == "ValidationException" and message.startswith(
        "Could not cancel a query that is already in ABORTED state"
    )


def test_the_end_of_a_statement_is_an_event(warehouse, client):
    events, sqs = client("events"), client("sqs")
    name = warehouse.name
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = '{"source": ["aws.redshift-data"], "detail": {"statementName": ["%s"]}}'
    events.put_rule(Name=name, EventPattern=pattern.replace("%s", name))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    warehouse.run("SELECT 1", StatementName=name, WithEvent=True)
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    event = json.loads(message["Body"])
    assert event["detail-type"] == "Redshift Data Statement Status Change"
    assert event["resources"] == [
        client("redshift-serverless").get_workgroup(workgroupName=name)["workgroup"]["workgroupArn"]
    ]
    detail = event["detail"]
    assert detail["state"] == "FINISHED" and detail["rows"] == 1 and detail["statementName"] == name
    events.remove_targets(Rule=name, Ids=["q"])
    events.delete_rule(Name=name)


def test_writers_wait_for_each_other(warehouse):
    """Sixteen increments at once, from as many statements: none fails and none is lost."""
    warehouse.run("CREATE TABLE t (a int)", "INSERT INTO t VALUES (0)")
    place = {"WorkgroupName": warehouse.name, "Database": "dev"}
    started = [
        warehouse.data.batch_execute_statement(Sqls=["UPDATE t SET a = a + 1", "SELECT a FROM t"], **place)["Id"]
        for _ in range(16)
    ]
    states = [warehouse.data.describe_statement(Id=one, WaitTimeSeconds=30)["Status"] for one in started]
    assert states == ["FINISHED"] * 16 and warehouse.rows("SELECT a FROM t") == [(16,)]


def test_airflows_operator_runs_on_a_workgroup(warehouse, monkeypatch):
    from airflow.providers.amazon.aws.operators.redshift_data import RedshiftDataOperator

    monkeypatch.setenv("AWS_ENDPOINT_URL", warehouse.aws.endpoint)
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    common = {"workgroup_name": warehouse.name, "database": "dev", "poll_interval": 1, "aws_conn_id": None}
    load = RedshiftDataOperator(
        task_id="load", sql=["CREATE TABLE a (n int)", "INSERT INTO a VALUES (1), (2)"], **common
    )
    load.execute({})
    query = RedshiftDataOperator(
        task_id="query", sql="SELECT sum(n) FROM a WHERE n > :n", parameters=[{"name": "n", "value": "1"}],
        return_sql_result=True, **common,
    )  # fmt: skip
    (page,) = query.execute({})
    assert page["Records"] == [[{"longValue": 2}]]
    broken = RedshiftDataOperator(task_id="broken", sql="SELECT nope", **common)
    with pytest.raises(Exception, match="FAILED"):
        broken.execute({})


def test_namespaces_and_workgroups(aws, client):
    serverless = client("redshift-serverless")
    namespace = serverless.create_namespace(
        namespaceName="shop", dbName="shopdb", adminUsername="boss", tags=[{"key": "a", "value": "1"}]
    )["namespace"]
    assert namespace["status"] == "AVAILABLE" and namespace["dbName"] == "shopdb"
    assert namespace["namespaceArn"].startswith("arn:aws:redshift-serverless:us-east-1:123456789012:namespace/")
    workgroup = serverless.create_workgroup(workgroupName="shop-wg", namespaceName="shop", baseCapacity=8)["workgroup"]
    assert workgroup["endpoint"]["port"] == 5439 and workgroup["baseCapacity"] == 8
    assert workgroup["endpoint"]["address"] == "shop-wg.123456789012.us-east-1.redshift-serverless.amazonaws.com"
    arn = workgroup["workgroupArn"]
    assert "shop-wg" in {one["workgroupName"] for one in serverless.list_workgroups()["workgroups"]}
    assert serverless.list_tags_for_resource(resourceArn=namespace["namespaceArn"])["tags"] == [
        {"key": "a", "value": "1"}
    ]
    serverless.tag_resource(resourceArn=arn, tags=[{"key": "b", "value": "2"}])
    serverless.untag_resource(resourceArn=arn, tagKeys=["b"])
    assert serverless.list_tags_for_resource(resourceArn=arn)["tags"] == []
    limit = serverless.create_usage_limit(resourceArn=arn, usageType="serverless-compute", amount=60)["usageLimit"]
    assert limit["period"] == "monthly" and limit["breachAction"] == "log"
    assert serverless.list_usage_limits(resourceArn=arn)["usageLimits"] == [limit]
    credentials = serverless.get_credentials(workgroupName="shop-wg")
    assert credentials["dbUser"] == "IAM:local" and credentials["expiration"] > datetime.now(UTC)
    assert serverless.update_workgroup(workgroupName="shop-wg", baseCapacity=16)["workgroup"]["baseCapacity"] == 16
    assert refused(serverless.update_workgroup, workgroupName="shop-wg", baseCapacity=3)[0] == "ValidationException"
    assert refused(serverless.create_namespace, namespaceName="shop")[0] == "ConflictException"
    assert refused(serverless.create_namespace, namespaceName="../x")[0] == "ValidationException"
    assert refused(serverless.delete_namespace, namespaceName="shop")[0] == "ConflictException"
    assert serverless.delete_workgroup(workgroupName="shop-wg")["workgroup"]["status"] == "DELETING"
    assert serverless.delete_namespace(namespaceName="shop")["namespace"]["status"] == "DELETING"
    assert refused(serverless.get_namespace, namespaceName="shop")[0] == "ResourceNotFoundException"
