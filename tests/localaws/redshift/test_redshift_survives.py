"""What was committed outlives a kill; what was not is gone."""

import os
import signal
import time

PLACE = {"WorkgroupName": "w-1", "Database": "dev"}


def test_killed_in_the_middle_of_a_batch(start):
    process, client = start()
    client("redshift-serverless").create_namespace(namespaceName="n-1")
    client("redshift-serverless").create_workgroup(workgroupName="w-1", namespaceName="n-1")
    data = client("redshift-data")
    sqls = [
        "CREATE TABLE t (id bigint IDENTITY(1,1), a varchar(4))",
        "INSERT INTO t (a) VALUES ('x'), ('y')",
        "CREATE TABLE many AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
        "SELECT i FROM n",
        "CREATE MATERIALIZED VIEW mv AS SELECT count(*) AS n FROM t",
    ]
    done = data.batch_execute_statement(Sqls=sqls, WaitTimeSeconds=30, **PLACE)
    assert done["Status"] == "FINISHED"
    endless = "INSERT INTO t (a) SELECT 'z' FROM many a, many b, many c, many d WHERE a.i + b.i + c.i + d.i < 0"
    begun = data.batch_execute_statement(Sqls=["DELETE FROM t", endless], **PLACE)
    while data.describe_statement(Id=begun["Id"])["SubStatements"][0]["Status"] != "FINISHED":
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    process, client = start()
    data = client("redshift-data")

    def rows(sql):
        begun = data.execute_statement(Sql=sql, WaitTimeSeconds=30, **PLACE)
        assert begun["Status"] == "FINISHED", data.describe_statement(Id=begun["Id"])
        if not data.describe_statement(Id=begun["Id"])["HasResultSet"]:
            return []
        return [
            [next(iter(one.values())) for one in row] for row in data.get_statement_result(Id=begun["Id"])["Records"]
        ]

    assert rows("SELECT id, a FROM t ORDER BY id") == [[1, "x"], [2, "y"]]
    rows("INSERT INTO t (a) VALUES ('n')")
    rows("REFRESH MATERIALIZED VIEW mv")
    assert rows("SELECT n FROM mv") == [[3]]
    failed = data.execute_statement(Sql="INSERT INTO t (a) VALUES ('longer')", WaitTimeSeconds=30, **PLACE)
    assert data.describe_statement(Id=failed["Id"])["Error"] == "ERROR: Value too long for character type"
