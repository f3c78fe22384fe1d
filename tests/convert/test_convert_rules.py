"""Each oddity that a raw file may have, with the exact rows and rejects it must give."""

import csv
import datetime as dt
import gzip
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace import contracts
from millrace.contracts import Column, Contract, CsvOptions
from millrace.convert import engine

UPLOADED = dt.date(2024, 1, 15)
LOGINS = contracts.get("retraced", "user_login_locations")
PLACES = Contract(
    "p", "places", "raw", "", "", "", "",
    (
        Column("name", "string", "", aliases=("place",), required=True),
        Column("lat", "double", "", min=-90.0, max=90.0),
        Column("seen", "timestamp", "", latest_is_upload=True),
    ),
    csv=CsvOptions(),
)  # fmt: skip


class Sink:
    def __init__(self):
        self.data, self.state = bytearray(), "open"

    def write(self, data):
        self.data += data
        return len(data)

    def commit(self):
        self.state = "committed"

    def abort(self):
        if self.state == "open":
            self.state = "aborted"


class Result:
    def __init__(self, data, contract=PLACES):
        self.target, self.rejected = Sink(), Sink()
        source = io.BytesIO(data)
        self.outcome = engine.convert(
            source, contract, UPLOADED, "raw/f.csv", lambda: self.target, lambda: self.rejected
        )
        assert self.outcome.rows_in == self.outcome.rows_out + self.outcome.rows_rejected

    @property
    def rows(self):
        assert self.target.state == "committed"
        return [tuple(row.values()) for row in pq.read_table(io.BytesIO(bytes(self.target.data))).to_pylist()]

    @property
    def rejects(self):
        rows = list(csv.reader(io.StringIO(self.rejected.data.decode(), newline="")))
        assert not rows or (
            rows[0] == ["file", "line", "column", "reason", "raw"] and self.rejected.state == "committed"
        )
        assert all(row[0] == "raw/f.csv" for row in rows[1:])
        return [(int(line), column, reason, raw) for _, line, column, reason, raw in rows[1:]]


def places(*names):
    return [(name, None, None) for name in names]


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"name,lat,seen\na,,\nb,,", ["a", "b"]),
        (b"\xef\xbb\xbfname,lat,seen\na,,\n", ["a"]),
        ("name,lat,seen\nZürich,,\n".encode("utf-16"), ["Zürich"]),
        (b"\xfe\xff" + "name,lat,seen\nZürich,,\n".encode("utf-16-be"), ["Zürich"]),
        ("name,lat,seen\nZürich,,\nGenève,,".encode("latin-1"), ["Zürich", "Genève"]),
        ("name,lat,seen\n10 €,,\n".encode("cp1252"), ["10 €"]),
        (b"name,lat,seen\r\na,,\r\nb,,\r\n", ["a", "b"]),
        (b"name,lat,seen\ra,,\rb,,\r", ["a", "b"]),
        (b"name,lat,seen\r\na,,\nb,,\rc,,", ["a", "b", "c"]),
        (b'name,lat,seen\n"a\nb",,\n"c\r\nd",,\n', ["a\nb", "c\r\nd"]),
        (b'name,lat,seen\n"a ""b""",,\n"c,d",,\n5" pipe,,\n', ['a "b"', "c,d", '5" pipe']),
        (b"name;lat;seen\na,b;;\n", ["a,b"]),
        (b"name\tlat\tseen\na b\t\t\n", ["a b"]),
        (b"name|lat|seen\na|1;2|\n".replace(b"1;2", b""), ["a"]),
        (b"seen,Name,LAT\n,a,\n", ["a"]),
        (b"extra,name,lat,seen,more\nx,a,,,y\n", ["a"]),
        (b"Place,lat,seen\na,,\n", ["a"]),
        (b"\n\nname,lat,seen\n\na,,\n  \n\nb,,\n\n", ["a", "b"]),
        (b"name,lat,seen\n a\t,,\nNA,,\nnull,,\n", ["a", "NA", "null"]),
        (gzip.compress(b"name,lat,seen\na,,\n"), ["a"]),
        (gzip.compress(b"name,lat,seen\na,") + gzip.compress(b",\nb,,\n") + b"\0" * 20, ["a", "b"]),
    ],
)
def test_forms_of_files(data, names):
    result = Result(data)
    assert result.rows == places(*names)
    assert result.rejects == []


@pytest.mark.parametrize(
    ("cells", "moment"),
    [
        ("2024-01-15", (2024, 1, 15)),
        ("2024-01-15 10:11", (2024, 1, 15, 10, 11)),
        ("2024-01-15T10:11:12", (2024, 1, 15, 10, 11, 12)),
        ("2024-01-15T10:11:12.345678", (2024, 1, 15, 10, 11, 12, 345000)),
        ("2024-01-15T10:11:12.3456789Z", (2024, 1, 15, 10, 11, 12, 345000)),
        ("2024-01-15T10:11:12Z", (2024, 1, 15, 10, 11, 12)),
        ("2024-01-15 10:11:12+0130", (2024, 1, 15, 8, 41, 12)),
        ("2024-01-15T10:11:12-08:00", (2024, 1, 15, 18, 11, 12)),
        ("2024-01-15 10:11:12 UTC", (2024, 1, 15, 10, 11, 12)),
        ("1705313472", (2024, 1, 15, 10, 11, 12)),
        ("1705313472345", (2024, 1, 15, 10, 11, 12, 345000)),
        ("1705313472.3456", (2024, 1, 15, 10, 11, 12, 345000)),
        ("1969-12-31T23:59:59.9999", (1969, 12, 31, 23, 59, 59, 999000)),
    ],
)
@pytest.mark.parametrize("others", [b"", b"z,,2024-01-01\n", b"z,,2024-01-01T00:00:00Z\n", b"z,,31/02/2019\n"])
def test_timestamps_are_stored_as_utc(cells, moment, others):
    rows = Result(b"name,lat,seen\n" + others + f"a,,{cells}\n".encode() + others).rows
    assert [row[2] for row in rows if row[0] == "a"] == [dt.datetime(*moment)]


def test_times_without_a_zone_are_of_the_contracts_zone():
    contract = Contract(
        "p", "t", "raw", "", "", "", "", (Column("seen", "timestamp", ""),), csv=CsvOptions(timezone="Europe/Zurich")
    )
    result = Result(
        b"seen\n2024-01-15 12:00:00\n2024-07-15 12:00\n2024-01-15T12:00:00Z\n2024-10-27 02:30:00\n", contract
    )
    assert [row[0].isoformat() for row in result.rows] == [
        "2024-01-15T11:00:00", "2024-07-15T10:00:00", "2024-01-15T12:00:00", "2024-10-27T00:30:00",
    ]  # fmt: skip
    result = Result(b"seen\n2024-03-31 02:30:00\n", contract)
    assert result.rejects[0][2] == (
        'seen "2024-03-31 02:30:00" does not exist in Europe/Zurich, where clocks are set forward then'
    )


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        (b"a,,31/02/2019", "seen", 'seen "31/02/2019" is not a timestamp'),
        (b"a,,2024-02-30", "seen", 'seen "2024-02-30" is not a timestamp'),
        (b"a,,2024-01-15T25:00:00", "seen", 'seen "2024-01-15T25:00:00" is not a timestamp'),
        (b"a,,2024-01-17", "seen", 'seen "2024-01-17" is later than 2024-01-16, the day after its upload'),
        (b"a,123.4,", "lat", "lat 123.4 is above 90"),
        (b"a,-90.5,", "lat", "lat -90.5 is below -90"),
        (b"a,0x10,", "lat", 'lat "0x10" is not a number'),
        (b"a,1_000,", "lat", 'lat "1_000" is not a number'),
        (b"a,NaN,", "lat", 'lat "NaN" is not a number'),
        (b"a,inf,", "lat", 'lat "inf" is not a number'),
        (b" ,1,", "name", "name is empty"),
        (b"a,b,c,d", "", "4 fields where the header has 3"),
        (b"a", "", "1 fields where the header has 3"),
        (b"name,lat,seen", "lat", 'lat "lat" is not a number'),
        (b'a,"1,2', "", "quote opened and not closed where its field ends"),
    ],
)
def test_a_bad_row_is_set_aside_alone(line, column, reason):
    after = b'z,1,\n"q",,\n'
    result = Result(b"name,lat,seen\nb,,\n" + line + b"\n" + after)
    assert result.rejects == [(3, column, reason, line.decode())]
    assert result.rows == [("b", None, None), ("z", 1.0, None), ("q", None, None)]


@pytest.mark.parametrize(
    ("line", "reason", "raw"),
    [
        (b"abcdefghijkl\xffm,1,", "byte 0xff at offset 12 is not UTF-8", r"abcdefghijkl\xffm,1,"),
        (b"Z\xfcrich,1,", "byte 0xfc at offset 1 is not UTF-8", r"Z\xfcrich,1,"),
        (b"a\0b,1,", "NUL byte", r"a\x00b,1,"),
    ],
)
def test_bad_bytes(line, reason, raw):
    result = Result(b"name,lat,seen\nGen\xc3\xa8ve,,\n" + line + b"\nz,,\n")
    assert result.rejects == [(3, "", reason, raw)]
    assert result.rows == places("Genève", "z")


def test_one_damaged_line_among_many_ascii_lines_is_not_another_encoding():
    result = Result(b"name,lat,seen\n" + b"a,,\n" * 200 + b"caf\xe9,,\n")
    assert result.outcome.encoding == "utf-8"
    assert result.rejects == [(202, "", "byte 0xe9 at offset 3 is not UTF-8", r"caf\xe9,,")]


def test_what_a_declared_encoding_cannot_hold_is_rejected():
    contract = Contract("p", "t", "raw", "", "", "", "", PLACES.columns, csv=CsvOptions(encoding="cp1252"))
    result = Result(b"name,lat,seen\nZ\xfcrich,,\na\x81,,\n", contract)
    assert result.rows == places("Zürich")
    assert [reject[:3] for reject in result.rejects] == [(3, "", "byte 0x81 at offset 1 is not cp1252")]


@pytest.mark.parametrize("block_bytes", [4096, 1 << 20])
@pytest.mark.parametrize("size", [5_000, 100_000])
def test_a_line_over_the_limit_is_rejected_by_its_beginning(size, block_bytes, monkeypatch):
    monkeypatch.setattr(engine, "BLOCK_BYTES", block_bytes)
    contract = Contract("p", "t", "raw", "", "", "", "", PLACES.columns, csv=CsvOptions(max_line_bytes=2000))
    result = Result(b"name,lat,seen\na,,\n" + b"x" * size + b",,\nb,,\n", contract)
    assert result.rejects == [(3, "", "line longer than 2,000 bytes", "x" * 2000)]
    assert result.rows == places("a", "b")


@pytest.mark.parametrize("block_bytes", [4096, 1 << 20])
def test_a_quote_that_never_closes_swallows_nothing(block_bytes, monkeypatch):
    monkeypatch.setattr(engine, "BLOCK_BYTES", block_bytes)
    contract = Contract("p", "t", "raw", "", "", "", "", PLACES.columns, csv=CsvOptions(max_line_bytes=2000))
    rows = b"".join(b"n%d,1,\n" % n for n in range(3000))
    result = Result(b'name,lat,seen\n"open,1,\n' + rows, contract)
    assert result.rejects == [(2, "", "quote opened and not closed within 2,000 bytes", '"open,1,')]
    assert len(result.rows) == 3000
    result = Result(b'name,lat,seen\na,,\n"open,1,\nb,,\n', contract)
    assert result.rejects == [(3, "", "quote opened and not closed before the end of the file", '"open,1,')]
    assert result.rows == places("a", "b")


def test_line_numbers_are_physical():
    data = b'\nname,lat,seen\n"a\nb",,\n\n"c\r\nd",x,\ne,,\rf,y,\n'
    result = Result(data)
    assert [(line, raw) for line, _, _, raw in result.rejects] == [(6, '"c\r\nd",x,'), (9, "f,y,")]
    assert result.rows == places("a\nb", "e")


@pytest.mark.parametrize("data", [b"", b"\n\n", b"name,lat,seen", b"name,lat,seen\n\n", gzip.compress(b"")])
def test_files_without_rows(data):
    result = Result(data)
    assert (result.outcome.status, result.outcome.rows_in, result.rows, result.rejects) == ("loaded", 0, [], [])
    assert result.outcome.reason == (None if b"name" in data else "the file is empty")


def test_a_missing_column_refuses_the_file():
    result = Result(b'place_name,lat,seen\na,,\n\n"b\nc",,\n')
    reason = (
        "column name missing (is it 'place_name'?); found 'place_name', 'lat', 'seen'; "
        "rename the header, or add an alias to datasets/p/places.yaml"
    )
    assert (result.outcome.status, result.outcome.reason) == ("refused", reason)
    assert (result.outcome.rows_in, result.outcome.rows_out, result.outcome.rows_rejected) == (2, 0, 2)
    assert result.rejects == [(1, "", reason, "place_name,lat,seen")]


def test_what_is_no_csv_is_refused():
    result = Result(b"x" * 200_000 + b"\na,,\n")
    assert result.outcome.reason == (
        "the header cannot be read: field larger than field limit (131072); is this a CSV file?"
    )
    assert Result(b"PK\3\4" + bytes(range(256)) * 10).outcome.status == "refused"
    assert Result(b"x" * (3 << 20)).outcome.reason == "the header is longer than 1,048,576 bytes; is this a CSV file?"


def test_a_first_cell_of_great_length():
    assert Result(b"name,lat,seen\n" + b"x" * 200_000 + b",,\n").rows == places("x" * 200_000)


def test_two_headers_for_a_column_refuse_the_file():
    result = Result(b"name,Lat,LAT,seen\na,1,2,\n")
    assert result.outcome.reason == "headers 'Lat' and 'LAT' both name column lat; rename or drop one of them"
    assert Result(b"name,place,lat,seen\na,b,1,\n").rows == [("a", 1.0, None)]


@pytest.mark.parametrize("keep", [0.3, 0.999])
def test_a_truncated_gzip_publishes_nothing(keep):
    data = gzip.compress(
        b"name,lat,seen\n" + b"".join(b"n%d,%d,\n" % (n * 7919 % 100_003, n % 90) for n in range(50_000))
    )
    result = Result(data[: int(len(data) * keep)])
    assert result.outcome.status == "refused"
    assert result.outcome.reason.startswith("gzip data ends too early, after ")
    assert result.target.state == "aborted"
    assert 0 < result.outcome.rows_in < 50_000
    assert [reject[3] for reject in result.rejects] == ["name,lat,seen"]


def test_damaged_gzip_publishes_nothing():
    data = bytearray(gzip.compress(b"name,lat,seen\n" + b"a,1,\n" * 1000))
    data[-6] ^= 1
    result = Result(bytes(data))
    assert result.outcome.status == "refused" and "gzip data is damaged" in result.outcome.reason


def test_optional_columns_and_extra_columns():
    result = Result(b"User ID,login-time,Zip\nu1,2024-01-15T10:00:00Z,8000\n", LOGINS)
    assert result.rows == [("u1", None, dt.datetime(2024, 1, 15, 10), None, None, None, None, None)]
    assert result.outcome.extra_columns == ["Zip"]
    assert result.outcome.absent_columns == ["company_id", "country", "city", "latitude", "longitude", "ip_address"]


def test_the_parquet_file_is_typed_compressed_and_the_same_each_time():
    body = b"name,lat,seen\n" + b"".join(b"n%d,1.5,2024-01-15\n" % (n % 100) for n in range(250_000))
    first, second = Result(body), Result(body)
    assert first.target.data == second.target.data
    file = pq.ParquetFile(io.BytesIO(bytes(first.target.data)))
    assert file.schema_arrow == pa.schema([("name", pa.string()), ("lat", pa.float64()), ("seen", pa.timestamp("ms"))])
    metadata = file.metadata
    assert metadata.num_rows == 250_000
    assert {metadata.row_group(i).column(c).compression for i in range(metadata.num_row_groups) for c in range(3)} == {
        "ZSTD"
    }
    assert 100_000 <= metadata.row_group(0).num_rows <= 250_000
    assert metadata.row_group(0).column(1).statistics.max == 1.5


def test_an_error_in_the_source_publishes_nothing():
    class Broken(io.BytesIO):
        def read(self, size=-1):
            data = super().read(size)
            if self.tell() > 3 << 20:
                raise ConnectionError("lost")
            return data

    target, rejects = Sink(), Sink()
    data = b"name,lat,seen\n,,\n" + b"a,1,2024-01-15\n" * 400_000
    with pytest.raises(ConnectionError):
        engine.convert(Broken(data), PLACES, UPLOADED, "f", lambda: target, lambda: rejects)
    assert (target.state, rejects.state) == ("aborted", "aborted")
