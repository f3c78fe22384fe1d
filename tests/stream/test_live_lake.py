"""From the stream into the lake: rows by Firehose, minutes by the function, stream and uploads in one view."""

import base64
import dataclasses
import datetime as dt
import io
import json
import time

import jinja2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace import contracts, delivered, resources
from millrace.provision import firehoses, streams
from tests.stream.conftest import wait

DATABASE = "transactions"
TODAY = time.strftime("%Y-%m-%d", time.gmtime())
SECRET = "someone.private@example.com"


def row(number, **changed):
    made = {
        "purchase_id": number,
        "purchase_date": TODAY,
        "customer_key": number,
        "product_id": "P0001",
        "amount": f"{number}.10",
        "region": "EUROPE",
        "status": "COMPLETED",
    }
    return {"PartitionKey": str(number), "Data": json.dumps({**made, **changed}).encode()}


@pytest.fixture(scope="module")
def ask(client):
    def run(sql, rows=True):
        athena = client("athena")
        name = athena.start_query_execution(
            QueryString=sql, QueryExecutionContext={"Database": DATABASE}, WorkGroup="millrace"
        )["QueryExecutionId"]

        def status():
            found = athena.get_query_execution(QueryExecutionId=name)["QueryExecution"]["Status"]
            return found if found["State"] not in ("QUEUED", "RUNNING") else None

        assert (ended := wait(status))["State"] == "SUCCEEDED", ended
        if not rows:
            return None
        found = athena.get_query_results(QueryExecutionId=name)["ResultSet"]["Rows"]
        return [tuple(cell.get("VarCharValue") for cell in each["Data"]) for each in found[1:]]

    return run


@pytest.fixture(scope="module")
def lake(client, provisioned):
    """The declared stream, reader and delivery, quick; with some purchases, of which some come again, and poison."""
    whole = resources.pipeline(DATABASE)
    (delivery,) = whole.firehoses
    declared = dataclasses.replace(whole, firehoses=(dataclasses.replace(delivery, buffer_s=1),))
    streams.make(provisioned, declared, enabled=True)
    firehoses.make(provisioned, declared)
    time.sleep(0.01)
    records = [
        row(1),
        row(2, amount=None),
        row(3),
        row(3, status="REFUNDED"),  # it was taken back
        row(4, status="OUT", amount="99999.00"),
        row(5, region="APAC"),
        row(6),
        row(1),  # a producer that was not sure
        row(8, note=SECRET),
        row(9, region="APAC", purchase_date="2001-02-03"),  # whatever the day of the purchase
        {"PartitionKey": "x", "Data": f"call {SECRET}".encode()},
    ]
    for record in records:  # in this order
        client("kinesis").put_record(StreamName="transactions", **record)
    yield client("s3")
    for mapping in client("lambda").list_event_source_mappings(FunctionName="transactions_metrics")[
        "EventSourceMappings"
    ]:
        client("lambda").delete_event_source_mapping(UUID=mapping["UUID"])
    client("firehose").delete_delivery_stream(DeliveryStreamName="transactions-live")


def objects(s3, prefix):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="millrace-final", Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def test_rows_lie_by_day_and_region(lake, ask):
    wait(lambda: ask("SELECT count(*) FROM transactions_live") == [("9",)])
    assert {key.rpartition("/")[0] for key in objects(lake, "transactions/transactions_live/")} == {
        f"transactions/transactions_live/day={TODAY}/region={region}" for region in ("APAC", "EUROPE")
    }
    assert ask(
        "SELECT purchase_id, customer_key, amount, status, region, CAST(purchase_date AS varchar), length(sequence), "
        "abs(date_diff('minute', arrived_at, CAST(current_timestamp AS timestamp))) < 5 "
        "FROM transactions_live ORDER BY purchase_id, sequence"
    ) == [
        ("1", "1", "1.10", "COMPLETED", "EUROPE", TODAY, "64", "true"),
        ("1", "1", "1.10", "COMPLETED", "EUROPE", TODAY, "64", "true"),
        ("2", "2", None, "COMPLETED", "EUROPE", TODAY, "64", "true"),
        ("3", "3", "3.10", "COMPLETED", "EUROPE", TODAY, "64", "true"),
        ("3", "3", "3.10", "REFUNDED", "EUROPE", TODAY, "64", "true"),
        ("4", "4", "99999.00", "OUT", "EUROPE", TODAY, "64", "true"),
        ("5", "5", "5.10", "COMPLETED", "APAC", TODAY, "64", "true"),
        ("6", "6", "6.10", "COMPLETED", "EUROPE", TODAY, "64", "true"),
        ("9", "9", "9.10", "COMPLETED", "APAC", "2001-02-03", "64", "true"),
    ]


def test_the_minutes_come_into_the_lake_however_often(lake, ask, client):
    lambda_, sqs = client("lambda"), client("sqs")
    url = sqs.get_queue_url(QueueName="transactions-dead")["QueueUrl"]
    wait(
        lambda: (
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["ApproximateNumberOfMessages"]
            == "2"
        )
    )
    for build in ("one", "two"):
        answer = lambda_.invoke(FunctionName="transactions_minutes", Payload=json.dumps({"build": build}).encode())
        assert list(json.loads(answer["Payload"].read())["days"]) in ([TODAY], [TODAY, TODAY])
    assert ask(
        "SELECT region, status, sum(purchases), sum(missing_amounts), sum(amount) FROM minute_metrics "
        "GROUP BY region, status ORDER BY region, status"
    ) == [
        ("APAC", "COMPLETED", "2", "0", "14.20"),
        ("EUROPE", "COMPLETED", "5", "1", "11.40"),
        ("EUROPE", "OUT", "1", "0", "99999.00"),
        ("EUROPE", "REFUNDED", "1", "0", "3.10"),
    ]
    shown = ask(resources.pipeline(DATABASE).query("live_minutes"))
    assert sum(int(each[3]) for each in shown) == 9


def live(name, params):
    """One of the live queries, as a run puts it."""
    return jinja2.Template(resources.pipeline(DATABASE).query(name)).render(params=params)


def look(ask):
    """Where a run looks back that is the first of its day."""
    days = [day for (day,) in ask(live("live_days", {}))]
    return {**delivered.periods(days, contracts.get(DATABASE, "transactions_clean")), "daily": True}


def make_views(ask, params):
    for name in ("live_streamed", "live_all"):
        ask(live(name, params), rows=False)


def checks(ask, params):
    return [each[:3] for each in ask(live("live_checks", params))]


def add_partition(client, table, period, region, location):
    storage = client("glue").get_table(DatabaseName=DATABASE, Name=table)["Table"]["StorageDescriptor"]
    client("glue").create_partition(
        DatabaseName=DATABASE,
        TableName=table,
        PartitionInput={"Values": [period, region], "StorageDescriptor": {**storage, "Location": location}},
    )


def batch(s3, client, table, period, region, rows):
    """Rows that uploads brought, as the batch publishes them."""
    schema = pa.schema(
        [
            ("purchase_id", pa.int64()),
            ("purchase_date", pa.date32()),
            ("customer_key", pa.int64()),
            ("product_id", pa.string()),
            ("amount", pa.decimal128(12, 2)),
            ("status", pa.string()),
        ]
    )
    body = io.BytesIO()
    columns = dict(zip(schema.names, zip(*rows, strict=True), strict=True))
    arrays = [pa.array(columns[field.name]).cast(field.type) for field in schema]
    pq.write_table(pa.table(arrays, schema=schema), body)
    key = f"transactions/{table}/build=test/period={period}/region={region}/part.parquet"
    s3.put_object(Bucket="millrace-final", Key=key, Body=body.getvalue())
    add_partition(client, table, period, region, f"s3://millrace-final/{key.rpartition('/')[0]}/")


def test_stream_and_uploads_meet_and_nothing_counts_twice(lake, ask, client):
    declared = resources.pipeline(DATABASE)
    make_views(ask, look(ask))
    seen = "SELECT purchase_id, region, status, amount, way FROM transactions_all ORDER BY purchase_id"
    assert ask(seen) == [
        ("1", "EUROPE", "COMPLETED", "1.10", "stream"),
        ("2", "EUROPE", "COMPLETED", None, "stream"),
        ("3", "EUROPE", "REFUNDED", "3.10", "stream"),
        ("5", "APAC", "COMPLETED", "5.10", "stream"),
        ("6", "EUROPE", "COMPLETED", "6.10", "stream"),
        ("9", "APAC", "COMPLETED", "9.10", "stream"),
    ]
    day = time.strftime("%Y-%m-%d", time.gmtime())
    # The upload says otherwise of 1, knows 2, has 7, which did not stream, and takes 6 for an outlier.
    rows = [(1, "CANCELLED", "1.10"), (2, "COMPLETED", "2.50"), (7, "COMPLETED", "7.00")]
    batch(
        lake,
        client,
        "transactions_clean",
        day[:7],
        "EUROPE",
        [(number, pa.scalar(day).cast(pa.date32()).as_py(), number, "P0001", amount, s) for number, s, amount in rows],
    )
    batch(
        lake,
        client,
        "transactions_outliers",
        day[:7],
        "EUROPE",
        [(6, pa.scalar(day).cast(pa.date32()).as_py(), 6, "P0001", "6000.00", "OUT")],
    )
    assert ask(seen) == [
        ("1", "EUROPE", "CANCELLED", "1.10", "batch"),
        ("2", "EUROPE", "COMPLETED", "2.50", "batch"),
        ("3", "EUROPE", "REFUNDED", "3.10", "stream"),
        ("5", "APAC", "COMPLETED", "5.10", "stream"),
        ("7", "EUROPE", "COMPLETED", "7.00", "batch"),
        ("9", "APAC", "COMPLETED", "9.10", "stream"),
    ]
    assert ask(declared.query("live_by_day")) == [
        (TODAY, "APAC", "1", "1", "5.10", "0", "0.00"),
        (TODAY, "EUROPE", "4", "1", "9.50", "1", "3.10"),
    ]
    assert checks(ask, look(ask)) == [
        ("minutes_are_unique", "error", "true"),
        ("nothing_is_counted_twice", "error", "true"),
        ("uploads_have_what_streamed", "warn", "true"),
        ("uploads_know_the_day", "warn", "true"),
    ]
    assert checks(ask, {**look(ask), "daily": False}) == checks(ask, look(ask))[:3]


def test_a_late_purchase_is_looked_for_in_its_own_period_and_the_others_are_not_read(lake, ask, client):
    """Partitions of other periods hold no Parquet at all: a query that read them would fail."""
    for period in ("2001-01", "2001-03", "2020-05"):
        key = f"transactions/transactions_clean/build=test/period={period}/region=APAC/broken.parquet"
        lake.put_object(Bucket="millrace-final", Key=key, Body=b"no Parquet")
        add_partition(client, "transactions_clean", period, "APAC", f"s3://millrace-final/{key.rpartition('/')[0]}/")
    late = dt.date(2001, 2, 3)
    batch(lake, client, "transactions_clean", "2001-02", "APAC", [(9, late, 9, "P0001", "9.50", "COMPLETED")])
    make_views(ask, look(ask))
    found = look(ask)
    assert "2001-02" in found["periods"] and "2020-05" not in found["periods"]
    assert checks(ask, {**found, "daily": False}) == [
        ("minutes_are_unique", "error", "true"),
        ("nothing_is_counted_twice", "error", "true"),
        ("uploads_have_what_streamed", "warn", "true"),
    ]
    assert ask("SELECT count(*) FROM transactions_streamed WHERE purchase_id = 9") == [("0",)]
    for period in ("2001-01", "2001-03", "2020-05"):
        client("glue").delete_partition(
            DatabaseName=DATABASE, TableName="transactions_clean", PartitionValues=[period, "APAC"]
        )


def test_a_record_of_a_period_that_the_view_does_not_know_waits_for_the_next_run(lake, ask):
    found = look(ask)
    make_views(ask, {**found, "periods": [TODAY[:7]]})  # as a run made it before the late one came
    batch_only = "SELECT way FROM transactions_all WHERE purchase_id = 9"
    assert ask(batch_only) == [("batch",)]
    make_views(ask, {**found, "periods": ["2001-02"]})
    assert ask("SELECT DISTINCT purchase_id FROM transactions_all WHERE way = 'stream'") == []
    make_views(ask, found)


def test_a_purchase_that_an_upload_dates_otherwise_is_told_of(lake, ask, client):
    other = dt.date(2019, 7, 1)
    batch(lake, client, "transactions_clean", "2019-07", "EUROPE", [(5, other, 5, "P0001", "5.10", "COMPLETED")])
    assert checks(ask, look(ask))[-1] == ("uploads_know_the_day", "warn", "false")
    client("glue").delete_partition(
        DatabaseName=DATABASE, TableName="transactions_clean", PartitionValues=["2019-07", "EUROPE"]
    )


def test_what_uploads_have_is_superseded_and_what_is_new_or_only_streamed_is_not(lake, ask):
    """Objects as Firehose left them some days ago: of purchases that uploads have, of one that they lack, of both."""
    before = dt.date.today() - dt.timedelta(days=3)
    (sample, *_) = [key for key in objects(lake, "transactions/transactions_live/") if "EUROPE" in key]
    schema = pq.read_schema(io.BytesIO(lake.get_object(Bucket="millrace-final", Key=sample)["Body"].read()))
    keys = {}
    for name, numbers in {"had": [1, 2, 6, 1], "lacked": [3], "both": [2, 3]}.items():
        rows = [
            {
                "purchase_id": number,
                "purchase_date": dt.date.fromisoformat(TODAY),
                "customer_key": number,
                "product_id": "P0001",
                "amount": None,
                "status": "COMPLETED",
                "arrived_at": dt.datetime.combine(before, dt.time(12)),
                "sequence": f"{number:064}",
            }
            for number in numbers
        ]
        body = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), body)
        keys[name] = f"transactions/transactions_live/day={before}/region=EUROPE/{name}.parquet"
        lake.put_object(Bucket="millrace-final", Key=keys[name], Body=body.getvalue())
    assert ask(live("live_merged", look(ask))) == [(f"s3://millrace-final/{keys['had']}",)]
    for key in keys.values():
        lake.delete_object(Bucket="millrace-final", Key=key)


def test_nothing_personal_is_in_any_object_letter_or_log(lake, client):
    for bucket in ("final", "processed", "rejects", "athena"):
        for page in lake.get_paginator("list_objects_v2").paginate(Bucket=f"millrace-{bucket}"):
            for item in page.get("Contents", []):
                body = lake.get_object(Bucket=f"millrace-{bucket}", Key=item["Key"])["Body"].read()
                assert SECRET.encode() not in body, item["Key"]
                assert base64.b64encode(SECRET.encode())[:20] not in body, item["Key"]
    assert objects(lake, "transactions/_errors/") == []
    logs = client("logs")
    lines = [
        event["message"]
        for name in ("metrics", "live", "minutes")
        for event in logs.filter_log_events(logGroupName=f"/aws/lambda/transactions_{name}")["events"]
    ]
    assert any("is no purchase" in line for line in lines)
    assert not any("example.com" in line for line in lines)


def test_provisioning_again_changes_nothing(lake, client, provisioned):
    declared = resources.pipeline(DATABASE)

    def state():
        (mapping,) = client("lambda").list_event_source_mappings(FunctionName="transactions_metrics")[
            "EventSourceMappings"
        ]
        queue = client("sqs").get_queue_url(QueueName="transactions-dead")["QueueUrl"]
        kept = ("UUID", "BatchSize", "MaximumBatchingWindowInSeconds", "MaximumRetryAttempts", "ParallelizationFactor")
        return (
            {name: mapping[name] for name in kept},
            mapping["DestinationConfig"]["OnFailure"]["Destination"],
            client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["MessageRetentionPeriod"])["Attributes"],
            client("dynamodb").describe_table(TableName="transactions_minutes")["Table"]["KeySchema"],
            client("kinesis").describe_stream_summary(StreamName="transactions")["StreamDescriptionSummary"][
                "OpenShardCount"
            ],
        )

    first = state()
    assert first[0] | {"UUID": ""} == {
        "UUID": "",
        "BatchSize": 1000,
        "MaximumBatchingWindowInSeconds": 1,
        "MaximumRetryAttempts": 5,
        "ParallelizationFactor": 1,
    }
    assert first[1] == "arn:aws:sqs:us-east-1:123456789012:transactions-dead"
    streams.make(provisioned, declared, enabled=True)
    assert state() == first


def test_what_is_declared_refers_to_what_is_declared():
    for slug in resources.slugs():
        declared = resources.pipeline(slug)
        names = {
            kind: {each.name for each in getattr(declared, kind)}
            for kind in ("streams", "queues", "tables", "functions")
        }
        for mapping in declared.mappings:
            assert mapping.stream in names["streams"] and mapping.dead_letters in names["queues"]
            assert mapping.function in names["functions"]
        for delivery in declared.firehoses:
            assert {delivery.stream} <= {None, *names["streams"]}
            assert {delivery.transform} <= {None, *names["functions"]}
