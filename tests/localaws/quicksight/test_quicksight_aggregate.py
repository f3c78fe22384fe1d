from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest

from localaws.quicksight.aggregate import MOST_ROWS, Data, aggregate, columns_of, milliseconds
from localaws.quicksight.model import Condition, Field, Sort, Visual

AT = Field("at", "s", "at", "date", granularity="MONTH")
TEAM = Field("team", "s", "team", "text")
SUM = Field("n", "s", "n", "number", aggregation="SUM")


def visual(groups=(AT,), values=(SUM,), kind="bar", **more):
    blank = {"title": "", "subtitle": "", "description": "", "color": None, "lines": (), "sort": (), "limit": None}
    return Visual(id="v", kind=kind, groups=groups, values=values, options={}, **{**blank, **more})


def day(text):
    return dt.datetime.fromisoformat(text)


ROWS = pa.table(
    {
        "at": pa.array(
            [day("2024-01-31T23:59:59.999"), day("2024-02-01"), day("2024-03-03"), day("2024-03-04"), None],
            pa.timestamp("ms"),
        ),
        "team": ["a", "b", "a", None, "b"],
        "n": [1, 2, 4, 8, None],
    }
)


@pytest.mark.parametrize(
    ("granularity", "rows"),
    [
        ("YEAR", [("2024-01-01", 15)]),
        ("QUARTER", [("2024-01-01", 15)]),
        ("MONTH", [("2024-01-01", 1), ("2024-02-01", 2), ("2024-03-01", 12)]),
        ("WEEK", [("2024-01-28", 3), ("2024-03-03", 12)]),
        ("DAY", [("2024-01-31", 1), ("2024-02-01", 2), ("2024-03-03", 4), ("2024-03-04", 8)]),
        ("HOUR", [("2024-01-31T23:00", 1), ("2024-02-01", 2), ("2024-03-03", 4), ("2024-03-04", 8)]),
    ],
)
def test_dates_are_cut_to_their_granularity(granularity, rows):
    data = aggregate(visual(groups=(replace(AT, granularity=granularity),)), ROWS)
    assert data.rows == [*((day(text), value) for text, value in rows), (None, None)]


def test_weeks_begin_on_the_day_that_the_definition_names():
    weekly = visual(groups=(replace(AT, granularity="WEEK"),))
    monday = [row[0] for row in aggregate(weekly, ROWS, week_start=1).rows]
    assert monday == [day("2024-01-29"), day("2024-02-26"), day("2024-03-04"), None]
    saturday = [row[0] for row in aggregate(weekly, ROWS, week_start=6).rows]
    assert saturday == [day("2024-01-27"), day("2024-03-02"), None]


@pytest.mark.parametrize(
    ("function", "expected"),
    [("SUM", 15), ("COUNT", 4), ("DISTINCT_COUNT", 4), ("MIN", 1), ("MAX", 8), ("AVERAGE", 3.75), ("MEDIAN", 3.0)],
)
def test_measures_are_aggregated(function, expected):
    data = aggregate(visual(groups=(), values=(replace(SUM, aggregation=function),), kind="kpi"), ROWS)
    assert data.rows == [(expected,)]


def test_large_sums_are_exact():
    table = pa.table({"n": [2**62, 2**62, 2**62]})
    assert aggregate(visual(groups=(), kind="kpi"), table).rows == [(3 * 2**62,)]


def test_colours_split_a_category():
    data = aggregate(visual(color=TEAM), ROWS)
    assert data.colors == ["a", "b", None]
    assert data.rows == [
        (day("2024-01-01"), "a", 1),
        (day("2024-02-01"), "b", 2),
        (day("2024-03-01"), "a", 4),
        (day("2024-03-01"), None, 8),
        (None, "b", None),
    ]


def test_names_stand_in_the_order_of_the_value_and_dates_in_their_own():
    assert aggregate(visual(groups=(TEAM,)), ROWS).categories == [None, "a", "b"]
    assert aggregate(visual(), ROWS).categories == [day("2024-01-01"), day("2024-02-01"), day("2024-03-01"), None]


def test_categories_are_sorted_and_limited_as_asked():
    ascending = visual(groups=(TEAM,), sort=(Sort(SUM, False),), limit=2)
    assert aggregate(ascending, ROWS) == Data([("b", 2), ("a", 5)], ["b", "a"], [], False)
    by_name = visual(groups=(TEAM,), sort=(Sort(TEAM, True),))
    assert aggregate(by_name, ROWS).categories == ["b", "a", None]
    latest = Sort(Field("s", "s", "at", "number", aggregation="MAX"), True)
    assert columns_of(visual(groups=(TEAM,), sort=(latest,))) == ["at", "n", "team"]
    assert aggregate(visual(groups=(TEAM,), sort=(latest,)), ROWS).categories == [None, "a", "b"]


def test_conditions_filter_rows():
    condition = Condition("s", '"n" > ?', (1,), ("n",))
    data = aggregate(visual(groups=(TEAM,), conditions=(condition,)), ROWS)
    assert data.rows == [(None, 8), ("a", 4), ("b", 2)]


def test_a_table_of_plain_rows_is_sorted_and_cut():
    plain = visual(groups=(), values=(Field("n", "s", "n", "number"),), kind="table", sort=())
    table = pa.table({"n": list(range(MOST_ROWS + 5))})
    descending = replace(plain, sort=(Sort(plain.values[0], True),))
    data = aggregate(descending, table)
    assert (len(data.rows), data.rows[0], data.cut) == (MOST_ROWS, (MOST_ROWS + 4,), True)


def test_a_column_may_have_any_name():
    table = pa.table({'a"b; DROP TABLE source': [1, 2]})
    field = Field("f", "s", 'a"b; DROP TABLE source', "number", aggregation="SUM")
    assert aggregate(visual(groups=(), values=(field,), kind="kpi"), table).rows == [(3,)]


def test_no_rows_give_no_categories():
    data = aggregate(visual(color=TEAM), ROWS.slice(0, 0))
    assert data == Data([], [], [], False)


def test_milliseconds_are_exact_before_and_after_the_epoch():
    assert milliseconds(day("1970-01-02T00:00:00.001")) == 86_400_001
    assert milliseconds(day("1969-12-31T23:59:59.999")) == -1


def test_decimals_are_summed_exactly():
    table = pa.table({"n": pa.array([Decimal("0.1"), Decimal("0.2")], pa.decimal128(10, 2))})
    assert aggregate(visual(groups=(), kind="kpi"), table).rows == [(Decimal("0.30"),)]
