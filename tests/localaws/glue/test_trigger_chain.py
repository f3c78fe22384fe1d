"""A chain of triggers with real runs: a job writes, a crawler finds it, another job tells of it."""

import time

import pytest

SCRIPT = b"""
import sys, boto3
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
boto3.client("s3").put_object(Bucket=given["--bucket"], Key=given["--key"], Body=b"id,n\\n1,2\\n")
"""


@pytest.fixture
def job(lake, glue):
    lake.put("script.py", SCRIPT)

    def create(name):
        glue.create_job(
            Name=f"{lake.bucket}-{name}",
            Role="r",
            Command={"Name": "pythonshell", "PythonVersion": "3.9", "ScriptLocation": f"s3://{lake.bucket}/script.py"},
            DefaultArguments={"--bucket": lake.bucket, "--key": "never"},
        )
        return f"{lake.bucket}-{name}"

    return create


def test_job_to_crawler_to_job(lake, glue, job):
    lake.create("t/")
    first, last = job("first"), job("last")
    write = {"JobName": first, "Arguments": {"--key": "t/day=1/f.csv"}, "Timeout": 5}
    glue.create_trigger(Name=f"{first}-go", Type="ON_DEMAND", Actions=[write])
    after = {"JobName": first, "State": "SUCCEEDED", "LogicalOperator": "EQUALS"}
    crawl = [{"CrawlerName": lake.crawler}]
    crawled = {"CrawlerName": lake.crawler, "CrawlState": "SUCCEEDED", "LogicalOperator": "EQUALS"}
    tell = [{"JobName": last, "Arguments": {"--key": "told"}}]
    for name, condition, actions in (("crawl", after, crawl), ("tell", crawled, tell)):
        glue.create_trigger(
            Name=f"{first}-{name}",
            Type="CONDITIONAL",
            Predicate={"Conditions": [condition]},
            Actions=actions,
            StartOnCreation=True,
        )
    assert glue.get_triggers(DependentJobName=last)["Triggers"][0]["Name"] == f"{first}-tell"

    glue.start_trigger(Name=f"{first}-go")

    end = time.monotonic() + 120
    while not (runs := glue.get_job_runs(JobName=last)["JobRuns"]) or runs[0]["JobRunState"] in ("STARTING", "RUNNING"):
        assert time.monotonic() < end, glue.get_job_runs(JobName=first)["JobRuns"]
        time.sleep(0.02)
    assert [run["JobRunState"] for run in runs] == ["SUCCEEDED"]
    assert runs[0]["TriggerName"] == f"{first}-tell"
    (written,) = glue.get_job_runs(JobName=first)["JobRuns"]
    assert (written["TriggerName"], written["Timeout"]) == (f"{first}-go", 5)
    assert lake.partitions("t") == {("1",): "t/day=1/"}
    assert [info.key for info in lake.store.list(lake.bucket, "told")] == ["told"]
