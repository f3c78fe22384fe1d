"""The crawler's API: its states, its errors, what it refuses, and what outlives a restart."""

import datetime
import json
import os
import signal
import subprocess
import sys
import threading

import boto3
import pytest
from botocore.exceptions import ClientError

from localaws.glue import crawl as crawl_module
from localaws.glue.crawler import Crawler


def code(error):
    return error.value.response["Error"]["Code"]


def test_life_of_a_crawler(lake, glue):
    lake.put_parquet("t/f.parquet", id=[1])
    lake.create("t/", Description="what it is for", Tags={"team": "a"})
    crawler = glue.get_crawler(Name=lake.crawler)["Crawler"]
    assert crawler["State"] == "READY"
    assert "LastCrawl" not in crawler
    assert crawler["CrawlElapsedTime"] == 0
    assert crawler["Version"] == 1
    assert crawler["SchemaChangePolicy"] == {
        "UpdateBehavior": "UPDATE_IN_DATABASE",
        "DeleteBehavior": "DEPRECATE_IN_DATABASE",
    }
    assert crawler["Targets"] == {"S3Targets": [{"Path": f"s3://{lake.bucket}/t/", "Exclusions": []}]}

    started = datetime.datetime.now(datetime.UTC)
    last = lake.run()
    prefix = last.pop("MessagePrefix")
    assert abs(last.pop("StartTime") - started) < datetime.timedelta(seconds=10)
    assert last == {"Status": "SUCCEEDED", "LogGroup": "/aws-glue/crawlers", "LogStream": lake.crawler}

    (history,) = glue.list_crawls(CrawlerName=lake.crawler)["Crawls"]
    assert (history["CrawlId"], history["State"]) == (prefix, "COMPLETED")
    (metrics,) = glue.get_crawler_metrics(CrawlerNameList=[lake.crawler])["CrawlerMetricsList"]
    assert (metrics["TablesCreated"], metrics["TablesUpdated"], metrics["TablesDeleted"]) == (1, 0, 0)
    assert metrics["LastRuntimeSeconds"] > 0

    glue.update_crawler(Name=lake.crawler, TablePrefix="p_")
    assert glue.get_crawler(Name=lake.crawler)["Crawler"]["Version"] == 2
    lake.run()
    assert "p_t" in lake.tables()

    arn = f"arn:aws:glue:us-east-1:123456789012:crawler/{lake.crawler}"
    assert glue.list_crawlers(Tags={"team": "a"})["CrawlerNames"] == [lake.crawler]
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {"team": "a"}
    glue.tag_resource(ResourceArn=arn, TagsToAdd={"team": lake.crawler})
    assert glue.list_crawlers(Tags={"team": lake.crawler})["CrawlerNames"] == [lake.crawler]
    assert lake.crawler in [one["Name"] for one in glue.get_crawlers()["Crawlers"]]
    found = glue.batch_get_crawlers(CrawlerNames=[lake.crawler, "none"])
    assert ([one["Name"] for one in found["Crawlers"]], found["CrawlersNotFound"]) == ([lake.crawler], ["none"])

    glue.delete_crawler(Name=lake.crawler)
    with pytest.raises(ClientError) as error:
        glue.get_crawler(Name=lake.crawler)
    assert code(error) == "EntityNotFoundException"
    assert "p_t" in lake.tables()


@pytest.fixture
def held(lake, monkeypatch):
    """A crawl that waits until the test releases it."""
    release, reached = threading.Event(), threading.Event()
    listed = crawl_module.objects

    def slow(store, target):
        reached.set()
        release.wait(60)
        yield from listed(store, target)

    monkeypatch.setattr(crawl_module, "objects", slow)
    lake.put_parquet("t/f.parquet", id=[1])
    lake.create("t/")
    lake.glue.start_crawler(Name=lake.crawler)
    reached.wait(60)
    yield release
    release.set()
    lake.wait()


def test_a_running_crawler_is_not_started_changed_or_deleted(lake, glue, held):
    crawler = glue.get_crawler(Name=lake.crawler)["Crawler"]
    assert crawler["State"] == "RUNNING"
    assert glue.list_crawls(CrawlerName=lake.crawler)["Crawls"][0]["State"] == "RUNNING"
    for call in (glue.start_crawler, glue.delete_crawler, glue.update_crawler):
        with pytest.raises(ClientError) as error:
            call(Name=lake.crawler)
        assert code(error) == "CrawlerRunningException"
    held.set()
    assert lake.wait()["Status"] == "SUCCEEDED"


def test_stop(lake, glue, held):
    glue.stop_crawler(Name=lake.crawler)
    assert glue.get_crawler(Name=lake.crawler)["Crawler"]["State"] == "STOPPING"
    with pytest.raises(ClientError) as error:
        glue.stop_crawler(Name=lake.crawler)
    assert code(error) == "CrawlerStoppingException"
    held.set()
    assert lake.wait()["Status"] == "CANCELLED"
    assert glue.list_crawls(CrawlerName=lake.crawler)["Crawls"][0]["State"] == "STOPPED"
    assert lake.tables() == {}
    with pytest.raises(ClientError) as error:
        glue.stop_crawler(Name=lake.crawler)
    assert code(error) == "CrawlerNotRunningException"


def test_crawls_are_filtered_and_paged(lake, glue):
    lake.put_parquet("t/f.parquet", id=[1])
    lake.create("t/")
    for _ in range(3):
        lake.run()
    everything = glue.list_crawls(CrawlerName=lake.crawler)["Crawls"]
    first = glue.list_crawls(CrawlerName=lake.crawler, MaxResults=2)
    second = glue.list_crawls(CrawlerName=lake.crawler, MaxResults=2, NextToken=first["NextToken"])
    assert first["Crawls"] + second["Crawls"] == everything
    assert "NextToken" not in second
    newest = everything[0]["CrawlId"]
    only = {"FieldName": "CRAWL_ID", "FilterOperator": "EQ", "FieldValue": newest}
    assert [c["CrawlId"] for c in glue.list_crawls(CrawlerName=lake.crawler, Filters=[only])["Crawls"]] == [newest]
    failed = {"FieldName": "STATE", "FilterOperator": "EQ", "FieldValue": "FAILED"}
    assert glue.list_crawls(CrawlerName=lake.crawler, Filters=[failed])["Crawls"] == []


def test_a_bucket_that_does_not_exist_fails_the_crawl(lake, glue):
    lake.create("t/")
    targets = {"S3Targets": [{"Path": "s3://no-such-bucket-anywhere/t/"}]}
    glue.update_crawler(Name=lake.crawler, Targets=targets)
    last = lake.run()
    assert (last["Status"], last["ErrorMessage"]) == (
        "FAILED",
        "NoSuchBucket: The specified bucket does not exist",
    )


def test_names_are_unique_and_must_exist(lake, glue):
    lake.create("t/")
    with pytest.raises(ClientError) as error:
        lake.create("t/")
    assert code(error) == "AlreadyExistsException"
    for call in (glue.start_crawler, glue.stop_crawler, glue.delete_crawler, glue.get_crawler, glue.update_crawler):
        with pytest.raises(ClientError) as error:
            call(Name="no such crawler")
        assert code(error) == "EntityNotFoundException"


S3 = {"S3Targets": [{"Path": "s3://bucket/t/"}]}


@pytest.mark.parametrize(
    "settings",
    [
        {"Targets": {"JdbcTargets": [{"ConnectionName": "c", "Path": "db/%"}]}},
        {"Targets": {"DynamoDBTargets": [{"Path": "t"}]}},
        {"Targets": {"DeltaTargets": [{"DeltaTables": ["s3://b/t/"]}]}},
        {"Targets": {"S3Targets": [{"Path": "s3://b/t/", "DlqEventQueueArn": "arn:aws:sqs:us-east-1:1:q"}]}},
        {"Targets": S3, "LakeFormationConfiguration": {"UseLakeFormationCredentials": True}},
        {"Targets": S3, "CrawlerSecurityConfiguration": "c"},
    ],
)
def test_what_cannot_be_done_for_real_is_refused(glue, settings):
    with pytest.raises(ClientError) as error:
        glue.create_crawler(Name="refused", Role="r", **settings)
    assert code(error) == "NotSupportedByLocalAws"
    assert "refused" not in glue.list_crawlers()["CrawlerNames"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"Targets": {}}, "at least one target"),
        ({"Targets": {"S3Targets": [{"Path": "bucket/t"}]}}, "'bucket/t' is not of the form s3://"),
        ({"Targets": {"S3Targets": [{"Path": "s3://b/t", "Exclusions": ["[a"]}]}}, "a \\[ is not closed"),
        ({"Targets": S3, "Classifiers": ["none"]}, "The classifier none does not exist"),
        ({"Targets": S3, "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVENT_MODE"}}, "with an EventQueueArn"),
        ({"Targets": {"S3Targets": [{"Path": "s3://b/t", "EventQueueArn": "q"}]}}, "needs the RecrawlBehavior"),
        ({"Targets": S3, "RecrawlPolicy": {"RecrawlBehavior": "SOMETIMES"}}, "RecrawlBehavior is 'SOMETIMES'"),
        ({"Targets": S3, "Schedule": "every day"}, "not of the form cron"),
        ({"Targets": S3, "Configuration": "{"}, "is not JSON"),
        ({"Targets": S3, "Configuration": '{"Version": 2}'}, "Version is 2"),
        ({"Targets": S3, "Configuration": '{"Grouping": {"Other": 1}}'}, "Grouping.Other is not known"),
        ({"Targets": S3, "Configuration": '{"Grouping": {"TableLevelConfiguration": 0}}'}, "positive integer"),
    ],
)
def test_bad_definitions(glue, settings, message):
    with pytest.raises(ClientError, match=message) as error:
        glue.create_crawler(Name="bad", Role="r", **settings)
    assert code(error) == "InvalidInputException"


def test_a_crawl_that_a_crash_cut_off_has_failed(lake, glue, held, aws):
    for kept in json.loads((aws.data / "glue" / "crawlers.json").read_text()):
        if kept["definition"]["Name"] == lake.crawler:
            break
    crawler = Crawler.from_json(kept).describe()
    assert crawler["State"] == "READY"
    assert crawler["LastCrawl"]["Status"] == "FAILED"
    assert crawler["LastCrawl"]["ErrorMessage"] == "The embedded AWS ended during the crawl."


def serve(data):
    """The embedded AWS in a process of its own, and a Glue and an S3 client on it."""
    script = (
        "import sys, threading, pathlib; from localaws.server import Server\n"
        "with Server(pathlib.Path(sys.argv[1])) as server:\n"
        "    print(server.endpoint, flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    endpoint = process.stdout.readline().strip()
    clients = [
        boto3.client(
            service,
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        for service in ("glue", "s3")
    ]
    return process, *clients


def test_crawlers_and_catalog_outlive_a_restart(tmp_path):
    process, glue, s3 = serve(tmp_path)
    glue.create_database(DatabaseInput={"Name": "db", "Description": "d"})
    storage = {"Columns": [{"Name": "a", "Type": "int"}], "Location": "s3://b/t/"}
    table = {"Name": "t", "PartitionKeys": [{"Name": "day", "Type": "string"}], "StorageDescriptor": storage}
    glue.create_table(DatabaseName="db", TableInput=table)
    glue.update_table(DatabaseName="db", TableInput={**table, "Description": "second"})
    glue.create_table(DatabaseName="db", TableInput={"Name": "dropped"})
    part = {"Values": ["2024-01-01"], "StorageDescriptor": {**storage, "Location": "s3://b/t/day=2024-01-01/"}}
    glue.create_partition(DatabaseName="db", TableName="t", PartitionInput=part)
    glue.delete_table(DatabaseName="db", Name="dropped")
    s3.create_bucket(Bucket="some-bucket")
    s3.put_object(Bucket="some-bucket", Key="x/f.csv", Body=b"id,n\n1,2\n")
    targets = {"S3Targets": [{"Path": "s3://some-bucket/x/"}]}
    glue.create_crawler(Name="c", Role="r", DatabaseName="db", Targets=targets, Tags={"kept": "yes"})
    index = {"IndexName": "by_day", "Keys": ["day"]}
    glue.create_partition_index(DatabaseName="db", TableName="t", PartitionIndex=index)
    before = [
        glue.get_table(DatabaseName="db", Name="t")["Table"],
        glue.get_partitions(DatabaseName="db", TableName="t")["Partitions"],
        glue.get_databases()["DatabaseList"],
        glue.get_crawler(Name="c")["Crawler"],
    ]
    process.communicate("", timeout=60)
    assert process.returncode == 0

    process, glue, s3 = serve(tmp_path)
    after = [
        glue.get_table(DatabaseName="db", Name="t")["Table"],
        glue.get_partitions(DatabaseName="db", TableName="t")["Partitions"],
        glue.get_databases()["DatabaseList"],
        glue.get_crawler(Name="c")["Crawler"],
    ]
    assert json.dumps(after, default=str) == json.dumps(before, default=str)
    versions = glue.get_table_versions(DatabaseName="db", TableName="t")["TableVersions"]
    assert [version["VersionId"] for version in versions] == ["2", "1"]
    assert [one["Name"] for one in glue.get_tables(DatabaseName="db")["TableList"]] == ["t"]

    assert glue.list_crawlers(Tags={"kept": "yes"})["CrawlerNames"] == ["c"]
    (described,) = glue.get_partition_indexes(DatabaseName="db", TableName="t")["PartitionIndexDescriptorList"]
    assert described == {
        "IndexName": "by_day",
        "Keys": [{"Name": "day", "Type": "string"}],
        "IndexStatus": "ACTIVE",
    }

    # What is older than the regular save outlives a kill too.
    glue.update_table(DatabaseName="db", TableInput={**table, "Description": "third"})
    wait_for(tmp_path, "third")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process, glue, s3 = serve(tmp_path)
    assert glue.get_table(DatabaseName="db", Name="t")["Table"]["Description"] == "third"
    process.communicate("", timeout=60)


def wait_for(folder, text):
    for _ in range(1200):
        if any(text in path.read_text() for path in (folder / "glue" / "catalog").glob("*/table-*.json")):
            return
        threading.Event().wait(0.05)
    raise AssertionError(f"{text!r} was not saved")
