"""Spark jobs with the awsglue library: sources, transforms, sinks, bookmarks, SQL; several questions to each run."""

import json

HEAD = """
import json, sys
from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.transforms import *
from awsglue.utils import getResolvedOptions
from awsglue.dynamicframe import DynamicFrame
from pyspark.context import SparkContext
args = getResolvedOptions(sys.argv, ["JOB_NAME", "bucket"])
glue = GlueContext(SparkContext.getOrCreate())
spark = glue.spark_session
job = Job(glue)
job.init(args["JOB_NAME"], args)
base = f"s3://{args['bucket']}"
def say(name, value):
    print(json.dumps([name, value], default=str))
def rows(frame):
    frame = frame.toDF() if isinstance(frame, DynamicFrame) else frame
    return sorted(([str(value) for value in row] for row in frame.collect()))
def columns(frame):
    return [(field.name, field.dataType.simpleString()) for field in frame.schema().fields]
"""


def said(made, **settings):
    lines = made.succeed({"--bucket": made.bucket}, **settings)
    return dict(json.loads(line) for line in lines if line.startswith("["))


def test_sources_transforms_and_sinks(job, glue):
    script = (
        HEAD
        + """
source = glue.create_dynamic_frame.from_options(
    "s3", {"paths": [f"{base}/in/"]}, format="csv", format_options={"withHeader": True}
)
say("csv", columns(source))
bare = glue.create_dynamic_frame.from_options("s3", {"paths": [f"{base}/bare/"]}, "csv", {"separator": ";"})
say("bare", [columns(bare), rows(bare)])
mapped = ApplyMapping.apply(frame=source, mappings=[
    ("id", "string", "id", "long"), ("Name", "string", "who.name", "string"), ("day", "string", "day", "date"),
    ("amount", "string", "amount", "decimal(10,2)"), ("none", "string", "none", "int"),
])
say("mapped", columns(mapped))
say("filtered", rows(Filter.apply(frame=mapped, f=lambda row: row["id"] > 1 and row["who"]["name"] != "c")))
say("renamed", columns(RenameField.apply(source, "id", "number")))
say("dropped", columns(DropFields.apply(mapped, ["day"])))
say("selected", columns(SelectFields.apply(source, ["day", "id", "nothing"])))
say("resolved", columns(ResolveChoice.apply(source, specs=[("id", "cast:int")])))
say("made", rows(Map.apply(frame=source.select_fields(["id"]), f=lambda row: {"twice": int(row["id"]) * 2})))
other = DynamicFrame.fromDF(spark.createDataFrame([("1", "x")], ["id", "more"]), glue, "other")
say("joined", rows(Join.apply(source.select_fields(["id", "Name"]), other, "id", "id")))
nulls = DynamicFrame.fromDF(spark.sql("select 1 a, cast(null as string) b, null c"), glue, "nulls")
say("nulls", columns(DropNullFields.apply(nulls)))
try:
    Relationalize.apply(source, "x", "y")
except NotImplementedError as error:
    say("refused", str(error))

sink = glue.getSink("s3", path=f"{base}/out/", enableUpdateCatalog=True, partitionKeys=["day"])
sink.setFormat("glueparquet", compression="snappy")
sink.setCatalogInfo(catalogDatabase=args["bucket"], catalogTableName="out")
sink.writeFrame(mapped.drop_fields(["who"]))
table = glue.create_dynamic_frame.from_catalog(args["bucket"], "out", push_down_predicate="day > date'2024-01-01'")
say("table", [columns(table), rows(table)])
say("whole", glue.create_dynamic_frame.from_catalog(args["bucket"], "out").count())
glue.write_dynamic_frame.from_catalog(frame=table, database=args["bucket"], table_name="out")
say("added", rows(glue.create_data_frame.from_catalog(args["bucket"], "out")))
glue.write_dynamic_frame.from_options(
    source.select_fields(["id"]), "s3", {"path": f"{base}/json/"}, format="json"
)
say("json", rows(glue.create_dynamic_frame.from_options("s3", {"paths": [f"{base}/json/"]}, format="json")))
glue.purge_s3_path(f"{base}/json/", {"retentionPeriod": 0})
job.commit()
"""
    )
    made = job(script)
    glue.create_database(DatabaseInput={"Name": made.bucket})
    made.put("in/a.csv", 'id,Name,day,amount\n1,"a, b",2024-01-01,1.50\n2,b,2024-01-02,x\n')
    made.put("in/b.csv", "id,Name,day,amount\n3,c,2024-01-02,\n")
    made.put("bare/a.csv", "1;x\n2;y\n")
    found = said(made)
    assert found["csv"] == [["id", "string"], ["Name", "string"], ["day", "string"], ["amount", "string"]]
    assert found["bare"] == [[["col0", "string"], ["col1", "string"]], [["1", "x"], ["2", "y"]]]
    kinds = [["id", "bigint"], ["who", "struct<name:string>"], ["day", "date"], ["amount", "decimal(10,2)"]]
    assert found["mapped"] == kinds
    assert found["filtered"] == [["2", "Row(name='b')", "2024-01-02", "None"]]
    assert found["renamed"][0] == ["number", "string"]
    assert found["dropped"] == [kinds[0], kinds[1], kinds[3]]
    assert found["selected"] == [["day", "string"], ["id", "string"]]
    assert found["resolved"][0] == ["id", "int"]
    assert found["made"] == [["2"], ["4"], ["6"]]
    assert found["joined"] == [["1", "a, b", "1", "x"]]
    assert found["nulls"] == [["a", "int"]]
    assert found["refused"] == "The transform Relationalize is not supported here: use toDF() and Spark."
    assert found["table"] == [
        [["id", "bigint"], ["amount", "decimal(10,2)"], ["day", "date"]],
        [["2", "None", "2024-01-02"], ["3", "None", "2024-01-02"]],
    ]
    assert found["whole"] == 3
    assert found["added"] == sorted([["1", "1.50", "2024-01-01"], *found["table"][1] * 2])
    assert found["json"] == [["1"], ["2"], ["3"]]
    assert made.keys("json/") == []
    table = glue.get_table(DatabaseName=made.bucket, Name="out")["Table"]
    assert table["PartitionKeys"] == [{"Name": "day", "Type": "date"}]
    assert table["Parameters"]["classification"] == "parquet"
    partitions = glue.get_partitions(DatabaseName=made.bucket, TableName="out")["Partitions"]
    assert sorted(one["Values"] for one in partitions) == [["2024-01-01"], ["2024-01-02"]]


def test_bookmarks_leave_out_what_was_read_and_committed(job, glue):
    script = (
        HEAD
        + """
files = glue.create_dynamic_frame.from_options(
    "s3", {"paths": [f"{base}/in/"]}, format="json", transformation_ctx="files"
)
say("read", rows(files))
say("again", glue.create_dynamic_frame.from_options("s3", {"paths": [f"{base}/in/"]}, format="json").count())
if "--fail" in sys.argv:
    raise RuntimeError("before the commit")
job.commit()
"""
    )
    made = job(script, DefaultArguments={"--job-bookmark-option": "job-bookmark-enable"})
    made.put("in/a.json", '{"id": 1}\n')
    failed = made.run({"--bucket": made.bucket, "--fail": "1"})
    assert failed["ErrorMessage"].endswith("RuntimeError: before the commit")
    assert said(made) == {"read": [["1"]], "again": 1}
    assert said(made) == {"read": [], "again": 1}
    made.put("in/b.json", '{"id": 2}\n')
    paused = {"--bucket": made.bucket, "--job-bookmark-option": "job-bookmark-pause"}
    assert '["read", [["2"]]]' in made.succeed(paused)
    disabled = {"--bucket": made.bucket, "--job-bookmark-option": "job-bookmark-disable"}
    assert '["read", [["1"], ["2"]]]' in made.succeed(disabled)
    assert said(made) == {"read": [["2"]], "again": 2}
    entry = glue.get_job_bookmark(JobName=made.name)["JobBookmarkEntry"]
    assert (entry["Run"], entry["JobName"]) == (3, made.name)
    # A file that is written again is read again.
    made.put("in/a.json", '{"id": 11}\n')
    glue.reset_job_bookmark(JobName=made.name)
    assert said(made) == {"read": [["11"], ["2"]], "again": 2}


def test_sql_on_the_data_catalog(job, glue):
    script = (
        HEAD
        + """
database = args["bucket"].replace("-", "_")
say("sql", rows(spark.sql(
    f"with d as (select * from {database}.days where day = '2') select d.name, t.label from d "
    f"join {database}.labels t on t.id = d.id"
)))
say("table", rows(spark.table(f"{database}.labels")))
spark.createDataFrame([(1,)], ["x"]).createOrReplaceTempView("mine")
say("view", rows(spark.sql("select * from mine")))
for text in (f"insert into {database}.labels values (1, 'x')", f"drop table {database}.labels"):
    try:
        spark.sql(text)
    except NotImplementedError as error:
        say(text.split()[0], str(error)[:50])
try:
    spark.table("mine").write.saveAsTable(f"{database}.new")
except NotImplementedError as error:
    say("save", str(error)[:30])
"""
    )
    made = job(script, DefaultArguments={"--enable-glue-datacatalog": "true"})
    database = made.bucket.replace("-", "_")
    glue.create_database(DatabaseInput={"Name": database})
    made.put("labels/a.csv", "id,label\n1,one\n2,two\n")
    made.put("days/p1/a.csv", "1,a\n")
    made.put("days/p2/a.csv", "2,b\n")
    csv = {
        "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "SerdeInfo": {
            "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
            "Parameters": {"field.delim": ","},
        },
    }

    def stored(folder, *columns):
        return {
            **csv,
            "Location": f"s3://{made.bucket}/{folder}/",
            "Columns": [{"Name": name, "Type": kind} for name, kind in columns],
        }

    labels = stored("labels", ("id", "int"), ("label", "string"))
    days = stored("days", ("id", "int"), ("name", "string"))
    header = {"classification": "csv", "skip.header.line.count": "1"}
    glue.create_table(
        DatabaseName=database,
        TableInput={"Name": "labels", "StorageDescriptor": labels, "Parameters": header, "TableType": "EXTERNAL_TABLE"},
    )
    glue.create_table(
        DatabaseName=database,
        TableInput={
            "Name": "days",
            "StorageDescriptor": days,
            "PartitionKeys": [{"Name": "day", "Type": "string"}],
            "Parameters": {"classification": "csv"},
            "TableType": "EXTERNAL_TABLE",
        },
    )
    for day in ("1", "2"):
        place = {**days, "Location": f"s3://{made.bucket}/days/p{day}/"}
        partition = {"Values": [day], "StorageDescriptor": place}
        glue.create_partition(DatabaseName=database, TableName="days", PartitionInput=partition)
    refused = "A job's SQL cannot change the Data Catalog here ("
    assert said(made) == {
        "sql": [["b", "two"]],
        "table": [["1", "one"], ["2", "two"]],
        "view": [["1"]],
        "insert": refused + "I",
        "drop": refused + "D",
        "save": "saveAsTable and insertInto are",
    }


def test_files_wheels_and_modules_that_a_job_is_given(job, tmp_path):
    import zipfile

    script = """
        import sys, yaml
        import helper, zipped, inwheel, alone
        from pyspark.sql import SparkSession
        from pyspark.sql.functions import udf
        spark = SparkSession.builder.getOrCreate()
        @udf("string")
        def both(value):
            import helper, zipped, inwheel
            return helper.NAME + zipped.NAME + inwheel.NAME
        print(spark.range(1).select(both("id")).first()[0])
        print(alone.NAME)
        print(spark.conf.get("spark.sql.shuffle.partitions"), spark.conf.get("spark.speculation"))
    """
    made = job(script)
    made.put("lib/helper.py", "NAME = 'helper '")
    for name, inner in (("zipped.zip", "zipped.py"), ("inwheel-1.0-py3-none-any.whl", "inwheel.py")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(inner, f"NAME = '{name[:8]} '")
        made.put(f"lib/{name}", (tmp_path / name).read_bytes())
    wheel = "alone-1.0-py3-none-any.whl"
    with zipfile.ZipFile(tmp_path / wheel, "w") as archive:
        archive.writestr("alone.py", "NAME = 'alone'")
        archive.writestr(
            "alone-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: alone\nVersion: 1.0\nRequires-Dist: six\n"
        )
    made.put(f"lib/{wheel}", (tmp_path / wheel).read_bytes())
    lines = made.succeed(
        {
            "--extra-py-files": ", ".join(
                f"s3://{made.bucket}/lib/{name}" for name in ("helper.py", "zipped.zip", "inwheel-1.0-py3-none-any.whl")
            ),
            "--additional-python-modules": f"pyyaml,six>=1.0,s3://{made.bucket}/lib/{wheel}",
            "--conf": "spark.sql.shuffle.partitions=3 --conf spark.speculation=false",
        }
    )
    assert lines == ["helper zipped.z inwheel- ", "alone", "3 false"]
    run = made.run({"--additional-python-modules": "no-such-module-as-this==9"})
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].startswith(
        "LAUNCH ERROR | The Python modules no-such-module-as-this==9 could not be installed by pip:"
    )


def test_an_error_of_spark_is_the_reason(job):
    script = """
        from pyspark.sql import SparkSession
        spark = SparkSession.builder.getOrCreate()
        spark.read.parquet("s3://no-bucket-of-this-name/x/").show()
    """
    run = job(script).run()
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].startswith("Error Category: ")
    assert "Failed Line Number: 4" in run["ErrorMessage"]
    assert "no-bucket-of-this-name" in run["ErrorMessage"]
