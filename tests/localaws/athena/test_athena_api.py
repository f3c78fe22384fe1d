"""StartQueryExecution and what follows: states, places, pages, stopping, errors."""

import json
import time
from datetime import datetime
from decimal import Decimal

import pytest

from localaws.core import AwsError, NotSupported

SLOW = (
    "SELECT count(*) FROM unnest(sequence(1, 10000)) a(x) CROSS JOIN unnest(sequence(1, 10000)) b(y) "
    "CROSS JOIN unnest(sequence(1, 10000)) c(z) WHERE mod(x * y * z, 7) = 3"
)


def test_a_query_ends_with_its_state_times_and_place(athena):
    execution = athena.run("SELECT 1 AS one")
    identifier = execution["QueryExecutionId"]
    assert execution["Query"] == "SELECT 1 AS one"
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "SELECT")
    assert execution["WorkGroup"] == "primary"
    assert execution["ResultConfiguration"]["OutputLocation"] == f"s3://results/out/{identifier}.csv"
    assert execution["QueryExecutionContext"] == {"Database": athena.database}
    status, statistics = execution["Status"], execution["Statistics"]
    assert isinstance(status["SubmissionDateTime"], datetime)
    assert status["CompletionDateTime"] >= status["SubmissionDateTime"]
    assert statistics["DataScannedInBytes"] == 0
    assert statistics["ResultReuseInformation"] == {"ReusedPreviousResult": False}
    assert statistics["TotalExecutionTimeInMillis"] >= statistics["EngineExecutionTimeInMillis"]


def test_the_result_is_csv_with_every_value_quoted_and_null_as_nothing(athena):
    sql = "SELECT 'say \"hi\"' AS \"a b\", CAST(NULL AS integer) AS n, '' AS empty, 'x,\ny' AS lines"
    identifier = athena.run(sql)["QueryExecutionId"]
    expected = '"a b","n","empty","lines"\n"say ""hi""",,"","x,\ny"\n'
    assert athena.text(f"out/{identifier}.csv") == expected
    metadata = json.loads(athena.text(f"out/{identifier}.csv.metadata"))
    assert [column["Name"] for column in metadata["ColumnInfo"]] == ["a b", "n", "empty", "lines"]


def test_results_have_a_header_row_nulls_without_value_and_column_info(athena):
    sql = "SELECT CAST(1.5 AS decimal(10,2)) d, 'x' s, CAST(NULL AS integer) n, TIMESTAMP '2024-01-15 10:00:00.000' t"
    answer = athena.call("GetQueryResults", QueryExecutionId=athena.run(sql)["QueryExecutionId"])
    assert answer["ResultSet"]["Rows"] == [
        {"Data": [{"VarCharValue": name} for name in ("d", "s", "n", "t")]},
        {"Data": [{"VarCharValue": "1.50"}, {"VarCharValue": "x"}, {}, {"VarCharValue": "2024-01-15 10:00:00.000"}]},
    ]
    info = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [(one["Type"], one["Precision"], one["Scale"], one["CaseSensitive"]) for one in info] == [
        ("decimal", 10, 2, False),
        ("varchar", 1, 0, True),
        ("integer", 10, 0, False),
        ("timestamp", 3, 0, False),
    ]
    assert {one["CatalogName"] for one in info} == {"hive"}
    assert {one["Nullable"] for one in info} == {"UNKNOWN"}
    assert [one["Label"] for one in info] == ["d", "s", "n", "t"]
    assert "NextToken" not in answer


def test_results_come_in_pages(athena):
    identifier = athena.run("SELECT x, 'line\n' || CAST(x AS varchar) AS y FROM unnest(sequence(1, 2500)) AS t(x)")[
        "QueryExecutionId"
    ]
    pages, token = [], None
    while True:
        given = {"NextToken": token} if token else {}
        answer = athena.call("GetQueryResults", QueryExecutionId=identifier, **given)
        pages.append(answer["ResultSet"]["Rows"])
        token = answer.get("NextToken")
        if not token:
            break
    assert [len(page) for page in pages] == [1000, 1000, 501]
    values = [row["Data"][0]["VarCharValue"] for page in pages for row in page]
    assert values == ["x", *(str(number) for number in range(1, 2501))]
    assert pages[2][-1]["Data"][1] == {"VarCharValue": "line\n2500"}
    with pytest.raises(AwsError, match="MaxResults is more than maximum allowed length 1000"):
        athena.call("GetQueryResults", QueryExecutionId=identifier, MaxResults=1001)
    with pytest.raises(AwsError, match="NextToken is not one"):
        athena.call("GetQueryResults", QueryExecutionId=identifier, NextToken="x")


def test_two_columns_may_have_the_same_name(athena):
    assert athena.cells("SELECT 1 AS a, 2 AS a") == [["a", "a"], ["1", "2"]]


def test_a_failed_query_says_why_and_has_no_results(athena):
    identifier = athena.start("SELECT * FROM nowhere")
    status = athena.wait(identifier)["Status"]
    assert status["State"] == "FAILED"
    assert status["StateChangeReason"].startswith("TABLE_NOT_FOUND: ")
    assert status["AthenaError"]["ErrorCategory"] == 2
    assert status["AthenaError"]["ErrorMessage"] == status["StateChangeReason"]
    with pytest.raises(AwsError, match="Final query state: FAILED"):
        athena.call("GetQueryResults", QueryExecutionId=identifier)
    assert athena.keys(bucket="results") == []


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("FROBNICATE everything", "line 1:1: mismatched input 'FROBNICATE'"),
        ("", "the query is empty"),
        ("CREATE EXTERNAL TABLE t (a int", "line 1:31: mismatched input '<EOF>'"),
        ("ALTER TABLE t ADD", "Expecting: PARTITION"),
        ("MSCK REPAIR t", "line 1:13: mismatched input 't'. Expecting: TABLE"),
    ],
)
def test_what_is_not_a_statement_is_refused_at_once(athena, sql, reason):
    with pytest.raises(AwsError) as caught:
        athena.start(sql)
    assert caught.value.code == "InvalidRequestException"
    assert reason in caught.value.message


def test_the_same_token_is_the_same_execution(athena):
    token = "t" * 40
    first = athena.start("SELECT 1", ClientRequestToken=token)
    assert athena.start("SELECT 1", ClientRequestToken=token) == first
    with pytest.raises(AwsError, match="Idempotent parameters do not match"):
        athena.start("SELECT 2", ClientRequestToken=token)


def test_stopping_ends_a_running_query_and_leaves_the_connection_usable(athena):
    identifiers = [athena.start(SLOW) for _ in range(6)]
    time.sleep(0.2)
    began = time.monotonic()
    for identifier in identifiers:
        athena.call("StopQueryExecution", QueryExecutionId=identifier)
    for identifier in identifiers:
        status = athena.wait(identifier)["Status"]
        assert (status["State"], status["StateChangeReason"]) == ("CANCELLED", "Query cancelled by user")
    assert time.monotonic() - began < 5
    for number in range(8):
        assert athena.rows(f"SELECT {number} AS n") == [[str(number)]]
    done = athena.run("SELECT 1")["QueryExecutionId"]
    athena.call("StopQueryExecution", QueryExecutionId=done)
    assert athena.wait(done)["Status"]["State"] == "SUCCEEDED"


def test_a_query_that_waits_is_stopped_at_once(athena):
    running = [athena.start(SLOW) for _ in range(4)]
    waiting = athena.start("CREATE TABLE never AS SELECT 1 AS a")
    execution = athena.call("GetQueryExecution", QueryExecutionId=waiting)["QueryExecution"]
    assert execution["Status"]["State"] == "QUEUED"
    assert execution["ResultConfiguration"]["OutputLocation"] == f"s3://results/out/{waiting}"
    athena.call("StopQueryExecution", QueryExecutionId=waiting)
    execution = athena.call("GetQueryExecution", QueryExecutionId=waiting)["QueryExecution"]
    assert execution["Status"]["State"] == "CANCELLED"
    for identifier in running:
        athena.call("StopQueryExecution", QueryExecutionId=identifier)
    assert {athena.wait(identifier)["Status"]["State"] for identifier in running} == {"CANCELLED"}
    assert "TABLE_NOT_FOUND" in athena.fails("SELECT * FROM never")


def test_results_that_the_client_would_decrypt_are_refused(athena):
    result = {"OutputLocation": "s3://results/", "EncryptionConfiguration": {"EncryptionOption": "CSE_KMS"}}
    with pytest.raises(NotSupported):
        athena.start("SELECT 1", ResultConfiguration=result)


def test_a_trivial_query_is_done_within_thirty_milliseconds(athena):
    athena.run("SELECT 1")
    times = []
    for _ in range(10):
        began = time.perf_counter()
        athena.run("SELECT 1")
        times.append(time.perf_counter() - began)
    assert min(times) < 0.030


def test_unknown_executions_and_batches(athena):
    one = athena.run("SELECT 1")["QueryExecutionId"]
    with pytest.raises(AwsError, match="QueryExecution nope was not found"):
        athena.call("GetQueryExecution", QueryExecutionId="nope")
    answer = athena.call("BatchGetQueryExecution", QueryExecutionIds=[one, "nope"])
    assert [found["QueryExecutionId"] for found in answer["QueryExecutions"]] == [one]
    assert [missing["QueryExecutionId"] for missing in answer["UnprocessedQueryExecutionIds"]] == ["nope"]
    listed = athena.call("ListQueryExecutions", MaxResults=1)
    assert listed["QueryExecutionIds"] == [one]
    statistics = athena.call("GetQueryRuntimeStatistics", QueryExecutionId=one)["QueryRuntimeStatistics"]
    assert statistics["Rows"] == {"InputBytes": 0, "OutputRows": 1}


def test_a_place_for_results_is_needed_and_must_be_in_a_bucket(athena):
    for place, reason in (
        ({}, "No output location provided"),
        ({"OutputLocation": "s3://no-such-bucket-here/x/"}, "no such bucket"),
        ({"OutputLocation": "file:///etc/"}, "is not an S3 location"),
        ({"OutputLocation": "s3://results/../x/"}, "climbs out"),
    ):
        with pytest.raises(AwsError, match=reason):
            athena.start("SELECT 1", ResultConfiguration=place)


def test_only_the_glue_catalog_is_known(athena):
    with pytest.raises(AwsError, match="Catalog other is not found"):
        athena.start("SELECT 1", QueryExecutionContext={"Catalog": "other"})


def test_parameters_are_literals_in_the_place_of_question_marks(athena):
    assert athena.rows("SELECT ? AS a, ? AS b", ExecutionParameters=["1", "'it''s ?'"]) == [["1", "it's ?"]]
    assert athena.rows("SELECT ? AS a", ExecutionParameters=["DATE '2024-01-15'"]) == [["2024-01-15"]]
    with pytest.raises(AwsError, match="expected 1 but found 2"):
        athena.start("SELECT ?", ExecutionParameters=["1", "2"])
    with pytest.raises(AwsError, match="is not a literal"):
        athena.start("SELECT ?", ExecutionParameters=["1, (SELECT 2)"])


def test_prepared_statements_by_sql(athena):
    athena.run("PREPARE pick FROM SELECT x FROM unnest(sequence(1, 5)) t(x) WHERE x > ? AND x < ?")
    assert athena.rows("EXECUTE pick USING 1, 4") == [["2"], ["3"]]
    assert athena.rows("EXECUTE pick", ExecutionParameters=["3", "5"]) == [["4"]]
    assert "expected 2 but found 1" in athena.fails("EXECUTE pick USING 1")
    athena.run("DEALLOCATE PREPARE pick")
    assert "PreparedStatement pick was not found" in athena.fails("EXECUTE pick USING 1, 2")


def test_explain_shows_the_plan_and_reads_nothing(athena):
    execution = athena.run("EXPLAIN SELECT 1 AS one")
    assert execution["StatementType"] == "UTILITY"
    assert execution["ResultConfiguration"]["OutputLocation"].endswith(".txt")
    assert "PROJECTION" in athena.text(f"out/{execution['QueryExecutionId']}.txt")


@pytest.mark.parametrize(
    "verb", ["DELETE FROM t", "UPDATE t SET a = 1", "VACUUM t", "OPTIMIZE t REWRITE DATA USING BIN_PACK"]
)
def test_rows_of_hive_tables_cannot_be_changed(athena, verb):
    athena.run("CREATE EXTERNAL TABLE t (a int) STORED AS PARQUET LOCATION 's3://lake/t/'")
    assert "only supported for transactional tables" in athena.fails(verb)


def test_execute_in_process_gives_typed_rows(athena):
    sql = "SELECT x AS n, CAST(x AS decimal(5,1)) AS d FROM unnest(sequence(1, ?)) t(x)"
    result = athena.engine.execute(sql, athena.database, parameters=["2"])
    assert result.columns == [("n", "bigint"), ("d", "decimal(5,1)")]
    assert list(result.rows) == [(1, Decimal("1.0")), (2, Decimal("2.0"))]
    assert result.arrow().num_rows == 2
    with pytest.raises(AwsError, match="TABLE_NOT_FOUND"):
        athena.engine.execute("SELECT * FROM nowhere", athena.database)
    with pytest.raises(AwsError, match="DIVISION_BY_ZERO"):
        athena.engine.execute("SELECT 1 / (x - x) FROM (VALUES 1) t(x)", athena.database)
