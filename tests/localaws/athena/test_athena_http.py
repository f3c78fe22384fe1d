"""Athena as a client sees it: boto3 over HTTP, with S3 and Glue beside it."""

import time

import botocore.exceptions
import pytest


@pytest.fixture(scope="module")
def clients(client):
    athena, s3, glue = client("athena"), client("s3"), client("glue")
    s3.create_bucket(Bucket="athena-http")
    glue.create_database(DatabaseInput={"Name": "athena_http"})
    place = {"ResultConfiguration": {"OutputLocation": "s3://athena-http/results/"}}
    athena.create_work_group(Name="athena-http", Configuration=place)
    return athena, s3, glue


def run(athena, sql):
    started = athena.start_query_execution(
        QueryString=sql, WorkGroup="athena-http", QueryExecutionContext={"Database": "athena_http"}
    )
    while True:
        execution = athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])["QueryExecution"]
        if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
            return execution
        time.sleep(0.01)


def test_a_table_made_by_sql_is_in_glue_and_its_rows_are_in_s3(clients):
    athena, s3, glue = clients
    execution = run(athena, "CREATE TABLE made AS SELECT 1 AS n, 'x' AS t")
    assert execution["Status"]["State"] == "SUCCEEDED"
    table = glue.get_table(DatabaseName="athena_http", Name="made")["Table"]
    location = table["StorageDescriptor"]["Location"]
    assert location == f"s3://athena-http/results/tables/{execution['QueryExecutionId']}/"
    prefix = location.removeprefix("s3://athena-http/")
    assert s3.list_objects_v2(Bucket="athena-http", Prefix=prefix)["KeyCount"] == 1
    execution = run(athena, "SELECT n, t FROM made")
    key = execution["ResultConfiguration"]["OutputLocation"].removeprefix("s3://athena-http/")
    assert s3.get_object(Bucket="athena-http", Key=key)["Body"].read() == b'"n","t"\n"1","x"\n'


def test_results_through_the_paginator(clients):
    athena = clients[0]
    execution = run(athena, "SELECT x FROM unnest(sequence(1, 2100)) AS t(x)")
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=execution["QueryExecutionId"])
    rows = [row["Data"][0]["VarCharValue"] for page in pages for row in page["ResultSet"]["Rows"]]
    assert rows == ["x", *map(str, range(1, 2101))]


def test_errors_have_athenas_exceptions(clients):
    athena = clients[0]
    with pytest.raises(athena.exceptions.InvalidRequestException, match="mismatched input 'FROB'") as caught:
        run(athena, "FROB")
    assert caught.value.response["AthenaErrorCode"] == "MALFORMED_QUERY"
    with pytest.raises(athena.exceptions.MetadataException):
        athena.get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName="athena_http", TableName="nothing")
    with pytest.raises(athena.exceptions.ResourceNotFoundException):
        athena.get_prepared_statement(StatementName="nothing", WorkGroup="athena-http")
    with pytest.raises(botocore.exceptions.ClientError, match="NotSupportedByLocalAws"):
        athena.create_notebook(WorkGroup="athena-http", Name="n")
    reason = run(athena, "SELECT nothing FROM made")["Status"]["StateChangeReason"]
    assert reason.startswith("COLUMN_NOT_FOUND: line 1:8: Column 'nothing' cannot be resolved")
