"""DDL, SHOW and DESCRIBE, views, information_schema."""

import base64
import json

import pytest

from localaws.core import AwsError

CREATE = """CREATE EXTERNAL TABLE IF NOT EXISTS `t` (
  `a` int COMMENT 'it\\'s a', -- a number
  b struct<x:array<decimal(10, 2)>, y:map<string,int>>
)
COMMENT 'all of it'
PARTITIONED BY (day string COMMENT 'when')
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
WITH SERDEPROPERTIES ('separatorChar' = ';')
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://lake/t/'
TBLPROPERTIES ('skip.header.line.count' = '1');"""


def test_create_external_table_is_what_the_catalog_keeps(athena):
    execution = athena.run(CREATE)
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DDL", "CREATE_TABLE")
    assert execution["ResultConfiguration"]["OutputLocation"].endswith(".txt")
    athena.run(CREATE)
    table = athena.catalog.get_table(athena.database, "t")
    storage = table["StorageDescriptor"]
    assert storage["Columns"] == [
        {"Name": "a", "Type": "int", "Comment": "it's a"},
        {"Name": "b", "Type": "struct<x:array<decimal(10,2)>,y:map<string,int>>"},
    ]
    assert table["PartitionKeys"] == [{"Name": "day", "Type": "string", "Comment": "when"}]
    assert storage["Location"] == "s3://lake/t/"
    assert storage["SerdeInfo"]["SerializationLibrary"] == "org.apache.hadoop.hive.serde2.OpenCSVSerde"
    assert storage["SerdeInfo"]["Parameters"] == {"serialization.format": "1", "separatorChar": ";"}
    assert table["Parameters"] == {"EXTERNAL": "TRUE", "skip.header.line.count": "1"}
    assert (table["TableType"], table["Description"]) == ("EXTERNAL_TABLE", "all of it")


def test_show_create_table_makes_the_same_table_again(athena):
    athena.run(CREATE)
    before = athena.catalog.get_table(athena.database, "t")
    statement = "\n".join(athena.lines("SHOW CREATE TABLE t"))
    athena.run("DROP TABLE t")
    athena.run(statement)
    after = athena.catalog.get_table(athena.database, "t")
    for name in ("StorageDescriptor", "PartitionKeys", "Parameters", "Description", "TableType"):
        assert after[name] == before[name]


def test_delimiters_are_read_with_their_escapes(athena):
    athena.run(
        "CREATE EXTERNAL TABLE t (a int) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' "
        "COLLECTION ITEMS TERMINATED BY '\\002' LINES TERMINATED BY '\\n' STORED AS TEXTFILE LOCATION 's3://lake/t/'"
    )
    parameters = athena.catalog.get_table(athena.database, "t")["StorageDescriptor"]["SerdeInfo"]["Parameters"]
    assert parameters == {
        "serialization.format": "\t",
        "field.delim": "\t",
        "escape.delim": "\\",
        "collection.delim": "\x02",
        "line.delim": "\n",
    }


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE TABLE t (a int) LOCATION 's3://lake/t/'", "use CREATE EXTERNAL TABLE"),
        ("CREATE EXTERNAL TABLE t (a int)", "needs a LOCATION"),
        ("CREATE EXTERNAL TABLE t (a int) LOCATION '/tmp/x'", "is not an S3 location"),
        ("CREATE EXTERNAL TABLE t (a int) LOCATION 'file:///etc'", "is not an S3 location"),
        ("CREATE EXTERNAL TABLE t (a int) LOCATION 's3://lake/../../etc/'", "climbs out of its folder"),
        ("CREATE EXTERNAL TABLE t (a int) STORED AS ORC LOCATION 's3://lake/t/'", "STORED AS ORC"),
        ("CREATE EXTERNAL TABLE t (a thing) LOCATION 's3://lake/t/'", "Unknown type: thing"),
        ("CREATE EXTERNAL TABLE t (a int, a int) LOCATION 's3://lake/t/'", "Duplicate column name: a"),
        ("CREATE TABLE t (a int) LOCATION 's3://lake/t/' TBLPROPERTIES ('table_type' = 'ICEBERG')", "Iceberg"),
        ("CREATE EXTERNAL TABLE nowhere.t (a int) LOCATION 's3://lake/t/'", "SCHEMA_NOT_FOUND"),
        ("CREATE EXTERNAL TABLE other.d.t (a int) LOCATION 's3://lake/t/'", "Catalog 'other' does not exist"),
        ("DROP TABLE nothing", "Table not found nothing"),
        ("DROP VIEW nothing", "View not found nothing"),
        ("DROP DATABASE nothing", "Database not found: nothing"),
        ("SHOW PARTITIONS p", "is not a partitioned table"),
        ("ALTER TABLE p ADD PARTITION (x = '1')", "is not partitioned"),
        ("ALTER TABLE p ADD COLUMNS (a int)", "Duplicate column name: a"),
        ("ALTER TABLE p SET LOCATION 's3://lake/a/../b/'", "climbs out of its folder"),
        ("ALTER TABLE q ADD PARTITION (x = '1')", "does not name the keys ['x', 'y']"),
        ("ALTER TABLE q DROP PARTITION (x = '1', y = 2)", "Partition not found ['1', '2']"),
        ("DESCRIBE FORMATTED p", "use DESCRIBE"),
    ],
)
def test_ddl_that_cannot_be_done_says_why(athena, sql, reason):
    athena.run("CREATE EXTERNAL TABLE p (a int) LOCATION 's3://lake/p/'")
    athena.run("CREATE EXTERNAL TABLE q (a int) PARTITIONED BY (x string, y int) LOCATION 's3://lake/q/'")
    assert reason in athena.fails(sql)


def test_tables_are_created_once_and_dropped_without_their_objects(athena):
    sql = "CREATE EXTERNAL TABLE t (a int) LOCATION 's3://lake/t/'"
    athena.put("t/x", "1\n")
    athena.run(sql)
    assert "already exists" in athena.fails(sql)
    athena.run("DROP TABLE t")
    athena.run("DROP TABLE IF EXISTS t")
    assert athena.keys() == ["t/x"]


def test_databases(athena):
    name = athena.database + "x"
    athena.run(f"CREATE DATABASE {name} COMMENT 'why' LOCATION 's3://lake/db/'")
    assert "already exists" in athena.fails(f"CREATE SCHEMA {name}")
    athena.run(f"CREATE DATABASE IF NOT EXISTS {name}")
    assert athena.catalog.get_database(name)["LocationUri"] == "s3://lake/db/"
    assert athena.lines(f"SHOW DATABASES LIKE '{athena.database}*'") == [athena.database, name]
    athena.run(f"CREATE EXTERNAL TABLE {name}.t (a int) LOCATION 's3://lake/t/'")
    assert "is not empty" in athena.fails(f"DROP DATABASE {name}")
    athena.run(f"DROP DATABASE {name} CASCADE")
    athena.run(f"DROP DATABASE IF EXISTS {name}")
    assert athena.lines(f"SHOW DATABASES LIKE '{name}'") == []


def test_alter_table_changes_columns_location_and_properties(athena):
    athena.run("CREATE EXTERNAL TABLE t (a string) LOCATION 's3://lake/t/'")
    athena.put("t/x", "1\x012\n")
    athena.put("u/x", "3\x014\n")
    athena.run("ALTER TABLE t ADD COLUMNS (b int COMMENT 'new')")
    assert athena.rows("SELECT * FROM t") == [["1", "2"]]
    athena.run("ALTER TABLE t SET LOCATION 's3://lake/u/'")
    assert athena.rows("SELECT * FROM t") == [["3", "4"]]
    athena.run("ALTER TABLE t REPLACE COLUMNS (c int)")
    assert athena.cells("SELECT * FROM t") == [["c"], ["3"]]
    athena.run("ALTER TABLE t SET TBLPROPERTIES ('skip.header.line.count' = '1', 'k' = 'v')")
    assert athena.rows("SELECT * FROM t") == []
    assert athena.lines("SHOW TBLPROPERTIES t") == ["EXTERNAL\tTRUE", "k\tv", "skip.header.line.count\t1"]
    assert athena.lines("SHOW TBLPROPERTIES t('k')") == ["k\tv"]


def test_msck_registers_folders_that_are_partitions(athena):
    athena.run("CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (x string, y int) LOCATION 's3://lake/t/'")
    for key in ("x=1/y=2/f", "x=a%2Fb/y=3/deep/f", "x=1/f", "y=1/x=2/f", "_x=1/y=2/f", "x=1/y=2/g"):
        athena.put(f"t/{key}", "1\n")
    assert athena.lines("MSCK REPAIR TABLE t") == [
        "Partitions not in metastore: t:x=1/y=2\tt:x=a%2Fb/y=3",
        "Repair: Added partition to metastore t:x=1/y=2",
        "Repair: Added partition to metastore t:x=a%2Fb/y=3",
    ]
    assert athena.lines("MSCK REPAIR TABLE t") == []
    assert athena.lines("SHOW PARTITIONS t") == ["x=1/y=2", "x=a%2Fb/y=3"]
    assert athena.rows("SELECT x, y, count(*) FROM t GROUP BY x, y ORDER BY y") == [["1", "2", "2"], ["a/b", "3", "1"]]


def test_partitions_are_added_all_or_none(athena):
    athena.run("CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (x string) LOCATION 's3://lake/t/'")
    athena.run("ALTER TABLE t ADD PARTITION (x = '1')")
    assert "already exists" in athena.fails("ALTER TABLE t ADD PARTITION (x = '2') PARTITION (x = '1')")
    assert athena.lines("SHOW PARTITIONS t") == ["x=1"]
    athena.run("ALTER TABLE t ADD IF NOT EXISTS PARTITION (x = '2') PARTITION (x = '1')")
    athena.run("ALTER TABLE t DROP IF EXISTS PARTITION (x = '1'), PARTITION (x = '9')")
    assert athena.lines("SHOW PARTITIONS t") == ["x=2"]
    location = athena.catalog.partitions(athena.database, "t")[0]["StorageDescriptor"]["Location"]
    assert location == "s3://lake/t/x=2/"


def test_show_and_describe(athena):
    athena.run(
        "CREATE EXTERNAL TABLE t_one (a int, b string COMMENT 'c') PARTITIONED BY (d date) LOCATION 's3://lake/t/'"
    )
    athena.run("CREATE EXTERNAL TABLE u (a int) LOCATION 's3://lake/u/'")
    assert athena.lines("SHOW TABLES") == ["t_one", "u"]
    assert athena.lines("SHOW TABLES 't*'") == ["t_one"]
    assert athena.lines(f"SHOW TABLES IN {athena.database} 'u|x'") == ["u"]
    assert athena.lines("SHOW COLUMNS IN t_one") == ["a", "b", "d"]
    described = athena.lines("DESCRIBE t_one")
    assert [line.split() for line in described] == [
        ["a", "int"],
        ["b", "string", "c"],
        ["d", "date"],
        [],
        ["#", "Partition", "Information"],
        ["#", "col_name", "data_type", "comment"],
        [],
        ["d", "date"],
    ]
    answer = athena.call("GetQueryResults", QueryExecutionId=athena.run("DESCRIBE u")["QueryExecutionId"])
    names = [one["Name"] for one in answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]]
    assert names == ["col_name", "data_type", "comment"]


# Views


def test_views_are_kept_as_athena_keeps_them(athena):
    athena.run("CREATE EXTERNAL TABLE t (a int, b string) LOCATION 's3://lake/t/'")
    athena.put("t/x", "1\x01one\n2\x01two\n")
    athena.run("CREATE VIEW v AS SELECT a * 10 AS ten, b FROM t WHERE a > 1")
    table = athena.catalog.get_table(athena.database, "v")
    assert (table["TableType"], table["ViewExpandedText"]) == ("VIRTUAL_VIEW", "/* Presto View */")
    text = table["ViewOriginalText"]
    assert text.startswith("/* Presto View: ")
    assert json.loads(base64.b64decode(text[16:-3])) == {
        "originalSql": "SELECT a * 10 AS ten, b FROM t WHERE a > 1",
        "catalog": "awsdatacatalog",
        "schema": athena.database,
        "columns": [{"name": "ten", "type": "integer"}, {"name": "b", "type": "varchar"}],
    }
    assert athena.cells("SELECT * FROM v") == [["ten", "b"], ["20", "two"]]
    assert athena.rows("SELECT v.ten FROM v JOIN t ON v.b = t.b") == [["20"]]
    assert athena.lines("SHOW VIEWS") == ["v"]
    assert athena.lines("SHOW CREATE VIEW v")[1:] == ["SELECT a * 10 AS ten, b FROM t WHERE a > 1"]
    assert "View already exists" in athena.fails("CREATE VIEW v AS SELECT 1 AS x")
    athena.run("CREATE OR REPLACE VIEW v AS SELECT 1 AS x")
    assert athena.rows("SELECT * FROM v") == [["1"]]
    assert "use DROP VIEW" in athena.fails("DROP TABLE v")
    athena.run("DROP VIEW v")
    assert "TABLE_NOT_FOUND" in athena.fails("SELECT * FROM v")


def test_views_name_tables_of_the_database_they_were_made_in(athena):
    athena.run("CREATE EXTERNAL TABLE t (a int) LOCATION 's3://lake/t/'")
    athena.put("t/x", "7\n")
    athena.run("CREATE VIEW v AS SELECT a FROM t")
    athena.run("CREATE VIEW w AS SELECT a + 1 AS b FROM v")
    other = athena.database + "o"
    athena.catalog.create_database({"Name": other})
    rows = athena.rows(f"SELECT b FROM {athena.database}.w", QueryExecutionContext={"Database": other})
    assert rows == [["8"]]


def test_views_that_are_wrong_fail(athena):
    assert "TABLE_NOT_FOUND" in athena.fails("CREATE VIEW v AS SELECT * FROM nothing")
    assert "MISSING_COLUMN_NAME" in athena.fails("CREATE VIEW v AS SELECT 1")
    athena.run("CREATE VIEW v AS SELECT 1 AS a")
    athena.run("CREATE VIEW w AS SELECT a FROM v")
    athena.run("CREATE OR REPLACE VIEW v AS SELECT a FROM w")
    assert "INVALID_VIEW" in athena.fails("SELECT * FROM v")
    assert "Inserting into views is not supported" in athena.fails("INSERT INTO v SELECT 1")


def test_information_schema(athena):
    athena.run("CREATE EXTERNAL TABLE t (a int, b array<string>) PARTITIONED BY (d date) LOCATION 's3://lake/t/'")
    athena.run("CREATE VIEW v AS SELECT 1 AS x")
    where = f"WHERE table_schema = '{athena.database}'"
    sql = f"SELECT table_name, table_type FROM information_schema.tables {where} ORDER BY table_name"
    assert athena.rows(sql) == [["t", "BASE TABLE"], ["v", "VIEW"]]
    sql = (
        f"SELECT column_name, ordinal_position, data_type FROM information_schema.columns {where} AND table_name = 't'"
    )
    assert athena.rows(f"{sql} ORDER BY 2") == [["a", "1", "integer"], ["b", "2", "array(varchar)"], ["d", "3", "date"]]
    sql = f"SELECT count(*) FROM information_schema.schemata WHERE schema_name = '{athena.database}'"
    assert athena.rows(sql) == [["1"]]


def test_the_metadata_api(athena):
    athena.run("CREATE EXTERNAL TABLE t (a int COMMENT 'c') PARTITIONED BY (d date) LOCATION 's3://lake/t/'")
    assert athena.call("ListDataCatalogs")["DataCatalogsSummary"] == [{"CatalogName": "AwsDataCatalog", "Type": "GLUE"}]
    assert athena.call("GetDataCatalog", Name="AwsDataCatalog")["DataCatalog"]["Type"] == "GLUE"
    where = {"CatalogName": "AwsDataCatalog", "DatabaseName": athena.database}
    assert athena.call("GetDatabase", **where)["Database"]["Name"] == athena.database
    answer = athena.call("ListDatabases", CatalogName="AwsDataCatalog", MaxResults=1)
    names = [one["Name"] for one in answer["DatabaseList"]]
    while "NextToken" in answer:
        answer = athena.call("ListDatabases", CatalogName="AwsDataCatalog", NextToken=answer["NextToken"])
        names += [one["Name"] for one in answer["DatabaseList"]]
    assert names == sorted(names)
    assert names.count(athena.database) == 1
    table = athena.call("GetTableMetadata", TableName="t", **where)["TableMetadata"]
    assert table["Columns"] == [{"Name": "a", "Type": "int", "Comment": "c"}]
    assert table["PartitionKeys"] == [{"Name": "d", "Type": "date"}]
    assert table["Parameters"]["location"] == "s3://lake/t/"
    listed = athena.call("ListTableMetadata", Expression="t.*", **where)["TableMetadataList"]
    assert [one["Name"] for one in listed] == ["t"]
    with pytest.raises(AwsError) as caught:
        athena.call("GetTableMetadata", TableName="nothing", **where)
    assert caught.value.code == "MetadataException"
