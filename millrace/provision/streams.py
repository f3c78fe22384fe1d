"""Kinesis streams, the functions that are given their records, and the queues and tables that these functions need."""

from __future__ import annotations

from millrace.kinds import KeyTable, Queue, SourceMapping, Stream
from millrace.provision.account import Account
from millrace.provision.account import make as create
from millrace.resources import Pipeline


def make(account: Account, declared: Pipeline, *, enabled: bool) -> None:
    """Make what the pipeline's streams need. Without `enabled` functions are not given records yet."""
    for stream in declared.streams:
        _stream(account, stream)
    for queue in declared.queues:
        _queue(account, queue)
    for table in declared.tables:
        _table(account, table)
    for mapping in declared.mappings:
        _mapping(account, mapping, enabled)


def _stream(account: Account, stream: Stream) -> None:
    kinesis = account.client("kinesis")
    if create(kinesis.create_stream, StreamName=stream.name, ShardCount=stream.shards):
        kinesis.get_waiter("stream_exists").wait(StreamName=stream.name)
    now = kinesis.describe_stream_summary(StreamName=stream.name)["StreamDescriptionSummary"]["RetentionPeriodHours"]
    if now < stream.retention_h:
        kinesis.increase_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=stream.retention_h)


def _queue(account: Account, queue: Queue) -> None:
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName=queue.name)["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": str(queue.retention_d * 86_400)})


def _table(account: Account, table: KeyTable) -> None:
    create(
        account.client("dynamodb").create_table,
        TableName=table.name,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in table.key],
        KeySchema=[
            {"AttributeName": name, "KeyType": kind} for name, kind in zip(table.key, ("HASH", "RANGE"), strict=False)
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def _mapping(account: Account, mapping: SourceMapping, enabled: bool) -> None:
    functions = account.client("lambda")
    arn = account.arn("kinesis", f"stream/{mapping.stream}")
    settings = {
        "FunctionName": mapping.function,
        "Enabled": enabled,
        "BatchSize": mapping.batch,
        "MaximumBatchingWindowInSeconds": mapping.window_s,
        "ParallelizationFactor": 1,  # in order, which what counts exactly once goes by
        "BisectBatchOnFunctionError": True,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "MaximumRetryAttempts": mapping.retries,
        "DestinationConfig": {"OnFailure": {"Destination": account.arn("sqs", mapping.dead_letters)}},
    }
    known = functions.list_event_source_mappings(EventSourceArn=arn, FunctionName=mapping.function)
    if found := known["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=found[0]["UUID"], **settings)
    else:
        functions.create_event_source_mapping(EventSourceArn=arn, StartingPosition="TRIM_HORIZON", **settings)
