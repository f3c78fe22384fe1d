from __future__ import annotations

import datetime as dt
import time

import pyarrow as pa
import pytest

from localaws.core import AwsError
from localaws.events.ticker import Ticker
from localaws.quicksight.refresh import schedule_of
from localaws.quicksight.rows import read

UTC = dt.UTC
COUNTS = {"name": "STRING", "count": "INTEGER"}
TWO = pa.table({"name": ["a", "b"], "count": [1, 2]})


@pytest.fixture(autouse=True)
def by_hand(monkeypatch):
    """What is due is done by turn(), not by the ticker's thread."""
    monkeypatch.setattr(Ticker, "_run", lambda self: None)


def schedule(name="daily", interval="DAILY", refresh="FULL_REFRESH", *, start=None, **frequency):
    given = {
        "ScheduleId": name,
        "ScheduleFrequency": {"Interval": interval, **frequency},
        "RefreshType": refresh,
    }
    return {**given, "StartAfterDateTime": start} if start else given


def window(column="at", size=2, unit="DAY"):
    given = {"ColumnName": column, "Size": size, "SizeUnit": unit}
    return {"RefreshConfiguration": {"IncrementalRefresh": {"LookbackWindow": given}}}


def turn(quicksight, **later):
    """Move the schedules' clock on and do what is due; gives the ingestions that this made."""
    known = {each["IngestionId"] for each in listed(quicksight)}
    quicksight.moment += dt.timedelta(**later)
    ticker = quicksight.engine.schedules.ticker
    for key, due in ticker.take_due():
        quicksight.engine.schedules._due(key, due)
    return [
        quicksight.ended("counts", each["IngestionId"])
        for each in listed(quicksight)
        if each["IngestionId"] not in known
    ]


def listed(quicksight):
    return quicksight.call("ListIngestions", DataSetId="counts")["Ingestions"]


def test_a_schedule_refreshes_when_it_is_due(quicksight):
    quicksight.data_set("counts", TWO, COUNTS)
    quicksight.call(
        "CreateRefreshSchedule", DataSetId="counts", Schedule=schedule(TimeOfTheDay="07:30", Timezone="Europe/Berlin")
    )
    quicksight.athena.tables["SELECT counts"] = pa.table({"name": ["c"], "count": [3]})
    assert turn(quicksight, hours=20) == [], "06:07 UTC is 07:07 in Berlin"
    (made,) = turn(quicksight, minutes=30)
    assert (made["RequestSource"], made["RequestType"]) == ("SCHEDULED", "FULL_REFRESH")
    assert made["IngestionStatus"] == "COMPLETED"
    assert read(quicksight.engine._shelf, "counts", ["name"]).table.to_pydict() == {"name": ["c"]}
    assert turn(quicksight, hours=23) == []
    assert len(turn(quicksight, hours=1)) == 1


def test_a_schedule_outlives_a_restart_and_makes_nothing_up(quicksight):
    quicksight.data_set("counts", TWO, COUNTS)
    quicksight.call("CreateRefreshSchedule", DataSetId="counts", Schedule=schedule("hourly", "HOURLY"))
    quicksight.engine.close()
    quicksight.moment += dt.timedelta(hours=5, minutes=30)
    quicksight.restarted()
    shown = quicksight.call("DescribeRefreshSchedule", DataSetId="counts", ScheduleId="hourly")
    assert shown["Arn"].endswith(":dataset/counts/refresh-schedule/hourly")
    assert shown["RefreshSchedule"] == {**schedule("hourly", "HOURLY"), "Arn": shown["Arn"]}
    assert turn(quicksight, minutes=29) == []
    assert len(turn(quicksight, minutes=1)) == 1


def test_a_schedule_is_changed_and_deleted(quicksight):
    quicksight.data_set("counts", TWO, COUNTS)
    quicksight.call("CreateRefreshSchedule", DataSetId="counts", Schedule=schedule(TimeOfTheDay="11:00"))
    quicksight.call("UpdateRefreshSchedule", DataSetId="counts", Schedule=schedule(TimeOfTheDay="12:00"))
    assert turn(quicksight, hours=1) == []
    assert len(turn(quicksight, hours=1)) == 1
    quicksight.call("DeleteRefreshSchedule", DataSetId="counts", ScheduleId="daily")
    assert quicksight.call("ListRefreshSchedules", DataSetId="counts")["RefreshSchedules"] == []
    assert turn(quicksight, hours=24) == []
    with pytest.raises(AwsError, match="RefreshSchedule daily is not found"):
        quicksight.call("UpdateRefreshSchedule", DataSetId="counts", Schedule=schedule(TimeOfTheDay="12:00"))


def test_deleting_a_data_set_deletes_its_schedules_and_properties(quicksight):
    quicksight.data_set("counts", TWO, COUNTS)
    quicksight.call("CreateRefreshSchedule", DataSetId="counts", Schedule=schedule(TimeOfTheDay="11:00"))
    quicksight.call("DeleteDataSet", DataSetId="counts")
    quicksight.data_set("counts", TWO, COUNTS)
    assert quicksight.call("ListRefreshSchedules", DataSetId="counts")["RefreshSchedules"] == []
    assert turn(quicksight, hours=1) == []


@pytest.mark.parametrize(
    ("interval", "frequency", "times"),
    [
        ("MINUTE15", {}, ["2026-01-05T10:22", "2026-01-05T10:37"]),
        ("MINUTE30", {"TimeOfTheDay": "09:10"}, ["2026-01-05T10:10", "2026-01-05T10:40"]),
        ("HOURLY", {}, ["2026-01-05T11:07", "2026-01-05T12:07"]),
        ("DAILY", {"TimeOfTheDay": "07:00", "Timezone": "America/New_York"}, ["2026-01-05T12:00", "2026-01-06T12:00"]),
        (
            "WEEKLY",
            {"TimeOfTheDay": "10:00", "RefreshOnDay": {"DayOfWeek": "MONDAY"}},
            ["2026-01-12T10:00", "2026-01-19T10:00"],
        ),
        (
            "MONTHLY",
            {"TimeOfTheDay": "10:00", "RefreshOnDay": {"DayOfMonth": "3"}},
            ["2026-02-03T10:00", "2026-03-03T10:00"],
        ),
        (
            "MONTHLY",
            {"TimeOfTheDay": "23:59", "RefreshOnDay": {"DayOfMonth": "LAST_DAY_OF_MONTH"}},
            ["2026-01-31T23:59", "2026-02-28T23:59"],
        ),
    ],
)
def test_when_the_intervals_are_due(interval, frequency, times):
    at = dt.datetime(2026, 1, 5, 10, 7, tzinfo=UTC)
    due = schedule_of({"ScheduleFrequency": {"Interval": interval, **frequency}, "CreatedTime": at})
    first = due.after(at)
    assert [f"{each:%Y-%m-%dT%H:%M}" for each in (first, due.after(first))] == times


def test_a_schedule_begins_after_its_start(quicksight):
    quicksight.data_set("counts", TWO, COUNTS)
    start = dt.datetime(2026, 1, 7, 9, 40)
    quicksight.call("CreateRefreshSchedule", DataSetId="counts", Schedule=schedule("hourly", "HOURLY", start=start))
    assert turn(quicksight, hours=47) == []
    assert len(turn(quicksight, hours=2)) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (schedule(), "DAILY needs TimeOfTheDay"),
        (schedule(TimeOfTheDay="24:00"), "TimeOfTheDay '24:00' does not match"),
        (schedule(TimeOfTheDay="07:00", Timezone="Mars/Base"), "Timezone 'Mars/Base' is not one"),
        (schedule(interval="WEEKLY", TimeOfTheDay="07:00"), "WEEKLY needs RefreshOnDay with DayOfWeek"),
        (
            schedule(interval="MONTHLY", TimeOfTheDay="07:00", RefreshOnDay={"DayOfMonth": "29"}),
            "DayOfMonth '29' does not match",
        ),
        (schedule(TimeOfTheDay="07:00", RefreshOnDay={"DayOfWeek": "MONDAY"}), "RefreshOnDay is for WEEKLY"),
        (schedule(interval="MINUTE15"), "MINUTE15 is for incremental refreshes only"),
        (schedule(interval="HOURLY", refresh="INCREMENTAL_REFRESH"), "counts has no look-back window"),
        (schedule("second", "HOURLY"), "has a schedule of interval HOURLY already"),
        (schedule("first", "HOURLY"), "RefreshSchedule first already exists"),
        (schedule(TimeOfTheDay="07:00", start=dt.datetime(2026, 1, 1)), "2026-01-01T00:00:00Z has passed"),
    ],
)
def test_schedules_that_are_refused(quicksight, given, message):
    quicksight.data_set("counts", TWO, COUNTS)
    quicksight.call("CreateRefreshSchedule", DataSetId="counts", Schedule=schedule("first", "HOURLY"))
    with pytest.raises(AwsError, match=message):
        quicksight.call("CreateRefreshSchedule", DataSetId="counts", Schedule=given)


def test_there_are_five_schedules_at_most_and_none_without_spice(quicksight):
    quicksight.data_set("counts", TWO, COUNTS)
    quicksight.data_set("direct", TWO, COUNTS, mode="DIRECT_QUERY")
    for number in range(5):
        given = schedule(f"at-{number}", TimeOfTheDay=f"0{number}:00")
        quicksight.call("CreateRefreshSchedule", DataSetId="counts", Schedule=given)
    with pytest.raises(AwsError, match="5 refresh schedules") as caught:
        quicksight.call("CreateRefreshSchedule", DataSetId="counts", Schedule=schedule("more", TimeOfTheDay="09:00"))
    assert caught.value.code == "LimitExceededException"
    with pytest.raises(AwsError, match="direct is in DIRECT_QUERY mode"):
        quicksight.call("CreateRefreshSchedule", DataSetId="direct", Schedule=schedule(TimeOfTheDay="09:00"))


def test_refresh_properties_are_set_shown_and_deleted(quicksight):
    quicksight.data_set("logins", pa.table({"at": [dt.datetime(2026, 1, 1)]}), {"at": "DATETIME"})
    with pytest.raises(AwsError) as caught:
        quicksight.call("DescribeDataSetRefreshProperties", DataSetId="logins")
    assert caught.value.code == "ResourceNotFoundException", "Terraform reads it so for every data set"
    quicksight.call("PutDataSetRefreshProperties", DataSetId="logins", DataSetRefreshProperties=window())
    quicksight.restarted()
    shown = quicksight.call("DescribeDataSetRefreshProperties", DataSetId="logins")
    assert shown["DataSetRefreshProperties"] == window()
    quicksight.call(
        "CreateRefreshSchedule", DataSetId="logins", Schedule=schedule("often", "MINUTE15", "INCREMENTAL_REFRESH")
    )
    with pytest.raises(AwsError, match="often of logins are incremental; delete them first"):
        quicksight.call("DeleteDataSetRefreshProperties", DataSetId="logins")
    quicksight.call("DeleteRefreshSchedule", DataSetId="logins", ScheduleId="often")
    quicksight.call("DeleteDataSetRefreshProperties", DataSetId="logins")
    with pytest.raises(AwsError, match="DataSetRefreshProperties of logins is not found"):
        quicksight.call("DeleteDataSetRefreshProperties", DataSetId="logins")
    with pytest.raises(AwsError, match="'name' is not a DATETIME column"):
        quicksight.call("PutDataSetRefreshProperties", DataSetId="logins", DataSetRefreshProperties=window("name"))


def days_ago(days):
    return dt.datetime.now(UTC).replace(tzinfo=None, microsecond=0) - dt.timedelta(days=days)


def test_an_incremental_refresh_replaces_only_its_window(client):
    """Against Athena: what changed before the window stays as it was read, what lies in it is replaced."""
    quicksight, athena = client("quicksight"), client("athena")
    client("s3").create_bucket(Bucket="refresh-e2e")

    def run(sql):
        started = athena.start_query_execution(
            QueryString=sql, ResultConfiguration={"OutputLocation": "s3://refresh-e2e/results/"}
        )["QueryExecutionId"]
        for _ in range(300):
            status = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
            if status["State"] in ("SUCCEEDED", "FAILED"):
                assert status["State"] == "SUCCEEDED", status
                return
            time.sleep(0.02)

    def view(rows):
        values = ", ".join(f"({f'''TIMESTAMP '{at}' ''' if at else 'NULL'}, {number})" for at, number in rows)
        run(f"CREATE OR REPLACE VIEW refresh_e2e.seen AS SELECT * FROM (VALUES {values}) AS t (at, number)")

    def ended(ingestion):
        for _ in range(300):
            record = quicksight.describe_ingestion(AwsAccountId=account, DataSetId="seen", IngestionId=ingestion)
            if record["Ingestion"]["IngestionStatus"] in ("COMPLETED", "FAILED"):
                assert record["Ingestion"]["IngestionStatus"] == "COMPLETED", record
                return record["Ingestion"]
            time.sleep(0.02)
        raise AssertionError("the ingestion did not end")

    account = "123456789012"
    old, new = days_ago(10), days_ago(1)
    run("CREATE DATABASE refresh_e2e")
    view([(old, 1), (new, 2), (None, 3)])
    source = quicksight.create_data_source(
        AwsAccountId=account,
        DataSourceId="refresh",
        Name="refresh",
        Type="ATHENA",
        DataSourceParameters={"AthenaParameters": {"WorkGroup": "primary"}},
    )["Arn"]
    sql = {
        "DataSourceArn": source,
        "Name": "seen",
        "SqlQuery": "SELECT at, number FROM refresh_e2e.seen -- all",
        "Columns": [{"Name": "at", "Type": "DATETIME"}, {"Name": "number", "Type": "INTEGER"}],
    }
    made = quicksight.create_data_set(
        AwsAccountId=account,
        DataSetId="seen",
        Name="seen",
        ImportMode="SPICE",
        PhysicalTableMap={"main": {"CustomSql": sql}},
    )
    ended(made["IngestionId"])
    quicksight.put_data_set_refresh_properties(
        AwsAccountId=account, DataSetId="seen", DataSetRefreshProperties=window(size=1, unit="WEEK")
    )
    view([(old, 100), (new, 20), (days_ago(0), 30)])
    quicksight.create_ingestion(
        AwsAccountId=account, DataSetId="seen", IngestionId="part", IngestionType="INCREMENTAL_REFRESH"
    )
    record = ended("part")
    assert record["RowInfo"] == {"RowsIngested": 2, "RowsDropped": 0, "TotalRowsInDataset": 4}
    assert record["RequestType"] == "INCREMENTAL_REFRESH"
