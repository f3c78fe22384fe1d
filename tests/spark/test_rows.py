"""Rows by contract: read from clean CSV, the newest of each key, rules, renames and keyed hashes."""

import hashlib
import hmac
from pathlib import Path

import pytest

from millrace import contracts

SOURCE = """
table: things
kind: raw
title: Things
grain: one row per thing
owner: data platform
location: processed/p/things/
stored: csv
key: [id]
columns:
  id: {type: bigint, description: x, required: true}
  name: {type: string, description: x}
  owner: {type: string, description: x}
  price: {type: "decimal(10,2)", description: x}
  at: {type: timestamp, description: x}
"""
TARGET = """
table: things_final
kind: derived
title: Things
grain: one row per thing
owner: data platform
location: final/p/things_final/
from: things
where: ["price > 0", "name is not null"]
key: [thing]
columns:
  thing: {type: bigint, description: x, required: true, from: id}
  owner_hash: {type: string, description: x, from: owner, hash: folded}
  name_hash: {type: string, description: x, from: name, hash: exact}
  at: {type: timestamp, description: x}
"""
HEADER = "id,name,owner,price,at\n"
FILES = {
    "2024-01-01/b": '1,"a ""b"", c", Ann@X.org ,1.50,2024-01-01 10:00:00.123\n2,"two\r\nlines",bob,-1.00,\n',
    "2024-01-01/a": "2,older,bob,5.00,\n3,,,2.00,\n3,newest in its file,,2.00,\n",
    "2024-01-02/a": "1,a,,,\n4,4,ANN@x.org,0.01,2024-02-29 23:59:59.999\n",
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contracts")
    (folder / "things.yaml").write_text(SOURCE)
    (folder / "things_final.yaml").write_text(TARGET)
    return contracts.load(folder / "things.yaml"), contracts.load(folder / "things_final.yaml")


@pytest.fixture(scope="module")
def judged(spark, tables, tmp_path_factory):
    from millrace.spark import rows

    folder = tmp_path_factory.mktemp("files")
    for name, text in FILES.items():
        date, stem = name.split("/")
        path = folder / f"upload_date={date}" / f"{stem}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((HEADER + text).encode())
    source, target = tables
    return rows.judged(rows.read_csv(spark, source, [str(p) for p in folder.rglob("*.csv")]), target)


def test_texts_are_read_as_they_were_written(judged):
    names = {(row["id"], row["upload_date"]): row["name"] for row in judged.where("_newest").collect()}
    assert names == {
        (1, "2024-01-02"): "a",
        (2, "2024-01-01"): "two\r\nlines",
        (3, "2024-01-01"): "newest in its file",
        (4, "2024-01-02"): "4",
    }
    first = judged.where("id = 1 and upload_date = '2024-01-01'").first()
    assert (first["name"], first["owner"], str(first["price"])) == ('a "b", c', " Ann@X.org ", "1.50")
    assert f"{first['at']:%Y-%m-%d %H:%M:%S.%f}" == "2024-01-01 10:00:00.123000"


def test_only_the_newest_row_of_a_key_counts_and_only_if_it_keeps_all_rules(judged, tables):
    from millrace.spark import rows

    assert sorted(row["id"] for row in judged.where("_kept").collect()) == [3, 4]
    assert rows.counts(judged, tables[1]) == {
        "read": 7,
        "unreadable": 0,
        "kept": 2,
        "superseded": 3,
        "rules": {"price > 0": 2, "name is not null": 0},  # a price that is null is not over 0
    }


def test_columns_are_renamed_chosen_and_hashed(judged, tables):
    from millrace.spark import rows

    def digest(text):
        return hmac.new(b"key", text.encode(), hashlib.sha256).hexdigest()

    chosen = rows.selected(judged, tables[1], b"key").where("_newest").orderBy("thing").collect()
    assert chosen[0].asDict().keys() == {
        "thing", "owner_hash", "name_hash", "at", "upload_date", "_newest", "_kept"
    }  # fmt: skip
    assert [(row["thing"], row["owner_hash"], row["name_hash"]) for row in chosen] == [
        (1, None, digest("a")),
        (2, digest("bob"), digest("two\r\nlines")),
        (3, None, digest("newest in its file")),
        (4, digest("ann@x.org"), digest("4")),
    ]


def test_the_key_of_the_hashes_is_not_in_the_plan(judged, tables):
    from millrace.spark import rows

    plan = rows.selected(judged, tables[1], b"very secret")._jdf.queryExecution().toString()
    assert "very secret" not in plan and b"very secret".hex() not in plan.lower()


def test_a_row_unlike_the_contract_is_counted_and_not_shown(spark, tables, tmp_path, capfd):
    from millrace.spark import rows

    folder: Path = tmp_path / "upload_date=2024-01-01"
    folder.mkdir()
    (folder / "x.csv").write_text(HEADER + "1,a,private@x.org,1.00,\nno number,a,private@x.org,1.00,\n")
    judged = rows.judged(rows.read_csv(spark, tables[0], [str(folder / "x.csv")]), tables[1])
    assert rows.counts(judged, tables[1])["unreadable"] == 1
    assert "private" not in "".join(capfd.readouterr())
