"""Folders and files, and the tables that a crawler makes of them.

Each case names the source of what is expected: a page of Glue's guide, what the format itself says, or the rule that
docs/localaws/glue.md states where AWS publishes none.
"""

import bz2
import datetime
import decimal
import gzip
import io
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

PARTITIONS = "guide: How does a crawler determine when to create partitions?"
OPTIONS = "guide: Setting crawler configuration options"
CLASSIFIERS = "guide: Defining and managing classifiers"
INCLUDE = "guide: Include and exclude patterns"
OURS = "docs/localaws/glue.md"


@dataclass(frozen=True)
class Table:
    """columns as ``name type, …``; keys; partitions as the paths of their values."""

    columns: str
    keys: str = ""
    partitions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    name: str
    source: str
    files: dict
    tables: dict
    paths: tuple[str, ...] = ("t/",)
    settings: dict = field(default_factory=dict)


def parquet(**columns):
    body = io.BytesIO()
    pq.write_table(pa.table(columns), body)
    return body.getvalue()


def of_type(kind, *values):
    return pa.array(values, kind)


ROW = '{"id": 1, "name": "a"}\n'
ID_NAME = "id int, name string"
USERS = parquet(user=[1], mail=["x"], city=["y"])
ORDERS = parquet(order_no=[1], amount=[1.5], paid=[True])
DATES = parquet(date_key=[1], day=[datetime.date(2024, 1, 1)], quarter=["Q1"])
ORDER_COLUMNS = "order_no bigint, amount double, paid boolean"
USER_COLUMNS = "user bigint, mail string, city string"
CSV = "id,name\n1,a\n2,b\n"
CSV_COLUMNS = "id bigint, name string"
TWO_FOLDERS = {f"folder1/{name}/file.txt": ROW for name in ("table1/partition1", "table1/partition2", "table2/p4")}
COMBINE = {"Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas"}}

LAYOUTS = [
    Case(
        "Hive folders of three levels",
        PARTITIONS,
        {f"sales/year=2019/month={month}/day={day}/f.json": ROW for month in ("Jan", "Feb") for day in (1, 2)},
        {"sales": Table(ID_NAME, "year month day", ("2019/Feb/1", "2019/Feb/2", "2019/Jan/1", "2019/Jan/2"))},
        ("sales/",),
    ),
    Case(
        "similar tables under one include path are one table",
        PARTITIONS,
        TWO_FOLDERS,
        {"folder1": Table(ID_NAME, "partition_0 partition_1", ("table1/partition1", "table1/partition2", "table2/p4"))},
        ("folder1/",),
    ),
    Case(
        "each a data store of its own",
        PARTITIONS,
        TWO_FOLDERS,
        {
            "table1": Table(ID_NAME, "partition_0", ("partition1", "partition2")),
            "table2": Table(ID_NAME, "partition_0", ("p4",)),
        },
        ("folder1/table1/", "folder1/table2/"),
    ),
    Case(
        "a table level separates them too",
        OPTIONS,
        TWO_FOLDERS,
        {
            "table1": Table(ID_NAME, "partition_0", ("partition1", "partition2")),
            "table2": Table(ID_NAME, "partition_0", ("p4",)),
        },
        ("folder1/",),
        {"configuration": {"Grouping": {"TableLevelConfiguration": 3}}},
    ),
    Case(
        "compatible schemas combined",
        OPTIONS,
        {
            "table1/year=2017/data1.json": '{"A": 1, "B": 2}',
            "table1/year=2018/data2.json": '{"A": 1, "B": 2}',
            "table1/year=2018/data3.json": '{"A": 1, "B": 2}\n{"C": 3}\n',
        },
        {"table1": Table("a int, b int, c int", "year", ("2017", "2018"))},
        ("table1/",),
        {"configuration": COMBINE},
    ),
    Case(
        "a star of tables, some with partitions",
        PARTITIONS,
        {
            "star/dim_dates/part-0.parquet": DATES,
            "star/dim_users/part-0.parquet": USERS,
            "star/fact_orders/year=2023/part-0.parquet": ORDERS,
            "star/fact_orders/year=2024/part-0.parquet": ORDERS,
        },
        {
            "dim_dates": Table("date_key bigint, day date, quarter string"),
            "dim_users": Table(USER_COLUMNS),
            "fact_orders": Table(ORDER_COLUMNS, "year", ("2023", "2024")),
        },
        ("star/",),
    ),
    Case(
        "folders by date without names",
        PARTITIONS,
        {f"t/2024/0{month}/1{day}/f.csv": CSV for month in (1, 2) for day in (3, 4)},
        {
            "t": Table(
                CSV_COLUMNS,
                "partition_0 partition_1 partition_2",
                ("2024/01/13", "2024/01/14", "2024/02/13", "2024/02/14"),
            )
        },
    ),
    Case(
        "named and unnamed levels",
        PARTITIONS,
        {"t/eu/day=1/f.csv": CSV, "t/us/day=1/f.csv": CSV},
        {"t": Table(CSV_COLUMNS, "partition_0 day", ("eu/1", "us/1"))},
    ),
    Case(
        "a level whose folders have different names is unnamed",
        OURS,
        {"t/year=1/f.csv": CSV, "t/jahr=2/f.csv": CSV},
        {"t": Table(CSV_COLUMNS, "partition_0", ("jahr=2", "year=1"))},
    ),
    Case(
        "Hive's escapes and its name for null",
        "Hive: FileUtils.escapePathName",
        {"t/at=10%3A30/f.csv": CSV, "t/at=a b/f.csv": CSV, "t/at=__HIVE_DEFAULT_PARTITION__/f.csv": CSV},
        {"t": Table(CSV_COLUMNS, "at", ("10:30", "__HIVE_DEFAULT_PARTITION__", "a b"))},
    ),
    Case(
        "most folders alike",
        PARTITIONS,
        {**{f"t/{n}/f.parquet": USERS for n in "abc"}, "t/d/f.parquet": ORDERS},
        {
            "t": Table(
                f"{USER_COLUMNS}, {ORDER_COLUMNS}",
                "partition_0",
                tuple("abcd"),
            )
        },
    ),
    Case(
        "half of the folders alike",
        PARTITIONS,
        {
            **{f"t/{name}/f.parquet": USERS for name in "ab"},
            **{f"t/{name}/f.parquet": ORDERS for name in "cd"},
        },
        {name: Table(USER_COLUMNS if name in "ab" else ORDER_COLUMNS) for name in "abcd"},
    ),
    Case(
        "files of one folder that are alike are one table",
        PARTITIONS,
        {"t/1.csv": CSV, "t/2.csv": CSV, "t/3.csv": "id,name,extra\n1,a,x\n"},
        {"t": Table(f"{CSV_COLUMNS}, extra string")},
    ),
    Case(
        "files of one folder that differ are tables",
        PARTITIONS,
        {"db/users.parquet": USERS, "db/orders.parquet": ORDERS},
        {"users_parquet": Table(USER_COLUMNS), "orders_parquet": Table(ORDER_COLUMNS)},
        ("db/",),
    ),
    Case(
        "compression must be the same",
        OURS,
        {"t/a/f.csv": CSV, "t/b/f.csv.gz": gzip.compress(CSV.encode()), "t/c/f.csv.bz2": bz2.compress(CSV.encode())},
        {"a": Table(CSV_COLUMNS), "b": Table(CSV_COLUMNS), "c": Table(CSV_COLUMNS)},
    ),
    Case(
        "what Spark leaves beside its files",
        OURS,
        {
            "t/_SUCCESS": "",
            "t/_committed_1": "{}",
            "t/.part-0.parquet.crc": "x",
            "t/_temporary/0/task/part-0.parquet": ORDERS,
            "t/day=1/part-0.snappy.parquet": USERS,
            "t/day=1_$folder$": "",
        },
        {"t": Table(USER_COLUMNS, "day", ("1",))},
    ),
    Case(
        "a folder that holds nothing to read is no partition",
        OURS,
        {
            "t/day=1/f.csv": CSV,
            "t/day=2/empty.csv": "",
            "t/day=3/header.csv": "id,name\n",
            "t/day=4/f.zst": b"(\xb5/\xfd ",
        },
        {"t": Table(CSV_COLUMNS, "day", ("1",))},
    ),
    Case(
        "several targets and exclusions",
        INCLUDE,
        {
            "one/a.csv": CSV,
            "one/b.csv.bak": "x",
            "one/old/a.csv": CSV,
            "two/day=1/f.csv": "n,m\n1,2\n",
            "two/old/f": CSV,
        },
        {"one": Table(CSV_COLUMNS), "two": Table("n bigint, m bigint", "day", ("1",))},
        ("one/", "two/"),
        {"exclusions": ("*.bak", "old/**")},
    ),
    Case("nothing at all", OURS, {"elsewhere/f.csv": CSV}, {}),
]

INT, BIG = of_type(pa.int32(), 1), of_type(pa.int64(), 1)
AT = datetime.datetime(2024, 1, 1)
MONEY = decimal.Decimal("1.20")

TYPES = [
    Case(
        "whole numbers widen",
        "Hive's types",
        {"t/d=1/f.parquet": parquet(a=INT, b=INT, c=INT), "t/d=2/f.parquet": parquet(a=INT, b=BIG, c=[1.5])},
        {"t": Table("a int, b bigint, c double", "d", ("1", "2"))},
    ),
    Case(
        "what does not meet is text",
        OURS,
        {
            "t/d=1/f.parquet": parquet(id=BIG, a=BIG, b=[True], c=[AT]),
            "t/d=2/f.parquet": parquet(id=BIG, a=["x"], b=BIG, c=["x"], e=BIG, f=BIG),
        },
        {
            "t": Table(
                "id bigint, a string, b string, c string, e bigint, f bigint",
                "d",
                ("1", "2"),
            )
        },
        settings={"configuration": COMBINE},
    ),
    Case(
        "decimals widen",
        "Hive's types",
        {
            "t/d=1/f.parquet": parquet(a=of_type(pa.decimal128(5, 2), MONEY)),
            "t/d=2/f.parquet": parquet(a=of_type(pa.decimal128(10, 1), MONEY.quantize(decimal.Decimal("0.1")))),
        },
        {"t": Table("a decimal(11,2)", "d", ("1", "2"))},
    ),
    Case(
        "times of each unit",
        "Parquet's logical types",
        {
            "t/f.parquet": parquet(
                ms=of_type(pa.timestamp("ms"), AT),
                us=of_type(pa.timestamp("us"), AT),
                ns=of_type(pa.timestamp("ns"), AT),
                utc=of_type(pa.timestamp("us", "UTC"), AT),
                day=of_type(pa.date32(), AT.date()),
            )
        },
        {"t": Table("ms timestamp, us timestamp, ns timestamp, utc timestamp, day date")},
    ),
    Case(
        "nested Parquet",
        "Parquet's logical types",
        {
            "t/f.parquet": parquet(
                who=[{"Name": "a", "at": {"x": 1.5}}],
                tags=[["a"]],
                lines=[[{"sku": "s", "n": 1}]],
                counts=of_type(pa.map_(pa.string(), pa.list_(pa.int32())), [("k", [1])]),
            )
        },
        {
            "t": Table(
                "who struct<name:string,at:struct<x:double>>, tags array<string>, "
                "lines array<struct<sku:string,n:bigint>>, counts map<string,array<int>>"
            )
        },
    ),
    Case(
        "nested structures gain fields",
        OURS,
        {
            "t/d=1/f.parquet": parquet(id=[1], who=[{"name": "a"}]),
            "t/d=2/f.parquet": parquet(id=[1], who=[{"name": "a", "age": 3}]),
        },
        {"t": Table("id bigint, who struct<name:string,age:bigint>", "d", ("1", "2"))},
    ),
    Case(
        "JSON's types",
        CLASSIFIERS,
        {
            "t/f.json": '{"i": 1, "big": 3000000000, "d": 1.0, "s": "x", "b": true, "n": null, "e": []}\n'
            '{"i": -1, "a": [1, 2.5], "o": {"p": [{"q": 1}, {"r": "x"}]}}\n'
        },
        {
            "t": Table(
                "i int, big bigint, d double, s string, b boolean, n string, e array<string>, a array<double>, "
                "o struct<p:array<struct<q:int,r:string>>>"
            )
        },
    ),
    Case(
        "JSON over several lines",
        CLASSIFIERS,
        {"t/f.json": '{\n  "id": 1,\n  "name": "a"\n}\n{\n  "id": 2,\n  "name": "b"\n}\n'},
        {"t": Table(ID_NAME)},
    ),
    Case(
        "a JSON array is one column",
        "guide: Writing JSON custom classifiers",
        {"t/f.json": '[{"id": 1}, {"id": 2, "name": "a"}]'},
        {"t": Table("array array<struct<id:int,name:string>>")},
    ),
    Case(
        "JSON's types widen over folders",
        OURS,
        {
            "t/d=1/f.json": '{"id": 1, "n": 1, "s": 1}\n',
            "t/d=2/f.json": '{"id": 3000000000, "n": 1.5, "s": "x", "t": 1}\n',
        },
        {"t": Table("id bigint, n double, s string, t int", "d", ("1", "2"))},
        settings={"configuration": COMBINE},
    ),
    Case(
        "CSV's types",
        CLASSIFIERS,
        {
            "t/f.csv": "i,big,d,e,mixed,s,when,flag,blank\n"
            "1,9999999999,1.5,1e3,1,x,2024-01-01,true,\n-2,1,2,.5,1.5,1,2024-01-02 10:00:00,false,\n"
        },
        {
            "t": Table(
                "i bigint, big bigint, d double, e double, mixed double, s string, when string, flag string, "
                "blank string"
            )
        },
    ),
    Case(
        "CSV from Windows: a byte order mark, CRLF",
        CLASSIFIERS,
        {"t/f.csv": b"\xef\xbb\xbfid;name\r\n1;a\r\n2;b\r\n"},
        {"t": Table(CSV_COLUMNS)},
    ),
    Case(
        "CSV with a trailing delimiter",
        CLASSIFIERS,
        {"t/f.csv": "id,name,\n1,a,\n2,b,\n"},
        {"t": Table(CSV_COLUMNS)},
    ),
    Case(
        "a header of text above text is not told from data",
        CLASSIFIERS,
        {"t/f.csv": "name,city\nann,London\n"},
        {"t": Table("col0 string, col1 string")},
    ),
    Case(
        "names that repeat are no header",
        CLASSIFIERS,
        {"t/f.csv": "id,id\n1,2\n"},
        {"t": Table("col0 string, col1 string")},
    ),
    Case(
        "one column is not classified",
        CLASSIFIERS,
        {"t/f.csv": "id\n1\n2\n", "t/g.csv": "id,name\n"},
        {},
    ),
    Case(
        "quoted delimiters and line breaks",
        OURS,
        {"t/f.csv": 'id,note\n1,"a, b"\n2,"two\r\nlines ""quoted"""\n'},
        {"t": Table("id string, note string")},
    ),
    Case(
        "JSON compressed by bzip2, in two streams",
        CLASSIFIERS,
        {"t/f.json.bz2": bz2.compress(ROW.encode()) + bz2.compress(b'{"id": 2.5}\n')},
        {"t": Table("id double, name string")},
    ),
]


@pytest.mark.parametrize("case", LAYOUTS + TYPES, ids=lambda case: case.name)
def test_crawl(lake, case):
    for key, body in case.files.items():
        lake.put(key, body)
    found = {
        name: Table(
            ", ".join(f"{column} {kind}" for column, kind in lake.columns(name)),
            " ".join(key["Name"] for key in table["PartitionKeys"]),
            tuple(sorted("/".join(values) for values in lake.partitions(name))),
        )
        for name, table in lake.crawl(*case.paths, **case.settings).items()
    }
    assert found == case.tables, case.source
