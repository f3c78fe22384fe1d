"""Crawls by S3 events, by "Accelerating crawls using Amazon S3 event notifications" in Glue's guide."""

import json
import time

import pytest

EVENT_MODE = {"RecrawlBehavior": "CRAWL_EVENT_MODE"}


@pytest.fixture
def queue(client, lake):
    """A queue to which the bucket's events go."""
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=lake.bucket)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    tell = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
    client("s3").put_bucket_notification_configuration(
        Bucket=lake.bucket, NotificationConfiguration={"QueueConfigurations": [tell]}
    )
    return Queue(sqs, url, arn)


class Queue:
    def __init__(self, sqs, url, arn):
        self.sqs, self.url, self.arn = sqs, url, arn

    def count(self):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        given = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(map(int, given.values()))

    def wait_for(self, count):
        end = time.monotonic() + 60
        while self.count() != count:
            assert time.monotonic() < end, self.count()
            time.sleep(0.005)


def create(lake, queue, **given):
    target = {"Path": f"s3://{lake.bucket}/t/", "EventQueueArn": queue.arn}
    lake.glue.create_crawler(
        Name=lake.crawler,
        Role="r",
        DatabaseName=lake.database,
        Targets={"S3Targets": [target]},
        RecrawlPolicy=EVENT_MODE,
        **given,
    )


def messages(client, lake):
    events = client("logs").get_log_events(logGroupName="/aws-glue/crawlers", logStreamName=lake.crawler)["events"]
    return [event["message"].partition("] ")[2] for event in events]


def run(lake):
    last = lake.run()
    assert last["Status"] == "SUCCEEDED", last


def test_events_tell_what_to_crawl(lake, queue, client):
    lake.put_parquet("t/day=1/f.parquet", id=[1])
    lake.put_parquet("t/day=2/f.parquet", id=[1])
    queue.wait_for(3)  # S3's test event too
    create(lake, queue, SchemaChangePolicy={"DeleteBehavior": "DELETE_FROM_DATABASE"})
    run(lake)
    assert set(lake.partitions("t")) == {("1",), ("2",)}
    assert "INFO : The crawl is not running in S3 event mode: it lists the whole target" in messages(client, lake)
    assert queue.count() == 0

    # Events of one new folder and of a deletion are there; those of another new folder are lost.
    lake.put_parquet("t/day=3/f.parquet", id=[1], extra=["x"])
    lake.put_parquet("t/day=4/f.parquet", id=[1])
    lake.store.delete(lake.bucket, "t/day=1/f.parquet")
    queue.wait_for(3)
    for message in queue.sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10)["Messages"]:
        about = {"QueueUrl": queue.url, "ReceiptHandle": message["ReceiptHandle"]}
        if "day%3D4" in message["Body"]:
            queue.sqs.delete_message(**about)
        else:
            queue.sqs.change_message_visibility(**about, VisibilityTimeout=0)
    run(lake)
    assert set(lake.partitions("t")) == {("2",), ("3",)}
    assert lake.columns("t") == [("id", "bigint"), ("extra", "string")]
    assert "INFO : The crawl is running by consuming Amazon S3 events: 2 folders changed" in messages(client, lake)
    assert queue.count() == 0


def test_without_events_nothing_is_crawled(lake, queue):
    create(lake, queue)
    lake.put_parquet("t/day=1/f.parquet", id=[1])
    queue.wait_for(2)
    run(lake)
    queue.sqs.purge_queue(QueueUrl=queue.url)
    lake.put_parquet("elsewhere/f.parquet", id=[1])
    queue.wait_for(1)
    run(lake)
    assert json.loads(lake.glue.list_crawls(CrawlerName=lake.crawler)["Crawls"][0]["Summary"]) == {
        "TABLE": {},
        "PARTITION": {},
    }
    assert queue.count() == 0


def test_a_crawl_that_fails_leaves_its_events(lake, queue):
    create(lake, queue)
    lake.put("t/f.avro", b"Obj\x01")
    queue.wait_for(2)
    assert lake.run()["Status"] == "FAILED"
    assert queue.count() == 2
    lake.store.delete(lake.bucket, "t/f.avro")
    lake.put_parquet("t/day=1/f.parquet", id=[1])
    queue.wait_for(4)
    run(lake)
    assert (set(lake.partitions("t")), queue.count()) == ({("1",)}, 0)


def test_a_change_of_the_crawler_lists_the_whole_target_once_more(lake, queue):
    create(lake, queue)
    lake.put_parquet("t/day=1/f.parquet", id=[1])
    queue.wait_for(2)
    run(lake)
    lake.put_parquet("t/day=2/f.parquet", id=[1])
    queue.wait_for(1)
    queue.sqs.purge_queue(QueueUrl=queue.url)
    run(lake)
    assert set(lake.partitions("t")) == {("1",)}
    lake.glue.update_crawler(Name=lake.crawler, Description="changed")
    run(lake)
    assert set(lake.partitions("t")) == {("1",), ("2",)}


def test_a_queue_that_does_not_exist_fails_the_crawl(lake, queue):
    create(lake, queue)
    queue.sqs.delete_queue(QueueUrl=queue.url)
    assert lake.run()["ErrorMessage"] == (f"EntityNotFoundException: The event queue {lake.bucket} does not exist.")
