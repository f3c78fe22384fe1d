"""The sample of ``retail_events``: the same bytes each time, and the shape that the real data have."""

import csv
import hashlib
from collections import Counter

import pytest

from millrace import contracts
from millrace.convert.header import match
from millrace.samples.retail_events import generate

SETTINGS = {"events": 20_000, "properties": 60_000, "categories": 300, "days": 14}
FILES = ("category_tree.csv", "events.csv", "item_properties_part1.csv", "item_properties_part2.csv")


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The folder of a sample, and its summary."""
    out = tmp_path_factory.mktemp("sample")
    return out, generate(out, **SETTINGS)


@pytest.fixture(scope="module")
def rows(sample):
    """The files' good rows and the others, by file."""
    good, bad = {}, {}
    for name in FILES:
        table = next(t for t in ("events", "item_properties", "category_tree") if name.startswith(t))
        contract = contracts.get("retail_events", f"raw_{table}")
        with (sample[0] / name).open(newline="", encoding="utf-8") as file:
            header, *lines = csv.reader(file)
        assert match(",".join(header), contract).extra == ()
        fits = [line for line in lines if is_good(line, contract)]
        good[name] = fits
        bad[name] = len(lines) - len(fits)
    return good, bad


def is_good(line, contract):
    if len(line) != len(contract.columns):
        return False
    for text, column in zip(line, contract.columns, strict=True):
        if column.required and not text:
            return False
        if column.type == "bigint" and text and not text.lstrip("-").isdigit():
            return False
        if column.allowed and text not in column.allowed:
            return False
        if column.min is not None and not column.min <= int(text) <= column.max:
            return False
    return True


def test_the_same_settings_give_the_same_bytes(sample, tmp_path):
    generate(tmp_path, **SETTINGS)
    for name in FILES:
        one, other = ((folder / name).read_bytes() for folder in (sample[0], tmp_path))
        assert hashlib.sha256(one).digest() == hashlib.sha256(other).digest(), name
    generate(tmp_path, **SETTINGS, seed=8)
    assert (tmp_path / "events.csv").read_bytes() != (sample[0] / "events.csv").read_bytes()


def test_the_summary_counts_what_is_there(sample, rows):
    good, bad = rows
    summary = sample[1]
    assert summary.rows == {"events": 20_000, "item_properties": 60_000, "category_tree": 300}
    assert len(good["events.csv"]) == 20_000 and len(good["category_tree.csv"]) == 300
    parts = [good["item_properties_part1.csv"], good["item_properties_part2.csv"]]
    assert sum(map(len, parts)) == 60_000 and len(parts[0]) > len(parts[1]) > 20_000
    assert summary.broken["events"] == bad["events.csv"] > 5
    assert summary.broken["item_properties"] == bad["item_properties_part2.csv"] and bad["category_tree.csv"] == 1
    assert summary.size == sum((sample[0] / name).stat().st_size for name in FILES)
    repeated = sum(count - 1 for count in Counter(map(tuple, good["events.csv"])).values())
    assert repeated == summary.duplicates["events"] > 0


def test_events_are_a_funnel_of_visitors_who_come_back(rows):
    events = rows[0]["events.csv"]
    kinds = Counter(event for _, _, event, _, _ in events)
    assert kinds["view"] > 30 * kinds["addtocart"] > 60 * kinds["transaction"] > 0
    assert all((event == "transaction") == (order != "") for _, _, event, _, order in events)
    visitors = Counter(visitor for _, visitor, *_ in events)
    assert max(visitors.values()) > 5 and len(visitors) > 2_000
    items = Counter(item for _, _, _, item, _ in events)
    assert sum(count for _, count in items.most_common(len(items) // 10)) > len(events) / 3
    days = {int(time) // 86_400_000 for time, *_ in events}
    assert 14 <= len(days) <= 16
    orders = Counter(order for *_, order in events if order)
    assert len(orders) > 50


def test_properties_have_histories_and_tokens(rows):
    properties = rows[0]["item_properties_part1.csv"] + rows[0]["item_properties_part2.csv"]
    names = Counter(name for _, _, name, _ in properties)
    assert {"categoryid", "available"} <= set(names) and len(names) > 500
    assert {value for _, _, name, value in properties if name == "available"} == {"0", "1"}
    categories = {category for category, _ in rows[0]["category_tree.csv"]}
    assert {value for _, _, name, value in properties if name == "categoryid"} <= categories
    values = [value for *_, value in properties]
    assert any(" " in value for value in values) and any(value.startswith("n") for value in values)
    weeks = {time for time, *_ in properties}
    assert len(weeks) == 2
    keys = Counter((time, item, name) for time, item, name, _ in set(map(tuple, properties)))
    assert max(keys.values()) == 1  # one value at a time


def test_the_category_tree_has_roots_an_orphan_and_no_circle(rows):
    parents = dict(rows[0]["category_tree.csv"])
    roots = [category for category, parent in parents.items() if not parent]
    orphans = [category for category, parent in parents.items() if parent and parent not in parents]
    assert len(roots) == 300 // 67 and len(orphans) == 1

    def depth(category):
        parent = parents[category]
        return 1 if not parent or parent not in parents else 1 + depth(parent)

    assert 3 <= max(map(depth, parents)) <= 10


def test_too_small_a_shop_is_refused(tmp_path):
    with pytest.raises(ValueError, match="there must be a day, and 100 rows of each table"):
        generate(tmp_path, events=10)
