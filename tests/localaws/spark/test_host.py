"""Runs of scripts: what stays apart from run to run, how runs end, what a killed write leaves."""

import os
import textwrap
import threading
import time
from pathlib import Path

import pytest

from localaws.spark.host import SparkHost
from localaws.spark.runs import SparkRun

HEAD = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
java = spark.sparkContext._jvm.java
"""


@pytest.fixture(scope="module")
def host(aws):
    return SparkHost.of(aws.world)


@pytest.fixture
def run(host, tmp_path):
    """Runs a script to its end; the outcome and the lines that it printed."""

    def begin(script, *argv, cancel=None, **settings):
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(script), encoding="utf-8")
        lines = []

        def keep(stream, line):
            if stream == "stdout":
                lines.append(line)

        return host.run(SparkRun(path, argv, on_output=keep, **settings), cancel), lines

    return begin


def test_java_stays_and_nothing_else_does(run):
    script = (
        HEAD
        + """
import os, time
system, zones = java.lang.System, java.util.TimeZone
print(java.lang.ProcessHandle.current().pid())
print([table.name for table in spark.catalog.listTables()], spark.conf.get("spark.sql.ansi.enabled"))
print(system.getProperty("left.behind"), system.getProperty("spark.left"), zones.getDefault().getID())
print(spark.sparkContext.getConf().get("spark.given", "none"), spark.sparkContext.appName)
print(os.environ.get("LEFT"), "left" in sys.modules, [one for one in sys.path if "left" in one], os.listdir())
print(spark.sparkContext._jsc.hadoopConfiguration().get("left"))
spark.range(3).createOrReplaceTempView("left")
spark.range(3).createOrReplaceGlobalTempView("left")
spark.conf.set("spark.sql.ansi.enabled", "true")
spark.sparkContext.setLogLevel("OFF")
spark.sparkContext._jsc.hadoopConfiguration().set("left", "behind")
system.setProperty("left.behind", "x"); system.setProperty("spark.left", "x")
zones.setDefault(zones.getTimeZone("Asia/Tokyo"))
os.environ["LEFT"] = "x"; sys.modules["left"] = os; sys.path.append("/left"); open("left", "w").close()
if sys.argv[1:] == ["fail"]:
    raise KeyError("on purpose")
"""
    )
    first, one = run(script, name="first", conf={"spark.given": "yes"}, environment={"GIVEN": "1"})
    second, two = run(script, "fail", name="second")
    third, three = run(script, name="third")
    assert (first.ok, second.ok, third.ok) == (True, False, True)
    assert (second.error, second.line > 0) == ("KeyError: 'on purpose'", True)
    assert one[0] == two[0] == three[0], "the same Java process"
    clean = ["[] false", "None None UTC", "none second", "None False [] []", "None"]
    assert one[1:] == [*clean[:2], "yes first", *clean[3:]]
    assert two[1:6] == clean
    assert three[1:] == [*clean[:2], "none third", *clean[3:]]


def test_two_runs_at_once_have_a_java_process_each(host, tmp_path):
    script = tmp_path / "both.py"
    script.write_text(
        HEAD
        + """
import pathlib, time
mine, other = sys.argv[1:]
pathlib.Path(mine).touch()
end = time.monotonic() + 120
while not pathlib.Path(other).exists():
    assert time.monotonic() < end
    time.sleep(0.05)
print(java.lang.ProcessHandle.current().pid())
"""
    )
    lines, outcomes = [], []
    places = [str(tmp_path / "a"), str(tmp_path / "b")]

    def begin(argv):
        outcomes.append(
            host.run(SparkRun(script, argv, on_output=lambda stream, line: stream == "stdout" and lines.append(line)))
        )

    threads = [threading.Thread(target=begin, args=(argv,)) for argv in (places, places[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [outcome.status for outcome in outcomes] == ["succeeded"] * 2
    assert len(set(lines)) == 2


def test_a_run_that_is_stopped_in_the_middle_of_a_write_shows_nothing(run, aws, client):
    aws.store.create_bucket("spark-killed")
    s3 = client("s3")
    script = (
        HEAD
        + """
import time
from pyspark.sql.functions import udf
@udf("bigint")
def slow(value):
    # The first task ends and is committed; the second never does.
    if value >= 1000:
        time.sleep(300)
    return value
spark.range(0, 2000, numPartitions=2).select(slow("id").alias("id")).write.parquet("s3://spark-killed/out/")
"""
    )

    def keys():
        return [info.key for info in aws.store.list("spark-killed")]

    def uploads():
        return [one["Key"] for one in s3.list_multipart_uploads(Bucket="spark-killed").get("Uploads", ())]

    cancel = threading.Event()

    def stop_when_a_task_has_committed():
        end = time.monotonic() + 240
        while time.monotonic() < end and not uploads():
            time.sleep(0.05)
        cancel.set()

    watcher = threading.Thread(target=stop_when_a_task_has_committed)
    watcher.start()
    outcome, lines = run(script, cancel=cancel)
    watcher.join()
    assert outcome.status == "stopped"
    assert len(uploads()) == 1, "the first task's file waits for the job's commit"
    assert [key for key in keys() if not key.endswith("/")] == []

    again, lines = run(
        HEAD
        + """
spark.range(0, 2000, numPartitions=2).write.mode("overwrite").parquet("s3://spark-killed/out/")
print(spark.read.parquet("s3://spark-killed/out/").count())
"""
    )
    assert (again.ok, lines) == (True, ["2000"])
    assert {key.split("/")[1].split("-")[0] for key in keys()} == {"_SUCCESS", "part"}


def test_overwriting_partitions(run, aws):
    aws.store.create_bucket("spark-partitions")
    outcome, lines = run(
        HEAD
        + """
place = "s3a://spark-partitions/t/"
def show():
    print(sorted(tuple(row) for row in spark.read.parquet(place).select("id", "part").collect()))
frame = spark.createDataFrame([(1, "a"), (2, "b b/=")], "id int, part string")
frame.write.partitionBy("part").parquet(place)
show()
new = spark.createDataFrame([(3, "a")], "id int, part string").write.mode("overwrite").partitionBy("part")
new.option("partitionOverwriteMode", "dynamic").parquet(place)
show()
new.option("partitionOverwriteMode", "static").parquet(place)
show()
spark.createDataFrame([(4, "c")], "id int, part string").write.mode("append").partitionBy("part").parquet(place)
show()
"""
    )
    assert outcome.ok, outcome
    assert lines == [
        "[(1, 'a'), (2, 'b b/=')]",
        "[(2, 'b b/='), (3, 'a')]",
        "[(3, 'a')]",
        "[(3, 'a'), (4, 'c')]",
    ]


def test_timeout_and_a_java_process_that_dies(run):
    outcome, _ = run("import time; time.sleep(60)", timeout=0.5)
    assert (outcome.status, outcome.error) == ("timeout", "The run did not end in 0.5 seconds.")
    outcome, _ = run(HEAD + "java.lang.Runtime.getRuntime().halt(7)")
    assert outcome.status == "failed"
    assert outcome.error.startswith("Spark's Java process ended unexpectedly")
    outcome, lines = run(HEAD + "print(spark.range(2).count())")
    assert (outcome.ok, lines) == (True, ["2"])


def test_a_place_that_is_not_free_is_waited_for_until_cancelled(run, host, monkeypatch):
    monkeypatch.setattr(host, "_places", threading.Semaphore(0))
    cancel = threading.Event()
    cancel.set()
    outcome, _ = run("print(1)", cancel=cancel)
    assert (outcome.status, outcome.error) == ("stopped", "The run was stopped while it waited for a free place.")


def test_java_ends_with_the_server(tmp_path):
    """A process of its own is killed while Spark is warm: neither Java nor the script's Python are left."""
    import signal
    import subprocess
    import sys

    pids = tmp_path / "pids"
    script = tmp_path / "script.py"
    script.write_text(
        HEAD
        + f"""
import os, pathlib, time
target = pathlib.Path({str(pids)!r})
target.with_suffix(".part").write_text(f"{{java.lang.ProcessHandle.current().pid()}} {{os.getpid()}}")
target.with_suffix(".part").rename(target)
time.sleep(300)
"""
    )
    server = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"""
from pathlib import Path
from localaws.server import Server
from localaws.spark.host import SparkHost
from localaws.spark.runs import SparkRun
with Server(Path({str(tmp_path / "data")!r})) as server:
    SparkHost.of(server.world).run(SparkRun(Path({str(script)!r})))
""",
        ],
        cwd=Path(__file__).parents[3],
    )
    try:
        _until(pids.exists)
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    for pid in pids.read_text().split():
        _until(lambda pid=pid: not _alive(int(pid)))


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def _until(true):
    end = time.monotonic() + 240
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)
