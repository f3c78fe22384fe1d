"""Random dirty files against a plain reader that is written from the rules alone, byte by byte and cell by cell."""

import csv
import datetime as dt
import decimal
import io
import re

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from millrace.contracts import Column, Contract, CsvOptions
from millrace.convert import engine

LIMIT = 60
UPLOADED = dt.date(2024, 3, 1)
COLUMNS = (
    Column("id", "string", "", required=True),
    Column("n", "bigint", "", min=-5, max=1000),
    Column("x", "double", "", max=1e6),
    Column("at", "timestamp", "", latest_is_upload=True),
    Column("kind", "string", "", allowed=("a", "b", 'say "hi"'), max_length=9),
    Column("amount", "decimal(6,2)", ""),
    Column("day", "date", ""),
    Column("flag", "boolean", ""),
)
CONTRACT = Contract("p", "t", "raw", "", "", "", "", COLUMNS, csv=CsvOptions(",", "utf-8", "UTC", LIMIT))
HEADER = b"id,n,x,at,kind,amount,day,flag"


class MemorySink:
    def __init__(self):
        self.data = bytearray()
        self.committed = False

    def write(self, data):
        self.data += data
        return len(data)

    def commit(self):
        self.committed = True

    def abort(self):
        self.data.clear()


def convert(data, block_bytes, monkeypatch):
    monkeypatch.setattr(engine, "BLOCK_BYTES", block_bytes)
    target, rejects = MemorySink(), MemorySink()
    outcome = engine.convert(io.BytesIO(data), CONTRACT, UPLOADED, "f.csv", lambda: target, lambda: rejects)
    assert outcome.status == "loaded"
    assert outcome.rows_in == outcome.rows_out + outcome.rows_rejected
    rows = [tuple(row.values()) for row in pq.read_table(io.BytesIO(bytes(target.data))).to_pylist()]
    found = list(csv.reader(io.StringIO(rejects.data.decode(), newline="")))[1:]
    assert len(rows) == outcome.rows_out and len(found) == outcome.rows_rejected
    return rows, [(int(line), column, raw) for _, line, column, _, raw in found], bytes(target.data)


def read_record(data, at):
    """Fields of the record at a position: (fields or None if its quote never closes, text after a quote, end, next)."""
    fields, field, sloppy = [], bytearray(), False
    quoted = data[at : at + 1] == b'"'
    at += quoted
    while True:
        byte = data[at : at + 1]
        if quoted:
            if not byte:
                return None, sloppy, at, at
            if byte != b'"':
                field += byte
            elif data[at + 1 : at + 2] == b'"':
                field += byte
                at += 1
            else:
                quoted = False
                sloppy |= data[at + 1 : at + 2] not in (b"", b",", b"\n", b"\r")
        elif byte == b",":
            fields.append(bytes(field))
            field.clear()
            quoted = data[at + 1 : at + 2] == b'"'
            at += quoted
        elif byte in (b"", b"\n", b"\r"):
            fields.append(bytes(field))
            return fields, sloppy, at, at + (2 if data[at : at + 2] == b"\r\n" else len(byte))
        else:
            field += byte
        at += 1


def expected(data):
    rows, rejects = [], []
    at, line = 0, 2
    while at < len(data):
        fields, sloppy, end, following = read_record(data, at)
        first = re.match(rb"[^\r\n]*(\r\n|\n|\r|\Z)", data[at:])
        bad = False
        if following > at + first.end() or fields is None:
            bad = fields is None or sloppy or end - at > LIMIT
            if bad:
                end, following = at + first.start(1), at + first.end()
        raw = data[at:end]
        line_now, line = line, line + len(re.findall(rb"\r\n|\n|\r", data[at:following]))
        at = following
        if not raw.strip(b" "):
            continue
        column, values = "", []
        if not bad and len(raw) <= LIMIT and b"\0" not in raw and is_utf8(raw) and len(fields) == len(COLUMNS):
            for contract, field in zip(COLUMNS, fields, strict=True):
                try:
                    values.append(value(field.decode().strip(" \t\n\r\v\f"), contract))
                except ValueError:
                    column = contract.name
                    break
        if len(values) == len(COLUMNS):
            rows.append(tuple(values))
        else:
            kept = raw if len(raw) <= LIMIT else raw[:LIMIT]
            rejects.append((line_now, column, kept.decode("utf-8", "backslashreplace").replace("\0", "\\x00")))
    return rows, rejects


def is_utf8(raw):
    return raw.decode("utf-8", "replace").encode() == raw


def value(text, column):
    if not text:
        if column.required:
            raise ValueError
        return None
    return globals()[f"value_of_{column.name}"](text)


def value_of_id(text):
    return text


def value_of_n(text):
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text) or not -5 <= int(text) <= 1000:
        raise ValueError
    return int(text)


def value_of_x(text):
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text) or float(text) > 1e6:
        raise ValueError
    if float(text) == float("-inf"):
        raise ValueError
    return float(text)


def value_of_at(text):
    if re.fullmatch(r"[1-9][0-9]{9}|[1-9][0-9]{12}", text):
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=int(text) * (1000 if len(text) == 10 else 1))
    else:
        match = re.fullmatch(
            r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z| UTC|([+-])(\d\d):?(\d\d))?)?", text
        )
        if not match:
            raise ValueError
        year, month, day, hour, minute, second, fraction, _, sign, ahead, and_minutes = match.groups()
        fraction = int((fraction or "0").ljust(3, "0")[:3]) * 1000
        moment = dt.datetime(*(int(part or 0) for part in (year, month, day, hour, minute, second)), fraction)
        if sign:
            if int(ahead) > 23 or int(and_minutes) > 59:
                raise ValueError
            offset = dt.timedelta(hours=int(ahead), minutes=int(and_minutes))
            moment = moment - offset if sign == "+" else moment + offset
    if moment >= dt.datetime(2024, 3, 3):
        raise ValueError
    return moment


def value_of_kind(text):
    if text not in ("a", "b", 'say "hi"'):
        raise ValueError
    return text


def value_of_amount(text):
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        raise ValueError
    number = decimal.Decimal(text)
    if abs(number) >= 10000 or number != number.quantize(decimal.Decimal("0.01")):
        raise ValueError
    return number.quantize(decimal.Decimal("0.01"))


def value_of_day(text):
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise ValueError
    return dt.date.fromisoformat(text)


def value_of_flag(text):
    if text.lower() in ("true", "t", "yes", "y", "1"):
        return True
    if text.lower() in ("false", "f", "no", "n", "0"):
        return False
    raise ValueError


GOOD = {
    "id": ["u1", "ü", "u 2", "NA", "null", '"a,b"', '"a\nb"', '"a\r\nb"', '"x""y"', '5"', 'a"b"', '"q"'],
    "n": ["", "0", "7", "-5", "+8", "1000", "007", " 3 ", '"4"'],
    "x": ["", "1.5", "-2", "1e3", ".5", "5.", "+1", " 2 "],
    "at": [
        "",
        "2024-01-15",
        "2024-02-29",
        "2024-01-15T10:11",
        "2024-01-15 10:11:12",
        "2024-01-15T10:11:12.5",
        "2024-01-15T10:11:12.123456",
        "2024-01-15T10:11:12Z",
        "2024-01-15T10:11:12+01:30",
        "2024-01-15T10:11:12-0800",
        "1705312800",
        "1705312800123",
        "2024-01-15 10:11:12 UTC",
        "2024-01-15T10:11:12.1234567Z",
        "1969-12-31T23:59:59.9999",
    ],
    "kind": ["", "a", "b", '"say ""hi"""', " a "],
    "amount": ["", "1", "1.25", "-9999.99", "1e2", "1.500", "0.00"],
    "day": ["", "2024-01-15", "2024-02-29", "1999-12-31"],
    "flag": ["", "true", "False", "YES", "0", "t", "tRuE"],
}
BAD = {
    "id": ["", " ", '""', '"open', '"closed" twice', "a\rb"],
    "n": ["1.0", "0x10", "1_000", "1001", "-6", "abc", "9" * 20, "1e2", "٣"],
    "x": ["nan", "inf", "-Infinity", "1e999", "1000001", "0x1p3", "1_0", "--1", "1,5", "1..2"],
    "at": [
        "31/02/2019",
        "2024-02-30",
        "2023-02-29",
        "2024-01-15T25:00:00",
        "2024-01-15T10:60:00",
        "0000-01-01",
        "12345",
        "2024-03-03",
        "2024-01-15T10:11:12+25:00",
        "0x65a51234",
        "1705312800999999",
        "2024-1-5",
        "20240115",
        "now",
        "2024-01-15T10:11:12.",
        "9999999999",
    ],
    "kind": ["c", "A", "aa", "say hi"],
    "amount": ["1.255", "10000", "nan", "1,5", "0x1", "1e5"],
    "day": ["2024-02-30", "15.01.2024", "2024-01-15T00:00:00", "2024-13-01", "0000-01-01"],
    "flag": ["2", "maybe", "truee"],
}
LINES = [
    "",
    "  ",
    ",,,,,,,",
    "only",
    "a,b,c",
    HEADER.decode(),
    "x" * 70,
    '"',
    '""',
    "u,1,1,,,,,,,",
    '"a\nb',
    "\0",
    "u\0,,,,,,,",
]


def cell(name):
    return st.one_of(
        st.sampled_from(GOOD[name]),
        st.sampled_from(GOOD[name]),
        st.sampled_from(GOOD[name]),
        st.sampled_from(BAD[name]),
    )


good_line = st.tuples(*(st.sampled_from(GOOD[column.name]) for column in COLUMNS)).map(",".join)
dirty_line = st.tuples(*(cell(column.name) for column in COLUMNS)).map(",".join)
odd_bytes = st.sampled_from([b"\xff", b"u\xc3,1,,,,,,", b"\xed\xa0\x80,,,,,,,", b"a\xe9,,,,,,,"])
soup = st.text('"",\n\r a1', max_size=12).map(str.encode)
line = st.one_of(
    good_line.map(str.encode),
    good_line.map(str.encode),
    dirty_line.map(str.encode),
    st.sampled_from(LINES).map(str.encode),
    odd_bytes,
    soup,
)
files = st.lists(st.tuples(line, st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"])), max_size=30).flatmap(
    lambda lines: st.booleans().map(lambda ended: b"".join(a + b for a, b in lines)[: None if ended else -1])
)


# As long as a line may be, its end apart.
LONGEST = b'null,1000,1.5,1705312800123,"say ""hi""",1.25,2024-01-15,YES'


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(body=LONGEST + b"\r", block_bytes=32)
@example(body=b'"a\n"' + LONGEST[4:] + b"\r\n" + LONGEST, block_bytes=32)
@example(body=LONGEST + b"\r\n" + LONGEST, block_bytes=len(LONGEST) + 1)
@given(body=files, block_bytes=st.sampled_from([len(HEADER) + 2, 64, 100, 333, 1 << 20]))
def test_any_file_ends_as_the_rules_say(body, block_bytes, monkeypatch):
    rows, rejects, _ = convert(HEADER + b"\n" + body, block_bytes, monkeypatch)
    assert (rows, rejects) == expected(body)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=files)
def test_the_same_file_gives_the_same_bytes(body, monkeypatch):
    data = HEADER + b"\n" + body
    assert convert(data, 128, monkeypatch)[2] == convert(data, 128, monkeypatch)[2]


@pytest.mark.parametrize("column", [column.name for column in COLUMNS])
def test_each_cell_is_decided_alike_alone_and_among_many(column, monkeypatch):
    place = [c.name for c in COLUMNS].index(column)
    cells = [cell for cell in (*GOOD[column], *BAD[column]) if "\n" not in cell and cell != '"open']
    one_each = [b",".join(cell.encode() if at == place else b"u" * (at == 0) for at in range(8)) for cell in cells]
    body = b"\n".join(one_each) + b"\n"
    rows, rejects, _ = convert(HEADER + b"\n" + body, 1 << 20, monkeypatch)
    assert (rows, rejects) == expected(body)
    for single in one_each:
        assert convert(HEADER + b"\n" + single, 1 << 20, monkeypatch)[:2] == expected(single)
