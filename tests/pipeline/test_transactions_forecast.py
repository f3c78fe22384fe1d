"""The DAG transactions_forecast on published sales: each test goes on from where the one before it ended."""

import datetime as dt
import io
import os
import signal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace import publish
from millrace.local import LocalError
from millrace.samples import transactions as sample

pytestmark = pytest.mark.whole
SLUG, NAME = "transactions", "transactions_forecast"
TABLES = ("forecast", "forecast_totals", "forecast_accuracy")
FIRST, LAST, BEFORE = dt.date(2025, 1, 1), "2025-08-25", "2025-08-04"
PRODUCTS = 12


@pytest.fixture(scope="module", autouse=True)
def sales(stack):
    put(stack, sample_sales())
    yield
    put(stack, {})


def sample_sales():
    """What the sample's own shop completes: region, product, day → purchases, of some products and two regions."""
    days = [FIRST + dt.timedelta(days=number) for number in range((sample.LAST_DAY - FIRST).days + 1)]
    counts = sample._rows_of_days(days, 40_000)
    shop = sample._Shop(3, FIRST, tuple(counts.tolist()), 0.0, 10)
    found = {}
    for number in range(len(days)):
        for part in sample._own(shop, number):
            kept = (part.status == 0) & (part.product < PRODUCTS) & (part.region < 2)
            for region, product, day in zip(part.region[kept], part.product[kept], part.day[kept], strict=True):
                key = (sample.REGIONS[region], f"P{product + 1:04}", days[day])
                found[key] = found.get(key, 0) + 1
    return found


def put(stack, sales):
    """Publish these sales and no others as daily_sales, as the DAG transactions would."""
    written = []
    folders = {}
    for (region, product, day), completed in sorted(sales.items()):
        folders.setdefault((f"{day:%Y-%m}", region), []).append((day, product, completed))
    build = f"{len(sales)}-{sum(sales.values())}"
    for (period, region), rows in folders.items():
        days, products, completed = zip(*rows, strict=True)
        bought = pa.array(completed, pa.int64())
        none, no_money = pa.array([0] * len(rows), pa.int64()), pa.array([0] * len(rows), pa.decimal128(18, 2))
        columns = {
            "purchase_date": pa.array(days, pa.date32()), "product_id": pa.array(products), "purchases": bought,
            "completed": bought, "refunds": none, "missing_amounts": none, "sales": no_money, "refunded": no_money,
        }  # fmt: skip
        body = io.BytesIO()
        pq.write_table(pa.table(columns), body)
        key = f"{SLUG}/builds/build={build}/part=test/table=daily_sales/period={period}/region={region}/x.parquet"
        stack.s3.put_object(Bucket="millrace-final", Key=key, Body=body.getvalue())
        written.append(f"s3://millrace-final/{key}")
    publish.switch(stack.glue, stack.s3, SLUG, "daily_sales", written, None, "")


def run(stack, date=LAST, watch=lambda event: None):
    """Run the DAG: its state, its tasks' states, and what went wrong."""
    errors = []

    def look(event):
        errors.append(event.get("error"))
        watch(event)

    result = stack.airflow.run({"dag": NAME, "logical_date": f"{date}T06:00:00Z", "date": date}, look)
    return result["result"], {task["task"]: task["state"] for task in result["tasks"]}, "; ".join(filter(None, errors))


def tables(stack):
    return {table: stack.rows(table) for table in TABLES}


def wape(stack, kind, made_on=LAST):
    """model → WAPE of products, as a run measured it."""
    rows = stack.query(
        "SELECT model, CAST(sum(absolute_error) AS double) / sum(demand) FROM forecast_accuracy "
        f"WHERE kind = '{kind}' AND level = 'product' AND made_on = '{made_on}' GROUP BY model"
    )
    return {model: float(value) for model, value in rows}


def test_the_forecast_of_the_sample_beats_seasonal_naive_and_is_published(stack):
    state, tasks, errors = run(stack, BEFORE)
    assert (state, set(tasks.values())) == ("success", {"success"}), errors
    found = wape(stack, "backtest", BEFORE)
    assert found.keys() == {"ets", "recent", "seasonal_naive"}
    assert min(found["ets"], found["recent"]) < 0.9 * found["seasonal_naive"]
    rows = stack.rows("forecast")
    assert len(rows) == PRODUCTS * 2 * 28
    assert {row[2] for row in rows} == {str(dt.date(2025, 8, 5) + dt.timedelta(days=n)) for n in range(28)}
    for _, _, _, mean, lo_80, hi_80, lo_95, hi_95, _, made_on in rows:
        assert 0 <= float(lo_95) <= float(lo_80) <= float(mean) <= float(hi_80) <= float(hi_95)
        assert made_on == BEFORE
    (totals,) = stack.query("SELECT count(*), count(DISTINCT region) FROM forecast_totals")
    assert totals == (str(3 * 28), "3")
    assert "published" not in {row[0] for row in stack.rows("forecast_accuracy")}  # nothing has come true yet


def test_the_next_run_tells_what_came_true_of_the_one_before(stack):
    first = stack.rows("forecast")
    state, _, errors = run(stack)
    assert state == "success", errors
    assert set(first) < set(stack.rows("forecast"))  # earlier forecasts stay
    found = wape(stack, "published")
    assert found.keys() == {"published", "seasonal_naive"}
    # By hand, of the 21 days that are over.
    true = {(product, region, str(day)): count for (region, product, day), count in sample_sales().items()}
    over = [row for row in first if row[2] <= LAST]
    assert len(over) == PRODUCTS * 2 * 21
    wrong = sum(abs(float(mean) - true.get((product, region, day), 0)) for product, region, day, mean, *_ in over)
    demand = sum(true.get((product, region, day), 0) for product, region, day, *_ in over)
    assert found["published"] == pytest.approx(wrong / demand)
    accuracy = stack.query(open_query("forecast_accuracy"))
    assert [(row[0], row[2], row[8]) for row in accuracy] == [(BEFORE, "yes", "21"), (LAST, "yes", "0")]
    shown = stack.query(open_query("forecast_by_day"))
    everywhere = {row[1]: row for row in shown if row[0] == "ALL"}
    assert len(everywhere) == 84 + 28 and everywhere[LAST][2] == str(int(float(everywhere[LAST][4])))
    assert everywhere["2025-08-24"][4] is None and everywhere["2025-08-26"][2] is None


def open_query(name):
    from millrace.resources import ROOT

    return (ROOT / "sql" / SLUG / f"{name}.sql").read_text()


def test_the_same_again_gives_the_same_tables(stack):
    before = tables(stack)
    assert run(stack)[0] == "success"
    assert tables(stack) == before


def test_a_run_that_dies_when_it_publishes_is_made_good_by_the_next(stack):
    before = tables(stack)

    def kill(event):
        if (event["task"], event["state"]) == ("publish_forecast", "running"):
            os.kill(stack.airflow.run_pid, signal.SIGKILL)

    with pytest.raises(LocalError, match="ended with status -9"):
        run(stack, watch=kill)
    assert run(stack)[0] == "success"
    assert tables(stack) == before


def test_a_forecast_that_naive_beats_is_not_published_and_the_run_says_why(stack):
    before = tables(stack)
    # Each week is the one before, and no two days of it are alike: nothing is better than to say so.
    week = np.random.default_rng(8).integers(0, 9, (3, 7))
    days = [FIRST + dt.timedelta(days=number) for number in range(244)]
    put(
        stack,
        {
            ("APAC", f"P{product:04}", day): int(count)
            for product in range(3)
            for number, day in enumerate(days)
            if (count := week[product, number % 7])
        },
    )
    date = str(days[-1])
    state, tasks, errors = run(stack, date)
    assert (state, tasks["publish_accuracy"], tasks["worth_it"]) == ("failed", "success", "failed")
    assert tasks["publish_forecast"] == tasks["published"] == "upstream_failed"
    assert "forecast_beats_seasonal_naive: WAPE of " in errors
    assert ", of seasonal naive 0.0000, over 3 cut-offs" in errors
    assert "not worth publishing, the last published forecast stays" in errors
    after = tables(stack)
    assert (after["forecast"], after["forecast_totals"]) == (before["forecast"], before["forecast_totals"])
    assert wape(stack, "backtest", date)["seasonal_naive"] == 0
    assert tasks["forecast_accuracy_refreshed"] == "success"


def test_a_history_that_is_too_short_is_said_to_be(stack):
    before = tables(stack)
    state, tasks, errors = run(stack, "2025-02-20")
    assert (state, tasks["forecast"], tasks["published"]) == ("failed", "failed", "upstream_failed")
    assert "the history has 51 days; a forecast needs 28 to learn from and 28 more to be measured by" in errors
    assert tables(stack) == before
