"""SQL, locations and keys cannot reach the host."""

import duckdb
import pytest

HOSTILE = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_parquet('/etc/passwd')",
    "SELECT * FROM TABLE(read_text('/etc/passwd'))",
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM "/etc/passwd"',
    "SELECT * FROM glob('/*')",
    "SELECT getenv('HOME')",
    "SELECT current_setting('temp_directory')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM pg_catalog.pg_tables",
    "COPY (SELECT 1) TO '/tmp/millrace-copy.csv'",
    "ATTACH '/tmp/x.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '1TB'",
    "PRAGMA database_list",
    "EXPORT DATABASE '/tmp/x'",
    "CALL pragma_version()",
    "SELECT 1; COPY (SELECT 1) TO '/tmp/millrace-copy.csv'",
    "SELECT 1 AS a; DROP TABLE t",
    "CREATE TABLE m AS SELECT * FROM read_csv('/etc/passwd')",
    "CREATE VIEW v AS SELECT * FROM read_csv('/etc/passwd')",
    "UNLOAD (SELECT 1 AS a) TO '/tmp/x/' WITH (format = 'PARQUET')",
    "UNLOAD (SELECT 1 AS a) TO 's3://lake/../../x/' WITH (format = 'PARQUET')",
    "UNLOAD (SELECT * FROM read_csv('/etc/passwd')) TO 's3://lake/x/' WITH (format = 'PARQUET')",
    "CREATE DATABASE x LOCATION 'file:///etc/'",
    "EXPLAIN COPY (SELECT 1) TO '/tmp/x'",
    "EXPLAIN SELECT * FROM read_csv('/etc/passwd')",
    "PREPARE p FROM COPY (SELECT 1) TO '/tmp/x'",
]


@pytest.mark.parametrize("sql", HOSTILE)
def test_sql_does_not_reach_the_host(athena, sql):
    reason = athena.fails(sql)
    assert "root:" not in reason
    assert not reason.startswith("GENERIC_INTERNAL_ERROR")
    assert athena.keys() == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd', sep = ':')",
        "SELECT * FROM read_text('/proc/self/environ')",
        "COPY (SELECT 1) TO '/tmp/millrace-copy.csv'",
        "ATTACH '/tmp/millrace.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '1TB'",
        "RESET lock_configuration",
        "PRAGMA temp_directory = '/tmp'",
        "EXPORT DATABASE '/tmp/millrace-export'",
    ],
)
def test_the_database_below_refuses_too(athena, sql):
    """Were the translation ever to let something through, the locked database would not do it."""
    with athena.engine._session.connection() as connection, pytest.raises(duckdb.Error):
        connection.execute(sql).fetchall()


def test_a_folder_name_cannot_lead_out_of_the_scratch_folder(athena):
    athena.run("CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (p string) STORED AS PARQUET LOCATION 's3://lake/t/'")
    for value in ("..", "../../x", ".", "/etc"):
        athena.run(f"ALTER TABLE t ADD PARTITION (p = '{value}') LOCATION 's3://lake/t/'")
    athena.run("INSERT INTO t VALUES (1, '../../../../x')")
    assert athena.keys() == ["t/" + key for key in [athena.keys()[0][2:]]]
    assert athena.keys()[0].startswith("t/p=..%2F..%2F..%2F..%2Fx/")


def test_catalog_locations_from_elsewhere_are_checked_too(athena):
    for number, location in enumerate(["/etc/", "file:///etc/", "s3://lake/a/../../b/", ""]):
        table = {
            "Name": f"t{number}",
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [],
            "StorageDescriptor": {
                "Columns": [{"Name": "a", "Type": "string"}],
                "Location": location,
                "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"},
            },
        }
        athena.catalog.create_table(athena.database, table)
        assert athena.fails(f"SELECT * FROM t{number}").startswith("INVALID_LOCATION")
