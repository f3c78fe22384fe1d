"""Lines of raw purchases: exact rows, exact faults, and the same whatever blocks they are read in."""

import datetime as dt
import random
from decimal import Decimal

import pytest

from millrace import contracts
from millrace.convert import header
from millrace.spark.raw_text import AGE, HEADER, RawFile, Reader, file_number

RAW = contracts.get("transactions", "transactions")
HEAD = "purchase_id,purchase_date,customer_id,product_id,amount,region,status,note"


def file(line=HEAD, names=None):
    found = header.match(line, RAW)
    return RawFile(3, "s3://b/k.csv", "etag", "2025-08-26", 1, line, found, tuple(names or line.split(",")))


def read(text, of=None, extra=()):
    """The rows without AGE, and (line, column, reason) of the others; AGE goes up with the lines."""
    block = text if isinstance(text, bytes) else text.encode()
    rows, faults, lines = Reader(RAW, of or file(), extra).read(block, 0)
    assert rows.num_rows + len(faults) == lines
    assert set(file_number(rows[AGE].combine_chunks()).to_pylist()) <= {3}
    ordered = rows.sort_by(AGE).drop_columns([AGE])
    return ordered.to_pylist(), [(fault.line, fault.column, fault.reason) for fault in faults]


def row(number, **other):
    return {
        "purchase_id": number, "purchase_date": dt.date(2025, 1, 30), "customer_id": "C1", "product_id": "P0001",
        "amount": Decimal("10.00"), "region": "EUROPE", "status": "COMPLETED", "note": None, **other,
    }  # fmt: skip


GOOD = {
    "1,2025-01-30,C1,P0001,10.00,EUROPE,COMPLETED,\n": row(1),
    "+2,2025-01-30,C1,P0001,+10,EUROPE,COMPLETED,\r\n": row(2),
    "3,2025-01-30,C1,P0001,,EUROPE,COMPLETED,plain\n": row(3, amount=None, note="plain"),
    '4,2025-01-30,"C1",P0001,-0.5,EUROPE,OUT,"a ""b"", c"\n': row(
        4, amount=Decimal("-0.50"), status="OUT", note='a "b", c'
    ),
    '5,2025-01-30,C1,P0001,10.0,EUROPE,COMPLETED,say "hi" there\n': row(5, note='say "hi" there'),
    '6,2025-01-30,x"C,P0001,10,EUROPE,COMPLETED,"opened late\n': row(6, customer_id='x"C', note="opened late"),
    '7,2025-01-30,C1,P0001,10,EUROPE,COMPLETED,"not" only\n': row(7, note="not only"),
    '8,2025-01-30,C1,P0001,10,EUROPE,COMPLETED,"a\rb"\n': row(8, note="a\rb"),
    "9,2025-01-30,C1,P0001,10,EUROPE,COMPLETED, Zürich ✓ \n": row(9, note=" Zürich ✓ "),
}
BAD = {
    HEAD + "\n": ("", HEADER),
    "\n": ("", "the line is empty"),
    "\r\n": ("", "the line is empty"),
    '1,2025-01-30,C1,P0001,10,EUROPE,COMPLETED,"open\n': ("", "a quote is not closed on its line"),
    "1,2025-01-30,C1\n": ("", "not 8 fields"),
    "1,2025-01-30,C1,P0001,10,EUROPE,COMPLETED,a,b\n": ("", "not 8 fields"),
    "1,2025-01-30,C1,P0001,10,EUROPE,COMPLETED,a\rb\n": ("", "not 8 fields"),
    ",2025-01-30,C1,P0001,10,EUROPE,COMPLETED,\n": ("purchase_id", "is missing"),
    "0,2025-01-30,C1,P0001,10,EUROPE,COMPLETED,\n": ("purchase_id", "is below 1"),
    "0x1,2025-01-30,C1,P0001,10,EUROPE,COMPLETED,\n": ("purchase_id", "is not a bigint"),
    "1 ,2025-01-30,C1,P0001,10,EUROPE,COMPLETED,\n": ("purchase_id", "is not a bigint"),
    "1234567890123456789,2025-01-30,C1,P0001,10,EUROPE,COMPLETED,\n": ("purchase_id", "is not a bigint"),
    "1,2025-02-30,C1,P0001,10,EUROPE,COMPLETED,\n": ("purchase_date", "is not a date"),
    "1,20250130,C1,P0001,10,EUROPE,COMPLETED,\n": ("purchase_date", "is not a date"),
    "1,,C1,P0001,10,EUROPE,COMPLETED,\n": ("purchase_date", "is missing"),
    "1,1999-12-31,C1,P0001,10,EUROPE,COMPLETED,\n": ("purchase_date", "is below 2000-01-01"),
    "1,2025-08-28,C1,P0001,10,EUROPE,COMPLETED,\n": ("purchase_date", "is later than the upload"),
    "1,2025-01-30,,P0001,10,EUROPE,COMPLETED,\n": ("customer_id", "is missing"),
    f"1,2025-01-30,{41 * 'C'},P0001,10,EUROPE,COMPLETED,\n": ("customer_id", "is longer than 40"),
    "1,2025-01-30,C1,P001,10,EUROPE,COMPLETED,\n": ("product_id", "does not match P[0-9]{4}"),
    "1,2025-01-30,C1,P0001,1.234,EUROPE,COMPLETED,\n": ("amount", "is not a decimal(12,2)"),
    "1,2025-01-30,C1,P0001,1e3,EUROPE,COMPLETED,\n": ("amount", "is not a decimal(12,2)"),
    "1,2025-01-30,C1,P0001,10,EUROPE,SOLD,\n": ("status", "is not one of COMPLETED, REFUNDED, CANCELLED, OUT"),
    "1,2025-02-30,C1,P001,x,ATLANTIS,SOLD,\n": ("purchase_date", "is not a date"),  # the first of many
    b"1,2025-01-30,C1,P0001,10,EUROPE,COMPLETED,\xff\n": ("note", "is not UTF-8"),
    b"1,2025-01-30,\xc3,P0001,10,EUROPE,COMPLETED,\n": ("customer_id", "is not UTF-8"),
    "1,2025-01-30,C1,P0001,10,EUROPE,COMPLETED,\ufffd\n": ("note", "is not UTF-8"),
}


@pytest.mark.parametrize("line", GOOD)
def test_a_good_line_is_a_row(line):
    assert read(line) == ([GOOD[line]], [])
    assert read(line.removesuffix("\n")) == ([GOOD[line]], [])  # the last one of a file


@pytest.mark.parametrize("line", BAD)
def test_a_bad_line_is_known_with_what_is_wrong(line):
    assert read(line) == ([], [(0, *BAD[line])])


@pytest.mark.parametrize("seed", range(20))
def test_lines_together_are_what_they_are_alone(seed):
    chance = random.Random(seed)
    lines = chance.choices([*GOOD, *BAD], k=200)
    block = b"".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    assert read(block) == (
        [GOOD[line] for line in lines if line in GOOD],
        [(number, *BAD[line]) for number, line in enumerate(lines) if line in BAD],
    )


def test_columns_go_by_name_and_unknown_ones_are_text():
    of = file(
        "Shop Code,Note,Region,Status,Amount,Product ID,Customer ID,Purchase Date,Purchase ID",
        (
            "shop_code",
            "note",
            "region",
            "status",
            "amount",
            "product_id",
            "customer_id",
            "purchase_date",
            "purchase_id",
        ),
    )
    text = "S 1,,EUROPE,COMPLETED,10,P0001,C1,2025-01-30,1\n,,EUROPE,COMPLETED,10,P0001,C1,2025-01-30,2\n"
    assert read(text, of, ("other", "shop_code"))[0] == [
        row(1, shop_code="S 1", other=None),
        row(2, shop_code=None, other=None),
    ]


def test_a_fault_shows_the_lines_shape_only():
    (fault,) = Reader(RAW, file(), ()).read("7,2025-01-30,Zoë-1 x@y.org\r\n".encode(), 0)[1]
    assert fault.raw == "9,9999-99-99,xxx-9 x@x.xxx"
