"""Contracts that have their files stored as CSV: exact bytes, and the same rows as Parquet would have."""

import csv
import dataclasses
import datetime as dt
import decimal
import io

import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.contracts import Column, Contract
from millrace.convert import engine

UPLOADED = dt.date(2024, 3, 1)
CONTRACT = Contract(
    "p", "sign_ups", "raw", "", "", "", "",
    (
        Column("id", "bigint", "", aliases=("Customer No",), required=True),
        Column("name", "string", ""),
        Column("at", "timestamp", ""),
        Column("day", "date", "", latest_is_upload=True),
        Column("amount", "decimal(9,2)", ""),
        Column("share", "double", ""),
        Column("active", "boolean", "", missing_ok=True),
    ),
    stored="csv",
)  # fmt: skip


class Sink:
    def __init__(self):
        self.data, self.committed = bytearray(), False

    def write(self, data):
        self.data += data
        return len(data)

    def commit(self):
        self.committed = True

    def abort(self):
        self.data.clear()


def convert(data, contract=CONTRACT):
    target, rejects = Sink(), Sink()
    outcome = engine.convert(io.BytesIO(data), contract, UPLOADED, "f.csv", lambda: target, lambda: rejects)
    assert outcome.rows_in == outcome.rows_out + outcome.rows_rejected
    assert target.committed == (outcome.status == "loaded")
    return bytes(target.data), list(csv.reader(io.StringIO(rejects.data.decode(), newline="")))[1:], outcome


def test_clean_csv_with_the_contracts_names_and_types_written_out():
    raw = (
        "\ufeffshare;Day;Customer No;Name;colour;AT;amount\r\n"
        '0.50;2024-02-29; 7 ;" Zoë, ""the"" one ";red;2024-01-15T23:30:00.1234-01:00;+1.5\r\n'
        '1e3;;8;"two\nlines";;1705312800;\r\n'
        ";2024-02-30;9;gone;;;\r\n"
        ";2024-03-04;10;too late;;;\r\n"
    ).encode()
    stored, rejects, outcome = convert(raw)
    assert stored.decode() == (
        "id,name,at,day,amount,share,active\n"
        '7,"Zoë, ""the"" one",2024-01-16 00:30:00.123,2024-02-29,1.50,0.5,\n'
        '8,"two\nlines",2024-01-15 10:00:00.000,,,1000,\n'
    )
    assert [(line, column) for _, line, column, *_ in rejects] == [("5", "day"), ("6", "day")]
    assert (outcome.rows_in, outcome.rows_out, outcome.rows_rejected) == (4, 2, 2)
    assert outcome.extra_columns == ["colour"]


def test_a_file_without_rows_has_a_header_and_a_refused_one_nothing():
    header = b"id,name,at,day,amount,share,active\n"
    assert convert(b"id,name,at,day,amount,share\n")[0] == convert(b"")[0] == header
    stored, rejects, outcome = convert(b"who\n1\n")
    assert (stored, outcome.status, len(rejects)) == (b"", "refused", 1)


def test_a_row_of_nothing_is_still_a_row():
    one = dataclasses.replace(CONTRACT, columns=(Column("name", "string", ""),))
    stored, _, outcome = convert(b'name\n"x"\n""\n', one)
    assert (stored, outcome.rows_out) == (b'name\nx\n""\n', 2)
    assert convert(stored, one)[0] == stored


TEXTS = st.none() | st.text(st.sampled_from("ab\",;\n\r é'|\t"), max_size=6).map(str.strip).filter(bool)
ROWS = st.tuples(
    st.integers(-(1 << 63), (1 << 63) - 1),
    TEXTS,
    st.none() | st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)),
    st.none() | st.dates(dt.date(1, 1, 1), dt.date(2024, 3, 2)),
    st.none() | st.decimals(-9999999, 9999999, places=2),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.none() | st.booleans(),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(ROWS, max_size=8))
def test_it_has_the_rows_that_parquet_would_have_and_converting_it_again_changes_nothing(rows):
    raw = io.StringIO(newline="")
    writer = csv.writer(raw)
    writer.writerow(column.name for column in CONTRACT.columns)
    writer.writerows(rows)
    data = raw.getvalue().encode()
    stored, rejects, outcome = convert(data)
    assert (rejects, outcome.rows_out) == ([], len(rows))
    assert convert(stored)[0] == stored
    as_parquet = dataclasses.replace(CONTRACT, stored="parquet")
    tables = [pq.read_table(io.BytesIO(convert(source, as_parquet)[0])) for source in (data, stored)]
    assert tables[0].equals(tables[1])
    read = list(csv.reader(io.StringIO(stored.decode(), newline="")))[1:]
    for cells, (number, name, at, day, amount, share, active) in zip(read, rows, strict=True):
        assert int(cells[0]) == number and (cells[1] or None) == name
        cut = at and at.replace(microsecond=at.microsecond // 1000 * 1000)
        assert (dt.datetime.fromisoformat(cells[2]) if cells[2] else None) == cut
        assert (dt.date.fromisoformat(cells[3]) if cells[3] else None) == day
        assert (decimal.Decimal(cells[4]) if cells[4] else None) == amount
        assert (float(cells[5]) if cells[5] else None) == share
        assert cells[6] == ("" if active is None else str(active).lower())
