"""Each record of the stream is counted once, whatever comes again, dies or cannot be read."""

import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.stream.conftest import expected, wait


def purchase(number, **changed):
    row = {
        "purchase_id": number,
        "purchase_date": "2026-02-28",
        "customer_key": number,
        "product_id": "P0001",
        "amount": f"{number}.25" if number % 5 else None,
        "region": ("EUROPE", "APAC")[number % 2],
        "status": ("COMPLETED", "COMPLETED", "REFUNDED")[number % 3],
    }
    return str(number), {**row, **changed}


def totals(counted):
    return tuple(sum(column) for column in zip(*counted.values(), strict=True))


def test_all_records_are_counted_and_told_to_cloudwatch(live, client):
    live.deploy()
    live.start()
    live.put(*[purchase(number) for number in range(1, 301)])
    wait(lambda: live.counted() == expected(live))
    assert totals(live.counted()) == (300, 60, sum(n * 100 + 25 for n in range(1, 301) if n % 5))
    minutes = sorted({key[0] for key in live.counted()})
    dimensions = [{"Name": "Region", "Value": "APAC"}, {"Name": "Status", "Value": "REFUNDED"}]
    told = client("cloudwatch").get_metric_statistics(
        Namespace=f"Test/{live.number}",
        MetricName="Purchases",
        Dimensions=dimensions,
        StartTime=f"{minutes[0]}:00Z",
        EndTime=f"{minutes[-1]}:59Z",
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    assert sum(point["Maximum"] for point in told) == 50


def test_duplicate_late_and_overlapping_deliveries_at_once_change_nothing(live):
    """As if two readers with different batches, one of them a restarted one, gave the same records again and again."""
    live.deploy()
    live.start(enabled=False)
    live.put(*[purchase(number) for number in range(1, 201)])
    rng = random.Random(1)
    events = []
    for shard, records in live.records().items():
        # In order at first, in batches of any size; then anything again, from anywhere.
        at = 0
        while at < len(records):
            size = rng.randint(1, 40)
            events.append(live.event(shard, records[at : at + size]))
            at += size
    for event in events:
        invoke(live, event)
    assert live.counted() == expected(live)
    again = []
    for shard, records in live.records().items():
        for _ in range(15):
            start = rng.randrange(len(records))
            again.append(live.event(shard, records[start : start + rng.randint(1, 60)]))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda event: invoke(live, event), again))
    assert live.counted() == expected(live)
    assert totals(live.counted())[0] == 200


def test_readers_of_the_same_batch_at_the_same_time_count_it_once(live):
    live.deploy()
    live.start(enabled=False)
    live.put(*[purchase(number) for number in range(1, 101)])
    events = [live.event(shard, records) for shard, records in live.records().items()]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda event: invoke(live, event), events * 3))
    assert live.counted() == expected(live)


def invoke(live, event):
    answer = live.lambda_.invoke(FunctionName=live.function, Payload=json.dumps(event).encode())
    body = json.loads(answer["Payload"].read())
    assert body == {"batchItemFailures": []}, body


@pytest.mark.parametrize("handler", ["killer.after", "killer.between"])
def test_a_function_that_is_killed_while_it_works(live, tmp_path, handler):
    live.deploy(handler, tmp_path)
    live.start()
    live.put(*[purchase(number) for number in range(1, 151)])
    wait(lambda: live.counted() == expected(live))
    assert len(list(tmp_path.iterdir())) >= 2  # so often it died
    assert totals(live.counted())[0] == 150
    assert live.dead() == []


def test_poison_goes_to_the_dead_letters_and_all_else_is_counted(live):
    live.deploy()
    records = [purchase(number) for number in range(1, 121)]
    records[0] = ("1", b"not json")
    records[40] = purchase(41, region="ATLANTIS")
    records[41] = purchase(42, note="reach me at someone@example.com", region="NOWHERE")
    records[119] = ("120", b"")
    live.start(enabled=False)
    live.put(*records)
    live.start()
    letters = []

    def told():
        letters.extend(live.dead())
        return len(letters) >= 4

    wait(told)
    wait(lambda: live.counted() == expected(live))
    assert totals(live.counted())[0] == 116
    poison = sorted(
        (shard, record["SequenceNumber"])
        for shard, some in live.records().items()
        for record in some
        if record["PartitionKey"] in ("1", "41", "42", "120")
    )
    assert sorted((letter["shardId"], letter["startSequenceNumber"]) for letter in letters) == poison
    assert {letter["batchSize"] for letter in letters} == {1}
    assert "example.com" not in json.dumps(letters)


def test_a_reader_that_begins_again_from_the_start_counts_nothing_twice(live):
    live.deploy()
    live.start()
    live.put(*[purchase(number) for number in range(1, 81)])
    wait(lambda: live.counted() == expected(live))
    live.stop()
    live.put(*[purchase(number) for number in range(81, 101)])
    live.start()  # a new mapping, which reads from the oldest record on
    wait(lambda: totals(live.counted())[0] == 100)
    assert live.counted() == expected(live)
