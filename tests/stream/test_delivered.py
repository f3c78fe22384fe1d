"""What was delivered since last time, however the times of objects lie."""

import dataclasses
import datetime as dt

import pytest

from millrace import contracts, delivered

TABLE = contracts.get("transactions", "transactions_live")
FOLDER = TABLE.location.partition("/")[2]


@pytest.fixture
def s3(client, request):
    """A bucket pair of the test's own."""
    client = client("s3")
    prefix = f"d{abs(hash(request.node.name)) % 10**8}"
    for name in ("final", "processed"):
        client.create_bucket(Bucket=f"{prefix}-{name}")
    client.prefix = prefix
    return client


def deliver(s3, day, name):
    s3.put_object(Bucket=f"{s3.prefix}-final", Key=f"{FOLDER}day={day}/region=APAC/{name}", Body=b"")


def look(s3):
    return delivered.since_last(s3, s3.prefix, TABLE)


def mark(s3, found):
    delivered.mark(s3, s3.prefix, TABLE, found["seen"])


TODAY = dt.datetime.now(dt.UTC).date()


def test_only_what_is_new_and_all_of_it_until_it_is_marked(s3):
    assert look(s3) is None
    deliver(s3, "2020-01-01", "a")
    deliver(s3, TODAY, "b")
    first = look(s3)
    assert (first["objects"], first["days"]) == (2, ["2020-01-01", str(TODAY)])
    assert look(s3) == first  # a run that died
    deliver(s3, TODAY, "c")  # while a run is at work
    mark(s3, first)
    second = look(s3)
    assert (second["objects"], second["days"]) == (1, [str(TODAY)])
    mark(s3, second)
    assert look(s3) is None
    deliver(s3, TODAY, "0")  # sorts before all the others
    assert look(s3)["objects"] == 1


def test_a_run_that_is_late_does_not_forget_what_another_saw(s3):
    deliver(s3, TODAY, "a")
    early = look(s3)
    later = {"newest": (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=5)).isoformat(), "keys": ["x"]}
    delivered.mark(s3, s3.prefix, TABLE, later)
    mark(s3, early)
    assert look(s3)["seen"]["newest"] == later["newest"]


def test_the_first_run_that_sees_something_of_a_day_is_told_so(s3):
    deliver(s3, TODAY, "a")
    first = look(s3)
    assert first["daily"] and look(s3)["daily"]  # until it is marked
    mark(s3, first)
    deliver(s3, TODAY, "b")
    assert look(s3)["daily"] is (first["seen"]["newest"][:10] != look(s3)["seen"]["newest"][:10])
    yesterday = {"newest": (dt.datetime.now(dt.UTC) - dt.timedelta(days=1)).isoformat(), "keys": []}
    s3.delete_object(Bucket=f"{s3.prefix}-processed", Key="_ledger/transactions/_delivered/transactions_live.json")
    delivered.mark(s3, s3.prefix, TABLE, yesterday)
    assert look(s3)["daily"]


@pytest.mark.parametrize(
    ("days", "by_month", "by_day"),
    [
        (["2026-03-14"], ["2026-03"], ["2026-03-13", "2026-03-14", "2026-03-15"]),
        (["2026-03-31", "2001-02-03"], ["2001-02", "2026-03", "2026-04"], None),
        (
            ["0001-01-01", "9999-12-31"],
            ["0001-01", "9999-12"],
            ["0001-01-01", "0001-01-02", "9999-12-30", "9999-12-31"],
        ),
        ([], [], []),
    ],
)
def test_days_name_their_periods_and_those_of_the_days_beside_them(days, by_month, by_day):
    clean = contracts.get("transactions", "transactions_clean")
    assert delivered.periods(days, clean) == {"periods": by_month, "digits": 7}
    if by_day is not None:
        assert delivered.periods(days, dataclasses.replace(clean, period="day")) == {"periods": by_day, "digits": 10}


def test_superseded_objects_are_tagged_for_the_life_cycle_and_no_others(s3):
    for name in ("a b+c", "d"):
        deliver(s3, TODAY, name)
    uri = f"s3://{s3.prefix}-final/{FOLDER}day={TODAY}/region=APAC/"
    assert delivered.supersede(s3, [f"{uri}a b+c"]) == 1
    tags = {
        name: s3.get_object_tagging(Bucket=f"{s3.prefix}-final", Key=f"{FOLDER}day={TODAY}/region=APAC/{name}")[
            "TagSet"
        ]
        for name in ("a b+c", "d")
    }
    assert tags == {"a b+c": [{"Key": "superseded", "Value": "true"}], "d": []}


def test_keys_are_kept_for_a_quarter_of_an_hour_only(s3):
    deliver(s3, TODAY, "a")
    ahead = (dt.datetime.now(dt.UTC) + dt.timedelta(minutes=16)).isoformat()
    delivered.mark(s3, s3.prefix, TABLE, {"newest": ahead, "keys": []})
    assert look(s3) is None
