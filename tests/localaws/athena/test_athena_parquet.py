"""Parquet tables: columns by name and type, partitions, pruning, what counts as scanned."""

import random
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from localaws.athena import lake

TABLE = "CREATE EXTERNAL TABLE t ({}) {} STORED AS PARQUET LOCATION 's3://lake/t/'"


def chunk_bytes(athena, key, *names):
    """Compressed bytes of these columns' chunks, from the footer."""
    metadata = pq.read_metadata(athena.store.head("lake", key).path)
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    chunks = [group.column(index) for group in groups for index in range(group.num_columns)]
    return sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema in names)


def test_columns_go_by_name_and_missing_ones_are_null(athena):
    athena.run(TABLE.format("a int, b string, c double", ""))
    athena.put_parquet("t/1", pa.table({"B": ["x"], "a": pa.array([1], pa.int32()), "extra": [9]}))
    athena.put_parquet("t/2", pa.table({"c": [2.5], "a": pa.array([2], pa.int32())}))
    assert athena.rows("SELECT * FROM t ORDER BY a") == [["1", "x", None], ["2", None, "2.5"]]


def test_files_may_differ_in_what_is_not_needed_and_in_width(athena):
    athena.run(TABLE.format("a bigint, b string, c int", ""))
    athena.put_parquet("t/1", pa.table({"a": pa.array([1], pa.int8()), "b": ["x"], "z": [1.5]}))
    athena.put_parquet("t/2", pa.table({"b": pa.array([5], pa.int32()), "a": pa.array([70_000], pa.int32())}))
    athena.put_parquet("t/3", pa.table({"a": pa.array([2**40], pa.int64()), "c": pa.array([7], pa.int32())}))
    assert athena.rows("SELECT a FROM t ORDER BY a") == [["1"], ["70000"], [str(2**40)]]
    assert athena.rows("SELECT a FROM t WHERE a = 70000") == [["70000"]]
    assert athena.rows("SELECT a, c FROM t ORDER BY a") == [["1", None], ["70000", None], [str(2**40), "7"]]
    assert "s3://lake/t/2" in athena.fails("SELECT b FROM t")


def test_files_of_one_part_may_lack_what_the_first_has(athena):
    athena.run(TABLE.format("a int, b string", ""))
    a = pa.array([1], pa.int32())
    athena.put_parquet("t/1", pa.table({"b": ["x"], "a": a}))
    athena.put_parquet("t/2", pa.table({"a": a}))
    athena.put_parquet("t/3", pa.table({"a": a, "b": [5]}))
    assert athena.rows("SELECT sum(a) FROM t") == [["3"]]


def test_hidden_empty_and_other_objects_are_passed_over(athena):
    athena.run(TABLE.format("a int", ""))
    good = pa.table({"a": pa.array([1], pa.int32())})
    athena.put_parquet("t/one", good)
    athena.put_parquet("t/deep/er/two", good)
    for key in ("t/_temporary/x", "t/.hidden", "t/deep/_SUCCESS", "other/x", "t2/x"):
        athena.put(key, "not parquet")
    athena.put("t/folder/", "")
    athena.put("t/empty", "")
    assert athena.rows("SELECT count(*) FROM t") == [["2"]]


def test_every_type_is_read_and_written_as_athena_shows_it(athena):
    athena.run(
        TABLE.format(
            "b boolean, t tinyint, s smallint, i int, l bigint, f float, d double, n decimal(12,3), v varchar(3), "
            "x binary, day date, ts timestamp, a array<int>, m map<string,double>, r struct<p:int,q:string>",
            "",
        )
    )
    row = {
        "b": pa.array([True]),
        "t": pa.array([1], pa.int8()),
        "s": pa.array([2], pa.int16()),
        "i": pa.array([3], pa.int32()),
        "l": pa.array([4], pa.int64()),
        "f": pa.array([0.1], pa.float32()),
        "d": pa.array([1e10], pa.float64()),
        "n": pa.array([Decimal("5.500")], pa.decimal128(12, 3)),
        "v": pa.array(["abcdef"]),
        "x": pa.array([b"a\x00z"]),
        "day": pa.array([date(2024, 1, 15)]),
        "ts": pa.array([datetime(2024, 1, 15, 10, 0, 0, 123000)], pa.timestamp("ms")),
        "a": pa.array([[1, None]], pa.list_(pa.int32())),
        "m": pa.array([[("k", 1.5)]], pa.map_(pa.string(), pa.float64())),
        "r": pa.array([{"p": 7, "q": None}], pa.struct([("p", pa.int32()), ("q", pa.string())])),
    }
    athena.put_parquet("t/1", pa.table(row))
    (values,) = athena.rows("SELECT * FROM t")
    assert values[:8] == ["true", "1", "2", "3", "4", "0.1", "1.0E10", "5.500"]
    assert values[8:12] == ["abc", "61 00 7a", "2024-01-15", "2024-01-15 10:00:00.123"]
    assert values[12:] == ["[1, null]", "{k=1.5}", "{p=7, q=null}"]


@pytest.mark.parametrize(
    ("declared", "stored", "expected"),
    [
        ("bigint", pa.array([7], pa.int32()), "7"),
        ("int", pa.array([7], pa.int16()), "7"),
        ("double", pa.array([0.5], pa.float32()), "0.5"),
        ("decimal(10,3)", pa.array([Decimal("1.25")], pa.decimal128(5, 2)), "1.250"),
        ("string", pa.array([b"abc"]), "abc"),
        ("string", pa.array(["abc"]).dictionary_encode(), "abc"),
        ("timestamp", pa.array([1_500_600], pa.timestamp("us")), "1970-01-01 00:00:01.501"),
        ("timestamp", pa.array([-400], pa.timestamp("us")), "1970-01-01 00:00:00.000"),
        ("timestamp", pa.array([0], pa.timestamp("ms", tz="Europe/Paris")), "1970-01-01 00:00:00.000"),
        ("array<bigint>", pa.array([[1]], pa.list_(pa.int32())), "[1]"),
        ("struct<a:int,b:string>", pa.array([{"a": 1}], pa.struct([("a", pa.int32())])), "{a=1, b=null}"),
        ("int", pa.nulls(1), None),
    ],
)
def test_types_that_athena_widens(athena, declared, stored, expected):
    athena.run(TABLE.format(f"a {declared}", ""))
    athena.put_parquet("t/1", pa.table({"a": stored}))
    assert athena.rows("SELECT a FROM t") == [[expected]]


@pytest.mark.parametrize(
    ("declared", "stored"),
    [
        ("int", pa.array(["7"])),
        ("int", pa.array([7], pa.int64())),
        ("string", pa.array([7], pa.int32())),
        ("bigint", pa.array([7], pa.uint64())),
        ("float", pa.array([0.5], pa.float64())),
        ("decimal(5,2)", pa.array([Decimal("1.250")], pa.decimal128(5, 3))),
        ("date", pa.array([0], pa.timestamp("ms"))),
        ("timestamp", pa.array([date(2024, 1, 1)])),
        ("array<int>", pa.array([1], pa.int32())),
        ("struct<a:int>", pa.array([{"a": "x"}], pa.struct([("a", pa.string())]))),
    ],
)
def test_types_that_do_not_fit_fail_with_file_and_column(athena, declared, stored):
    athena.run(TABLE.format(f"a {declared}, b int", ""))
    athena.put_parquet("t/1", pa.table({"a": stored, "b": pa.array([1], pa.int32())}))
    reason = athena.fails("SELECT a FROM t")
    assert reason.startswith("HIVE_BAD_DATA: Field a's type ")
    assert "s3://lake/t/1" in reason
    assert athena.rows("SELECT b FROM t") == [["1"]], "a column that is not needed is not checked"


def test_a_file_that_is_no_parquet_fails_by_name(athena):
    athena.run(TABLE.format("a int", ""))
    athena.put("t/bad", "this is text")
    assert athena.fails("SELECT a FROM t").startswith("HIVE_BAD_DATA: Not valid Parquet file: s3://lake/t/bad")


# Partitions


def one_day(value):
    return pa.table({"a": pa.array([value], pa.int32())})


def test_only_registered_partitions_are_read_with_values_from_the_catalog(athena):
    athena.run(TABLE.format("a int", "PARTITIONED BY (day string)"))
    athena.put_parquet("t/day=2024-01-01/x", one_day(1))
    athena.put_parquet("t/day=2024-01-02/x", one_day(2))
    athena.put_parquet("elsewhere/x", one_day(3))
    assert athena.rows("SELECT * FROM t") == []
    athena.run(
        "ALTER TABLE t ADD PARTITION (day = '2024-01-01') PARTITION (day = 'far') LOCATION 's3://lake/elsewhere/'"
    )
    assert athena.rows("SELECT a, day FROM t ORDER BY a") == [["1", "2024-01-01"], ["3", "far"]]
    athena.run("ALTER TABLE t PARTITION (day = 'far') SET LOCATION 's3://lake/t/day=2024-01-02/'")
    assert athena.rows("SELECT a, day FROM t ORDER BY a") == [["1", "2024-01-01"], ["2", "far"]]
    athena.run("ALTER TABLE t PARTITION (day = 'far') RENAME TO PARTITION (day = 'near')")
    athena.run("ALTER TABLE t DROP PARTITION (day = '2024-01-01')")
    assert athena.rows("SELECT a, day FROM t") == [["2", "near"]]


@pytest.mark.parametrize(
    "value", ["a b", "ü/ö", "50%", "x=y", "%41", "a'b", '"', "*", "?[a]", "a,b", "~", "2024-01-01 00:00:00", "..", "+"]
)
def test_partition_values_may_hold_any_character(athena, value):
    athena.run(TABLE.format("a int", "PARTITIONED BY (p string)"))
    athena.put_parquet("t/x", one_day(1))
    athena.put_parquet("u/x", one_day(2))
    text = value.replace("'", "''")
    athena.run(f"ALTER TABLE t ADD PARTITION (p = '{text}') LOCATION 's3://lake/t/'")
    athena.run("ALTER TABLE t ADD PARTITION (p = 'other') LOCATION 's3://lake/u/'")
    assert athena.rows(f"SELECT p, a FROM t WHERE p = '{text}'") == [[value, "1"]]
    assert athena.rows("SELECT p FROM t ORDER BY a") == [[value], ["other"]]


def test_partition_keys_have_their_types_and_null(athena):
    athena.run(TABLE.format("a int", "PARTITIONED BY (n int, day date)"))
    for number, (n, day) in enumerate(
        [("7", "2024-01-15"), ("-1", "2023-12-31"), ("__HIVE_DEFAULT_PARTITION__", "2024-01-15")]
    ):
        athena.put_parquet(f"t/{number}/x", one_day(number))
        athena.run(f"ALTER TABLE t ADD PARTITION (n = '{n}', day = '{day}') LOCATION 's3://lake/t/{number}/'")
    assert athena.rows("SELECT n + 1, day + INTERVAL '1' DAY FROM t ORDER BY a") == [
        ["8", "2024-01-16"],
        ["0", "2024-01-01"],
        [None, "2024-01-16"],
    ]
    assert athena.rows("SELECT a FROM t WHERE n IS NULL") == [["2"]]
    assert athena.rows("SELECT a FROM t WHERE n < 100 ORDER BY a") == [["0"], ["1"]]
    assert athena.rows("SELECT a FROM t WHERE day = DATE '2023-12-31'") == [["1"]]
    reason = athena.fails("ALTER TABLE t ADD PARTITION (n = 'x', day = '2024-01-01')")
    assert reason.startswith("HIVE_INVALID_PARTITION_VALUE: Invalid partition value 'x' for integer")


@pytest.mark.parametrize(
    ("condition", "rows", "days"),
    [
        ("day = '2024-01-02'", "2", 1),
        ("day IN ('2024-01-01', '2024-01-03', 'x')", "13", 2),
        ("day BETWEEN '2024-01-02' AND '2024-01-09'", "234", 3),
        ("day >= '2024-01-03'", "34", 2),
        ("'2024-01-02' > day", "1", 1),
        ("day > '2024-01-01' AND day < '2024-01-03'", "2", 1),
        ("day = '2024-01-02' OR day = '2024-01-03'", "23", 4),
        ("substr(day, 9) = '02'", "2", 4),
        ("a + 0 = 2", "2", 4),
    ],
)
def test_conditions_on_keys_leave_partitions_out_and_never_rows(athena, condition, rows, days):
    athena.run(TABLE.format("a int", "PARTITIONED BY (day string)"))
    for number in range(1, 5):
        athena.put_parquet(f"t/day=2024-01-0{number}/x", one_day(number))
    athena.run("MSCK REPAIR TABLE t")
    sql = f"SELECT a, day FROM t WHERE {condition} ORDER BY a"
    assert athena.rows(sql) == [[row, f"2024-01-0{row}"] for row in rows]
    scanned = athena.run(sql)["Statistics"]["DataScannedInBytes"]
    assert scanned == days * chunk_bytes(athena, "t/day=2024-01-01/x", "a")


def test_1500_partitions_of_one_small_file_stay_quick(athena):
    athena.run(TABLE.format("a int", "PARTITIONED BY (day string)"))
    for number in range(1500):
        athena.put_parquet(f"t/day={number:04}/x", one_day(number))
    athena.run("MSCK REPAIR TABLE t")
    total = "SELECT count(*) AS n, sum(a) AS a, max(day) AS day FROM t"
    assert athena.rows(total) == [["1500", str(sum(range(1500))), "1499"]]
    milliseconds = athena.run(total)["Statistics"]["TotalExecutionTimeInMillis"]
    assert milliseconds < 3000
    assert athena.rows("SELECT a FROM t WHERE day = '0700'") == [["700"]]


def test_the_partitions_and_files_of_a_table_can_be_queried(athena):
    athena.run(TABLE.format("a int", "PARTITIONED BY (day string, n int)"))
    athena.put_parquet("t/day=x/n=1/f", one_day(1))
    athena.run("MSCK REPAIR TABLE t")
    assert athena.rows('SELECT * FROM "t$partitions"') == [["x", "1"]]


# Scanned bytes


def test_scanned_bytes_are_the_chunks_of_the_needed_columns(athena):
    athena.run(TABLE.format("a bigint, b string", ""))
    table = pa.table({"a": range(10000), "b": [f"text {number}" for number in range(10000)]})
    athena.put_parquet("t/1", table, row_group_size=1000)
    athena.put_parquet("t/2", table)
    sizes = {name: sum(chunk_bytes(athena, key, name) for key in ("t/1", "t/2")) for name in ("a", "b")}

    def scanned(sql):
        return athena.run(sql)["Statistics"]["DataScannedInBytes"]

    assert scanned("SELECT sum(a) FROM t") == sizes["a"]
    assert scanned("SELECT max(b) FROM t WHERE a > 5") == sizes["a"] + sizes["b"]
    assert scanned("SELECT * FROM t") == sizes["a"] + sizes["b"]
    assert scanned("SELECT count(*) FROM t") == 0
    assert scanned("SELECT x.a FROM t x JOIN t y ON x.a = y.a") == 2 * sizes["a"]


def test_row_groups_that_cannot_hold_what_is_asked_for_are_not_scanned(athena):
    athena.run(TABLE.format("a bigint, b string, d date, n bigint, t string", ""))
    days = [date(2024, 1, 1 + number // 100) for number in range(1000)]
    table = pa.table({
        "a": range(1000),
        "b": [f"{number:04}" for number in range(1000)],
        "d": days,
        "n": pa.array([None] * 100 + [7] * 900, pa.int64()),
        "t": pa.array(range(1000), pa.int64()),  # the file has another type than the table
    })  # fmt: skip
    athena.put_parquet("t/1", table, row_group_size=100)
    metadata = pq.read_metadata(athena.store.head("lake", "t/1").path)
    sizes = [
        {metadata.row_group(g).column(c).path_in_schema: metadata.row_group(g).column(c).total_compressed_size
         for c in range(5)} for g in range(10)
    ]  # fmt: skip

    def groups(where, column="a"):
        """The row groups that a query of one column scans, found by what it took."""
        execution = athena.run(f"SELECT count({column}) FROM t WHERE {where}")
        names = {column, *(name for name in "abdnt" if f"{name} " in where)}
        costs = [sum(size[name] for name in names) for size in sizes]
        scanned = execution["Statistics"]["DataScannedInBytes"]
        return [(first, last) for first in range(10) for last in range(first, 11) if sum(costs[first:last]) == scanned]

    for where, expected in {
        "a = 250": (2, 3),
        "a >= 250 AND a < 400": (2, 4),
        "a BETWEEN 250 AND 300": (2, 4),
        "a < 100": (0, 1),
        "a > 899": (9, 10),
        "a IN (5, 150)": (0, 2),
        "b = '0950'": (9, 10),
        "d <= DATE '2024-01-02'": (0, 2),
        "a = 250 AND b = '0950'": (0, 0),
        "a = 5000": (0, 0),
        "a <> 250": (0, 10),
        "a = 250 OR a = 950": (0, 10),
        "a + 1 = 250": (0, 10),
        "n = 7": (0, 10),  # a group of nulls says nothing
    }.items():
        assert expected in groups(where), where
    assert athena.rows("SELECT count(*), sum(a) FROM t WHERE a BETWEEN 250 AND 300 AND d < DATE '2024-01-04'") == [
        ["50", str(sum(range(250, 300)))]
    ]
    assert athena.rows("SELECT a FROM t WHERE b = '0950'") == [["950"]]


def test_scanned_bytes_of_nested_columns_and_odd_names(athena):
    athena.run(TABLE.format("s struct<x:int,l:array<string>>, m map<string,int>, `a.b` int", ""))
    table = pa.table({
        "s": pa.array([{"x": 1, "l": ["p"]}] * 100, pa.struct([("x", pa.int32()), ("l", pa.list_(pa.string()))])),
        "m": pa.array([[("k", 1)]] * 100, pa.map_(pa.string(), pa.int32())),
        "a.b": pa.array(range(100), pa.int32()),
    })  # fmt: skip
    athena.put_parquet("t/1", table)
    execution = athena.run('SELECT sum("a.b") FROM t')
    assert execution["Statistics"]["DataScannedInBytes"] == chunk_bytes(athena, "t/1", "a.b")
    execution = athena.run("SELECT count(s.x) FROM t")
    wanted = chunk_bytes(athena, "t/1", "s.x", "s.l.list.element")
    assert execution["Statistics"]["DataScannedInBytes"] == wanted


def test_an_object_that_vanishes_after_the_listing_is_listed_again(athena, monkeypatch):
    athena.run(TABLE.format("a int", ""))
    athena.put_parquet("t/1", one_day(1))
    real, calls = lake.files, []

    def files(store, partitions):
        found = real(store, partitions)
        if not calls:
            athena.put_parquet("t/1", one_day(2))
        calls.append(partitions)
        return found

    monkeypatch.setattr(lake, "files", files)
    assert athena.rows("SELECT a FROM t") == [["2"]]
    assert len(calls) == 2


def test_a_bucket_that_is_not_there_is_named(athena):
    athena.run("CREATE EXTERNAL TABLE t (a int) STORED AS PARQUET LOCATION 's3://no-such-bucket/t/'")
    assert athena.fails("SELECT * FROM t").endswith("The specified bucket does not exist: no-such-bucket")


def test_an_object_replaced_during_a_query_does_not_disturb_it(athena):
    athena.run(TABLE.format("a int", ""))
    athena.put_parquet("t/1", one_day(1))
    assert athena.rows("SELECT a FROM t") == [["1"]]
    athena.put_parquet("t/1", one_day(2))
    assert athena.rows("SELECT a FROM t") == [["2"]]
    athena.store.delete("lake", "t/1")
    assert athena.rows("SELECT a FROM t") == []


# Projection


def test_projected_partitions_need_no_registration(athena):
    athena.run(
        "CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (day string, n int, kind string) STORED AS PARQUET "
        "LOCATION 's3://lake/t/' TBLPROPERTIES ('projection.enabled' = 'true', "
        "'projection.day.type' = 'date', 'projection.day.format' = 'yyyy-MM-dd', "
        "'projection.day.range' = '2024-01-30,2024-02-02', "
        "'projection.n.type' = 'integer', 'projection.n.range' = '8,10', 'projection.n.digits' = '2', "
        "'projection.kind.type' = 'enum', 'projection.kind.values' = 'x,y', "
        "'storage.location.template' = 's3://lake/t/${day}/${n}/${kind}/')"
    )
    athena.put_parquet("t/2024-02-01/09/x/f", one_day(1))
    athena.put_parquet("t/2024-01-30/10/y/f", one_day(2))
    athena.put_parquet("t/2024-02-03/10/y/f", one_day(3))
    assert athena.rows("SELECT * FROM t ORDER BY a") == [["1", "2024-02-01", "9", "x"], ["2", "2024-01-30", "10", "y"]]
    assert athena.rows("SELECT a FROM t WHERE day = '2024-01-30' AND n = 10") == [["2"]]


def test_an_injected_key_needs_a_condition(athena):
    athena.run(
        "CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (device string) STORED AS PARQUET LOCATION 's3://lake/t/' "
        "TBLPROPERTIES ('projection.enabled' = 'true', 'projection.device.type' = 'injected')"
    )
    athena.put_parquet("t/device=d1/f", one_day(1))
    assert athena.rows("SELECT a, device FROM t WHERE device = 'd1'") == [["1", "d1"]]
    assert athena.fails("SELECT a FROM t").startswith(
        "CONSTRAINT_VIOLATION: For the injected projected partition column"
    )


FORMS = [
    *("{k} = {x}", "{k} <> {x}", "{k} < {x}", "{x} <= {k}", "{k} > {x}", "{k} >= {x}", "NOT {k} = {x}"),
    *("{k} IN ({x}, {y})", "{k} NOT IN ({x}, {y})", "{k} BETWEEN {x} AND {y}", "{k} IS NULL"),
]


def test_leaving_partitions_out_never_changes_an_answer(athena):
    athena.run(TABLE.format("a int", "PARTITIONED BY (s string, n int, d date)"))
    chooser = random.Random(5)
    null = "__HIVE_DEFAULT_PARTITION__"
    texts = ["", "a", "B", "b", "ä", "10", "9", "2024-01-02", null]
    numbers = ["-5", "0", "007", "9", "10", "2147483647", null]
    days = ["1969-12-31", "2024-01-02", "2024-01-10", "2023-02-28", null]
    values = {(chooser.choice(texts[1:]), chooser.choice(numbers), chooser.choice(days)) for _ in range(60)}
    added = []
    for number, (s, n, d) in enumerate(sorted(values)):
        athena.put_parquet(f"t/{number}/x", one_day(number))
        added.append(f"PARTITION (s = '{s}', n = '{n}', d = '{d}') LOCATION 's3://lake/t/{number}/'")
    athena.run("ALTER TABLE t ADD " + " ".join(added))
    literals = {
        "s": [f"'{text}'" for text in texts],
        "n": ["-5", "7", "9", "9.5", "BIGINT '10'", "3000000000", "1e1"],
        "d": [f"DATE '{day}'" for day in days[:-1]]
        + ["TIMESTAMP '2024-01-02 00:00:00'", "TIMESTAMP '2024-01-02 10:00:00'"],
    }
    pruned = 0
    for _ in range(60):
        parts = []
        for key in chooser.sample("snd", chooser.choice([1, 1, 2])):
            first, second = chooser.choice(literals[key]), chooser.choice(literals[key])
            form = chooser.choice(FORMS)
            parts.append(form.format(k=key, x=first, y=second))
        condition = chooser.choice([" AND ", " AND ", " OR "]).join(parts)
        execution = athena.run(f"SELECT a FROM t WHERE {condition}")
        plain = athena.rows(f"SELECT a FROM t WHERE CASE WHEN {condition} THEN 1 ELSE 0 END = 1 ORDER BY a")
        assert athena.rows(f"SELECT a FROM t WHERE {condition} ORDER BY a") == plain, condition
        pruned += execution["Statistics"]["DataScannedInBytes"] < len(values) * chunk_bytes(athena, "t/0/x", "a")
    assert pruned > 20
