"""Crawlers by schedule, and the events of their crawls."""

import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from localaws.core import Call, World
from localaws.glue.catalog import Catalog
from localaws.glue.classifiers import Classifiers
from localaws.glue.crawler import Crawler
from localaws.glue.crawlers import Crawlers
from localaws.glue.timetable import Timetable
from localaws.s3.store import Store
from localaws.server import Server

NIGHTLY = "cron(15 12 * * ? *)"


def code(error):
    return error.value.response["Error"]["Code"]


def test_the_api(lake, glue):
    lake.put_parquet("t/f.parquet", id=[1])
    lake.create("t/", Schedule=NIGHTLY)
    name = lake.crawler

    def schedule():
        return glue.get_crawler(Name=name)["Crawler"].get("Schedule")

    assert schedule() == {"ScheduleExpression": NIGHTLY, "State": "SCHEDULED"}
    with pytest.raises(ClientError) as error:
        glue.start_crawler_schedule(CrawlerName=name)
    assert code(error) == "SchedulerRunningException"
    glue.stop_crawler_schedule(CrawlerName=name)
    assert schedule() == {"ScheduleExpression": NIGHTLY, "State": "NOT_SCHEDULED"}
    with pytest.raises(ClientError) as error:
        glue.stop_crawler_schedule(CrawlerName=name)
    assert code(error) == "SchedulerNotRunningException"
    glue.start_crawler_schedule(CrawlerName=name)
    glue.update_crawler_schedule(CrawlerName=name, Schedule="cron(0/10 * ? * MON-FRI *)")
    assert schedule() == {"ScheduleExpression": "cron(0/10 * ? * MON-FRI *)", "State": "SCHEDULED"}
    glue.update_crawler(Name=name, Description="the schedule stays")
    assert schedule()["ScheduleExpression"] == "cron(0/10 * ? * MON-FRI *)"
    glue.update_crawler(Name=name, Schedule="")
    assert schedule() is None
    with pytest.raises(ClientError) as error:
        glue.start_crawler_schedule(CrawlerName=name)
    assert code(error) == "NoScheduleException"
    with pytest.raises(ClientError) as error:
        glue.update_crawler_schedule(CrawlerName=name, Schedule="cron(* * * * ? *)")
    assert code(error) == "InvalidInputException"
    for call in (glue.start_crawler_schedule, glue.stop_crawler_schedule, glue.update_crawler_schedule):
        with pytest.raises(ClientError) as error:
            call(CrawlerName="no such crawler")
        assert code(error) == "EntityNotFoundException"


class Events:
    """Stands for EventBridge: keeps what is put."""

    def __init__(self):
        self.put_events = []

    def put(self, source, detail_type, detail, resources=()):
        self.put_events.append((source, detail_type, detail, list(resources)))


class Bench:
    def __init__(self, folder):
        self.now = datetime(2024, 2, 27, 12, 3, tzinfo=UTC)
        self.events = Events()
        self.world = World(folder, "http://127.0.0.1:0", Store(folder / "s3"), Catalog(), {"events": self.events})
        self.open()

    def open(self):
        self.timetable = Timetable(lambda: self.now)
        self.crawlers = Crawlers(self.world, self.timetable, Classifiers(self.world.data / "classifiers"))

    def close(self):
        self.timetable.close()
        self.crawlers.close()

    def create(self, name, bucket, **given):
        self.world.store.create_bucket(bucket)
        targets = {"S3Targets": [{"Path": f"s3://{bucket}/t/"}]}
        self.crawlers.create({"Name": name, "Role": "r", "DatabaseName": "db", "Targets": targets, **given})

    def pass_to(self, *moment):
        """Let time pass, and end the crawls that it starts; how many there were by now."""
        self.now = datetime(*moment, tzinfo=UTC)
        self.timetable.run_due()
        self.wait()
        return len(self.crawlers.get("c").history)

    def wait(self):
        for crawler in self.crawlers.all():
            if crawler.thread is not None:
                crawler.thread.join(60)
                assert not crawler.thread.is_alive()


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def test_a_schedule_runs_the_crawler(bench):
    bench.create("c", "bucket", Schedule=NIGHTLY)
    assert bench.pass_to(2024, 2, 27, 12, 14) == 0
    assert bench.pass_to(2024, 2, 27, 12, 15) == 1
    assert bench.pass_to(2024, 2, 28, 12, 14) == 1
    bench.close()
    bench.open()  # the schedule outlives a restart
    assert bench.pass_to(2024, 2, 28, 12, 15) == 2
    bench.crawlers.reschedule("c", Crawler.stop_schedule)
    assert bench.pass_to(2024, 2, 29, 12, 15) == 2
    bench.crawlers.reschedule("c", Crawler.start_schedule)
    assert bench.pass_to(2024, 3, 1, 12, 15) == 3
    bench.crawlers.delete("c")
    bench.now = datetime(2024, 3, 2, 12, 15, tzinfo=UTC)
    bench.timetable.run_due()
    assert bench.crawlers.all() == []


def test_a_schedule_that_finds_the_crawler_running_starts_nothing(bench, caplog):
    bench.create("c", "bucket", Schedule=NIGHTLY)
    crawler = bench.crawlers.get("c")
    crawler.state = "RUNNING"
    assert bench.pass_to(2024, 2, 27, 12, 15) == 0
    assert "crawler c is not started by its schedule: Crawler with name c has already started" in caplog.text
    crawler.state = "READY"


def test_events_of_a_crawl_that_succeeds(bench):
    """The shapes are those of AWS's sample events and of a real event in public tests."""
    bench.create("c", "bucket")
    for day in (1, 2):
        bench.world.store.put("bucket", f"t/day={day}/f.csv", b"id,n\n1,2\n")
    bench.crawlers.start("c")
    bench.wait()
    (source, kind, started, resources), (_, _, succeeded, _) = bench.events.put_events
    assert (source, kind, resources) == ("aws.glue", "Glue Crawler State Change", [])
    begun = datetime.strptime(started.pop("startTime"), "%Y-%m-%dT%H:%M:%SZ")
    assert started == {
        "accountId": "123456789012",
        "crawlerName": "c",
        "state": "Started",
        "message": "Crawler Started",
    }
    assert datetime.strptime(succeeded.pop("completionDate"), "%Y-%m-%dT%H:%M:%SZ") >= begun
    assert succeeded.pop("runningTime (sec)").isdigit()
    assert succeeded == {
        "accountId": "123456789012",
        "crawlerName": "c",
        "state": "Succeeded",
        "message": "Crawler Succeeded",
        "tablesCreated": "1",
        "tablesUpdated": "0",
        "tablesDeleted": "0",
        "partitionsCreated": "2",
        "partitionsUpdated": "0",
        "partitionsDeleted": "0",
        "warningMessage": "N/A",
        "cloudWatchLogLink": "https://console.aws.amazon.com/cloudwatch/home?region=us-east-1#logEventViewer"
        ":group=/aws-glue/crawlers;stream=c",
    }


def test_events_of_a_crawl_that_fails(bench):
    bench.create("c", "bucket", Targets={"S3Targets": [{"Path": "s3://no-such-bucket/t/"}]})
    bench.crawlers.start("c")
    bench.wait()
    assert [event[2]["state"] for event in bench.events.put_events] == ["Started", "Failed"]
    assert bench.events.put_events[1][2] == {
        "accountId": "123456789012",
        "crawlerName": "c",
        "state": "Failed",
        "message": "Crawler Failed",
        "errorMessage": "NoSuchBucket: The specified bucket does not exist",
        "cloudWatchLogLink": "https://console.aws.amazon.com/cloudwatch/home?region=us-east-1#logEventViewer"
        ":group=/aws-glue/crawlers;stream=c",
    }


def test_an_event_reaches_a_rule_s_queue(lake, client):
    """Through the real EventBridge engine."""
    events, sqs = client("events"), client("sqs")
    queue = sqs.create_queue(QueueName=lake.bucket)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {
        "source": ["aws.glue"],
        "detail-type": ["Glue Crawler State Change"],
        "detail": {"crawlerName": [lake.crawler], "state": ["Succeeded"]},
    }
    events.put_rule(Name=lake.bucket, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=lake.bucket, Targets=[{"Id": "queue", "Arn": arn}])
    lake.put_parquet("t/f.parquet", id=[1])
    lake.crawl("t/")
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    event = json.loads(message["Body"])
    assert (event["detail-type"], event["source"]) == ("Glue Crawler State Change", "aws.glue")
    assert (event["detail"]["crawlerName"], event["detail"]["tablesCreated"]) == (lake.crawler, "1")


def test_schedules_go_on_with_the_server_before_anybody_asks_for_glue(tmp_path):
    with Server(tmp_path) as server:
        engine = server.engines["glue"]
        server.store.create_bucket("bucket")
        targets = {"S3Targets": [{"Path": "s3://bucket/t/"}]}
        engine.operations["CreateCrawler"](
            Call("glue", "CreateCrawler", {"Name": "c", "Role": "r", "Targets": targets, "Schedule": NIGHTLY})
        )
    with Server(tmp_path) as server:
        assert "glue" in server.engines
        assert [crawler.is_scheduled() for crawler in server.engines["glue"]._crawlers.all()] == [True]
