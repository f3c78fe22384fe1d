"""Tables, views and what changes them."""

import pytest


def test_redshifts_attributes_are_taken_and_identity_counts(warehouse):
    warehouse.run(
        """CREATE TABLE IF NOT EXISTS public.events (
            id BIGINT IDENTITY(100, 10) NOT NULL ENCODE az64,
            region VARCHAR(5) ENCODE zstd DISTKEY,
            day DATE NOT NULL DEFAULT '2025-01-01' SORTKEY,
            amount DECIMAL(12, 2) DEFAULT 1.5,
            note VARCHAR(MAX),
            PRIMARY KEY (id),
            FOREIGN KEY (region) REFERENCES regions (name)
        ) BACKUP NO DISTSTYLE KEY COMPOUND SORTKEY (day, region)"""
    )
    warehouse.run("CREATE TABLE IF NOT EXISTS events (a int)")
    warehouse.run("INSERT INTO events (region) VALUES ('a'), ('b')")
    warehouse.run("INSERT INTO events (region, day, amount) VALUES ('c', DEFAULT, DEFAULT), ('d', '2025-02-01', 2.345)")
    assert warehouse.rows("SELECT * FROM events ORDER BY id") == [
        (100, "a", "2025-01-01", "1.50", None),
        (110, "b", "2025-01-01", "1.50", None),
        (120, "c", "2025-01-01", "1.50", None),
        (130, "d", "2025-02-01", "2.35", None),
    ]
    assert "cannot set an identity column" in warehouse.fails("INSERT INTO events (id, region) VALUES (1, 'x')")
    assert warehouse.fails("CREATE TABLE events (a int)") == 'ERROR: Relation "events" already exists'
    columns = warehouse.data.describe_table(
        WorkgroupName=warehouse.name, Database="dev", Schema="public", Table="events"
    )
    assert columns["TableName"] == "events"
    assert [
        (
            one["name"],
            one["typeName"],
            one["length"],
            one["precision"],
            one["scale"],
            one["nullable"],
            one["columnDefault"],
        )
        for one in columns["ColumnList"]
    ] == [
        ("id", "int8", 0, 19, 0, 0, '"identity"(100,10)'),
        ("region", "varchar", 5, 5, 0, 1, ""),
        ("day", "date", 0, 13, 0, 0, "'2025-01-01'"),
        ("amount", "numeric", 0, 12, 2, 1, "1.5"),
        ("note", "varchar", 65535, 65535, 0, 1, ""),
    ]


def test_what_a_column_cannot_hold_is_refused(warehouse):
    warehouse.run("CREATE TABLE t (a varchar(3), b int NOT NULL, c smallint, d numeric(4,2))")
    # Lengths are in bytes.
    assert warehouse.fails("INSERT INTO t VALUES ('äö', 1, 1, 1)") == "ERROR: Value too long for character type"
    assert (
        warehouse.fails("INSERT INTO t VALUES ('a', NULL, 1, 1)") == "ERROR: Cannot insert a NULL value into column b"
    )
    assert "Numeric data overflow" in warehouse.fails("INSERT INTO t VALUES ('a', 1, 40000, 1)")
    assert "Numeric data overflow" in warehouse.fails("INSERT INTO t VALUES ('a', 1, 1, 100)")
    assert "invalid input syntax for integer" in warehouse.fails("INSERT INTO t VALUES ('a', '1.5', 1, 1)")
    assert "INSERT has more expressions" in warehouse.fails("INSERT INTO t VALUES ('a', 1, 1, 1, 1)")
    assert 'column "z" of relation "t"' in warehouse.fails("INSERT INTO t (z) VALUES (1)")
    assert warehouse.rows("SELECT count(*) FROM t") == [(0,)]


def test_update_delete_and_insert_select(warehouse):
    warehouse.run("CREATE TABLE t (id int, a int, s varchar(9))", "CREATE TABLE s (id int, a int)")
    assert warehouse.run("INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y'), (3, 3, 'z')")["ResultRows"] == 3
    assert warehouse.run("INSERT INTO s (a, id) SELECT a * 10, id FROM t WHERE id <> 3")["ResultRows"] == 2
    changed = warehouse.run("UPDATE t SET a = s.a + t.a, s = s || '!' FROM s WHERE t.id = s.id AND s.a > 10")
    assert changed["ResultRows"] == 1 and changed["HasResultSet"] is False
    assert warehouse.run("DELETE FROM t USING s WHERE t.id = s.id AND s.id = 1")["ResultRows"] == 1
    assert warehouse.rows("SELECT * FROM t ORDER BY id") == [(2, 22, "y!"), (3, 3, "z")]
    assert warehouse.run("TRUNCATE TABLE t")["ResultRows"] == 0
    assert warehouse.rows("SELECT count(*) FROM t") == [(0,)]


def test_merge(warehouse):
    warehouse.run("CREATE TABLE t (id int, a int)", "INSERT INTO t VALUES (1, 1), (2, 2)")
    merge = (
        "MERGE INTO t USING (SELECT {0}) s ON t.id = s.id WHEN MATCHED THEN {1} "
        "WHEN NOT MATCHED THEN INSERT (id, a) VALUES (s.id, s.a)"
    )
    assert (
        warehouse.run(merge.format("2 AS id, 20 AS a UNION ALL SELECT 3, 30", "UPDATE SET a = s.a"))["ResultRows"] == 2
    )
    assert warehouse.rows("SELECT * FROM t ORDER BY id") == [(1, 1), (2, 20), (3, 30)]
    warehouse.run(merge.format("1 AS id, 0 AS a", "DELETE"))
    assert warehouse.rows("SELECT id FROM t ORDER BY id") == [(2,), (3,)]
    twice = merge.format("2 AS id, 1 AS a UNION ALL SELECT 2, 2", "UPDATE SET a = s.a")
    assert warehouse.fails(twice) == "ERROR: Found multiple matches to update the same tuple."
    assert "needs one WHEN MATCHED and one" in warehouse.fails(
        "MERGE INTO t USING t AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = 1"
    )


def test_a_batch_is_one_transaction(warehouse):
    warehouse.run("CREATE TABLE t (id int, a int)", "INSERT INTO t VALUES (1, 1), (2, 2)")
    loaded = warehouse.run(
        "CREATE TEMP TABLE stage (LIKE t)",
        "INSERT INTO stage VALUES (2, 20), (3, 30)",
        "DELETE FROM t USING stage WHERE t.id = stage.id",
        "INSERT INTO t SELECT * FROM stage",
        "SELECT count(*) FROM t",
    )
    assert [one["Status"] for one in loaded["SubStatements"]] == ["FINISHED"] * 5
    assert [one["Id"] for one in loaded["SubStatements"]] == [f"{loaded['Id']}:{place}" for place in range(1, 6)]
    assert [one["ResultRows"] for one in loaded["SubStatements"]] == [0, 2, 1, 2, 1]
    last = warehouse.data.get_statement_result(Id=f"{loaded['Id']}:5")
    assert last["Records"] == [[{"longValue": 3}]]
    # The temporary table ended with its session.
    assert warehouse.fails("SELECT * FROM stage") == 'ERROR: relation "stage" does not exist'
    identifier = warehouse.start(["DELETE FROM t", "CREATE TABLE u (a int)", "SELECT nope FROM t", "SELECT 1"])
    failed = warehouse.data.describe_statement(Id=identifier)
    assert failed["Status"] == "FAILED" and failed["Error"] == 'ERROR: column "nope" does not exist in t'
    assert [one["Status"] for one in failed["SubStatements"]] == ["ABORTED", "ABORTED", "FAILED", "ABORTED"]
    assert warehouse.rows("SELECT count(*) FROM t") == [(3,)]
    assert warehouse.fails("SELECT * FROM u") == 'ERROR: relation "u" does not exist'
    assert "use DELETE" in warehouse.fails("INSERT INTO t VALUES (9, 9)", "TRUNCATE t")


def test_views_and_materialised_views(warehouse):
    warehouse.run(
        "CREATE TABLE t (day date, a numeric(8,2))", "INSERT INTO t VALUES ('2025-01-01', 1), ('2025-01-01', 2)"
    )
    warehouse.run("CREATE VIEW v AS SELECT day, sum(a) AS total FROM t GROUP BY day WITH NO SCHEMA BINDING")
    warehouse.run(
        "CREATE MATERIALIZED VIEW mv BACKUP NO AUTO REFRESH NO AS SELECT day, sum(a) / 2 AS half FROM t GROUP BY day"
    )
    warehouse.run("INSERT INTO t VALUES ('2025-01-02', 5)")
    assert warehouse.rows("SELECT * FROM v ORDER BY 1") == [("2025-01-01", "3.00"), ("2025-01-02", "5.00")]
    assert [row[0] for row in warehouse.rows("SELECT day FROM mv ORDER BY 1")] == ["2025-01-01"]
    warehouse.run("REFRESH MATERIALIZED VIEW mv")
    assert [row[0] for row in warehouse.rows("SELECT day FROM mv ORDER BY 1")] == ["2025-01-01", "2025-01-02"]
    assert "other objects depend on it" in warehouse.fails("DROP TABLE t")
    assert warehouse.fails("DROP TABLE mv") == 'ERROR: "mv" is not a table'
    assert "cannot change materialized view" in warehouse.fails("INSERT INTO mv VALUES ('2025-01-01', 1)")
    assert "AUTO REFRESH YES" in warehouse.fails("CREATE MATERIALIZED VIEW x AUTO REFRESH YES AS SELECT 1 AS a")
    warehouse.run("CREATE OR REPLACE VIEW v AS SELECT 1 AS one")
    assert warehouse.rows("SELECT * FROM v") == [(1,)]
    warehouse.run("DROP TABLE t CASCADE")
    assert 'relation "mv" does not exist' in warehouse.fails("SELECT * FROM mv")


def test_schemas_and_the_lists_of_the_api(warehouse):
    warehouse.run("CREATE SCHEMA IF NOT EXISTS mart")
    warehouse.run("CREATE TABLE mart.daily DISTSTYLE ALL AS SELECT 1 AS a, 'xy' AS b, 1.5 AS c, NULL AS d")
    warehouse.run("CREATE VIEW mart.v AS SELECT * FROM mart.daily")
    warehouse.run("CREATE TABLE plain (a int)")
    place = {"WorkgroupName": warehouse.name, "Database": "dev"}
    assert warehouse.data.list_databases(**place)["Databases"] == ["dev"]
    assert warehouse.data.list_schemas(**place)["Schemas"] == ["mart", "public"]
    assert warehouse.data.list_schemas(**place, SchemaPattern="m%")["Schemas"] == ["mart"]
    assert warehouse.data.list_tables(**place, SchemaPattern="mart")["Tables"] == [
        {"name": "daily", "type": "TABLE", "schema": "mart"},
        {"name": "v", "type": "VIEW", "schema": "mart"},
    ]
    columns = warehouse.data.describe_table(**place, Schema="mart", Table="daily")["ColumnList"]
    assert [(one["name"], one["typeName"], one["length"]) for one in columns] == [
        ("a", "int4", 0),
        ("b", "varchar", 2),
        ("c", "numeric", 0),
        ("d", "varchar", 1),
    ]
    assert "other objects depend on it" in warehouse.fails("DROP SCHEMA mart")
    warehouse.run("DROP SCHEMA mart CASCADE")
    assert warehouse.data.list_tables(**place)["Tables"] == [{"name": "plain", "type": "TABLE", "schema": "public"}]


def test_alter_table(warehouse):
    warehouse.run("CREATE TABLE t (a int NOT NULL, b varchar(3))", "INSERT INTO t VALUES (1, 'x')")
    warehouse.run("ALTER TABLE t ADD COLUMN c date DEFAULT '2025-01-01'")
    warehouse.run("ALTER TABLE t RENAME COLUMN b TO bb")
    warehouse.run("ALTER TABLE t RENAME TO u")
    assert warehouse.rows("SELECT a, bb, c FROM u") == [(1, "x", "2025-01-01")]
    assert warehouse.fails("INSERT INTO u (a, bb) VALUES (1, 'long')") == "ERROR: Value too long for character type"
    warehouse.run("ALTER TABLE u DROP COLUMN bb CASCADE")
    assert warehouse.rows("SELECT * FROM u") == [(1, "2025-01-01")]
    warehouse.run("ALTER TABLE u ALTER DISTSTYLE EVEN")
    assert 'column "zz" of relation "u" does not exist' in warehouse.fails("ALTER TABLE u DROP COLUMN zz")


def test_temporary_tables_live_as_long_as_their_session(warehouse):
    place = {"WorkgroupName": warehouse.name, "Database": "dev"}
    first = warehouse.data.execute_statement(
        Sql="CREATE TABLE #stage AS SELECT 7 AS a", **place, SessionKeepAliveSeconds=60, WaitTimeSeconds=30
    )
    session = first["SessionId"]
    assert warehouse.rows("SELECT a FROM #stage", SessionId=session) == [(7,)]
    assert 'relation "#stage" does not exist' in warehouse.fails("SELECT a FROM #stage")
    with pytest.raises(warehouse.data.exceptions.ResourceNotFoundException):
        warehouse.data.execute_statement(Sql="SELECT 1", SessionId="5f0f7fb4-6d3c-4a35-9a2c-0d6c3b6f1d11")


def test_statements_without_effect_are_accepted(warehouse):
    warehouse.run("CREATE TABLE t (a int)")
    for sql in ("VACUUM FULL t", "ANALYZE t", "GRANT SELECT ON t TO PUBLIC", "REVOKE ALL ON t FROM PUBLIC"):
        assert warehouse.run(sql)["Status"] == "FINISHED"
