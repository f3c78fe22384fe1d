"""Versions of a dimension, from run to run."""

import datetime as dt

import pytest

BEGINNING, FOREVER = dt.date(1900, 1, 1), dt.date(9999, 12, 31)
JUNE, JULY, AUGUST = dt.date(2004, 6, 1), dt.date(2004, 7, 1), dt.date(2004, 8, 1)
VERSION = "id bigint, name string, price int, valid_from date, valid_to date, is_current boolean"


@pytest.fixture
def run(spark):
    """Gives the versions after a run: from those before, the members of now and a day; all as tuples."""
    from millrace.spark.scd2 import versions

    def frame(rows, columns):
        values = ", ".join(f"({', '.join(_sql(value) for value in row)})" for row in rows)
        names = [column.split() for column in columns.split(", ")]
        casts = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in names)
        empty = f"({', '.join('NULL' for _ in names)})"
        given = f"VALUES {values or empty} AS t({', '.join(name for name, _ in names)})"
        return spark.sql(f"SELECT {casts} FROM {given} {'' if rows else 'WHERE false'}")

    def run(before, now, as_of):
        found = versions(
            frame(before, VERSION), frame(now, "id bigint, name string, price int"), business_key="id", as_of=as_of
        )
        assert [name for name, _ in found.dtypes] == [column.split()[0] for column in VERSION.split(", ")]
        return sorted((tuple(row) for row in found.collect()), key=str)

    return run


def _sql(value):
    if value is None:
        return "NULL"
    return f"DATE'{value}'" if isinstance(value, dt.date) else repr(value)


def test_a_first_version_is_valid_from_the_beginning(run):
    assert run([], [(1, "a", 5), (2, None, None)], JUNE) == [
        (1, "a", 5, BEGINNING, FOREVER, True),
        (2, None, None, BEGINNING, FOREVER, True),
    ]


def test_what_did_not_change_stays_whatever_the_day_and_nulls_are_equal(run):
    before = run([], [(1, "a", 5), (2, None, None)], JUNE)
    assert run(before, [(1, "a", 5), (2, None, None)], JULY) == before


def test_a_change_ends_a_version_and_begins_another(run):
    before = run([], [(1, "a", 5), (2, "b", None)], JUNE)
    after = run(before, [(1, "a", None), (2, "b", 7)], JULY)
    assert after == [
        (1, "a", 5, BEGINNING, JULY, False),
        (1, "a", None, JULY, FOREVER, True),
        (2, "b", 7, JULY, FOREVER, True),
        (2, "b", None, BEGINNING, JULY, False),
    ]
    assert run(after, [(1, "a", None), (2, "b", 7)], JULY) == after


def test_a_second_change_of_a_day_corrects_the_first_and_time_never_goes_back(run):
    versions = run([], [(1, "a", 5)], JUNE)
    for name, as_of in (("b", JULY), ("c", JULY), ("d", JUNE)):
        versions = run(versions, [(1, name, 5)], as_of)
        assert versions == [(1, "a", 5, BEGINNING, JULY, False), (1, name, 5, JULY, FOREVER, True)]


def test_what_is_gone_ends_and_may_come_again(run):
    versions = run(run([], [(1, "a", 5), (2, "b", 6)], JUNE), [(2, "b", 6)], JULY)
    assert versions[0] == (1, "a", 5, BEGINNING, JULY, False)
    assert run(versions, [(2, "b", 6)], AUGUST) == versions
    assert run(versions, [(1, "z", 5), (2, "b", 6)], AUGUST) == [
        (1, "a", 5, BEGINNING, JULY, False),
        (1, "z", 5, AUGUST, FOREVER, True),
        (2, "b", 6, BEGINNING, FOREVER, True),
    ]


def test_what_came_and_went_on_one_day_never_was(run):
    before = run(run([], [(1, "a", 5)], JUNE), [], JULY)
    again = run(before, [(1, "b", 5)], AUGUST)
    assert run(again, [], AUGUST) == before
