"""The same statements through the local Athena's API: UNLOAD to S3, publishing in the catalog, bytes scanned."""

import datetime as dt

import pyarrow as pa
import pytest

from benchmarks.metrics import PREFIX, Lake
from millrace.local import LocalAws


@pytest.fixture
def athena(tmp_path):
    """The tables of ``retraced`` on an embedded AWS of their own."""
    with LocalAws(tmp_path / "aws", tmp_path / "aws.log") as aws:
        yield Lake(aws)


def table(time_column: str, rows: list[tuple]) -> pa.Table:
    types = {"user_id": pa.string(), "company_id": pa.string(), time_column: pa.timestamp("ms")}
    return pa.table({name: pa.array([row[i] for row in rows], kind) for i, (name, kind) in enumerate(types.items())})


def upload(lake: Lake, date: str, companies=(), logins=()) -> None:
    lake.upload("user_companies", date, table("accepted_at", companies))
    lake.upload("user_login_locations", date, table("login_at", logins))


def test_days_of_uploads_then_a_rebuild(athena):
    """Logins of three months, the last of which is uploaded first; the acceptance comes after it."""
    acceptance = ("ann", "acme", dt.datetime(2024, 1, 31, 23, 59, 59))
    logins = {month: ("ann", None, dt.datetime(2024, month, 1)) for month in (1, 2, 4)}
    upload(athena, "2024-04-01", logins=[logins[4]])
    assert athena.run("2024-04-01")[1] == ["2024-04"]
    assert athena.query("monthly", {})[0] == []
    upload(athena, "2024-04-02", [acceptance], [logins[1]])
    assert athena.run("2024-04-02")[1] == ["2024-01", "2024-02", "2024-03", "2024-04"]
    upload(athena, "2024-04-03", logins=[logins[2], ("zed", "acme", dt.datetime(2024, 2, 2))])
    assert athena.run("2024-04-03")[1] == ["2024-02"]

    monthly = [
        ["2024-01-01", "1", "0", "1", "0", "0"],
        ["2024-02-01", "1", "1", "1", "1", "0"],
        ["2024-03-01", "1", "0", "1", "0", "1"],
        ["2024-04-01", "1", "1", "1", "1", "0"],
    ]
    assert athena.query("monthly", {})[0] == monthly
    daily = athena.query("daily", {})[0]
    assert [daily[0], daily[1], daily[-1]] == [
        ["2024-02-01", "1", "1"],
        ["2024-02-02", "0", "0"],
        ["2024-04-01", "1", "1"],
    ]
    assert len(daily) == 61

    _, checks = athena.checks(["2024-04-03"], ["2024-02"])
    assert [row for row in checks if row[2] != "true"] == []
    assert {row[0]: row[3] for row in checks}["unknown_users"].startswith("1 users")

    assert athena.run(rebuild=True)[1] == ["2024-01", "2024-02", "2024-04"]
    assert athena.query("monthly", {})[0] == monthly
    assert athena.query("daily", {})[0] == daily


def test_an_increment_reads_the_new_partitions_and_the_touched_months_only(athena):
    logins = [("ann", None, dt.datetime(2024, month, day)) for month in range(1, 10) for day in range(1, 29)]
    upload(athena, "2024-09-28", [("ann", "acme", dt.datetime(2024, 1, 1))], logins)
    upload(athena, "2024-09-29", logins=[("ann", None, dt.datetime(2024, 9, 29))])
    athena.run("2024-09-28")
    params = {
        "upload_dates": ["2024-09-29"], "rebuild": False, "part": 1, "build": "first", "final_bucket": f"{PREFIX}-final"
    }  # fmt: skip

    def scanned(name: str, **changes: object) -> int:
        return athena.execute(name, {**params, **changes})["Statistics"]["DataScannedInBytes"]

    months = [f"2024-{month:02d}" for month in range(1, 10)]
    one, two, nine = (scanned("activity", build=f"of {n}", months=months[-n:]) for n in (1, 2, 9))
    # As many rows in each month: eight months more are eight times the bytes of one more.
    assert nine - one == pytest.approx(8 * (two - one), rel=0.2) != 0
    assert scanned("user_days", build="one", months=months[-1:]) == scanned("user_days", build="nine", months=months)
    assert scanned("touched_months") < scanned("touched_months", upload_dates=["2024-09-28", "2024-09-29"])
