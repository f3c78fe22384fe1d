"""Sample data of pipeline ``retail_events``: a shop's events, its items' properties and its category tree.

The shape is that of the public RetailRocket data, the content is invented: visitors come back, a few items draw most
views, a view may become a cart and a cart an order of several items; properties are hashed, change week by week and
hold tokens such as ``n277.200``. Rows come in no order; some are exact duplicates, a few lines are broken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from millrace.samples.shop import Events, Shop, distinct

Ints = npt.NDArray[np.int64]

_PART_1 = 0.54  # share of the properties that is in the first file
_DUPLICATES = 0.0002
_CHUNK = 500_000
_HEADERS = {
    "events": b"timestamp,visitorid,event,itemid,transactionid\n",
    "item_properties": b"timestamp,itemid,property,value\n",
    "category_tree": b"categoryid,parentid\n",
}
# Lines as a broken export has them; no reader may take one for a row.
_BROKEN = {
    "events": (
        b"1433221332117,257597,view\n",
        b"1433221332117,257597,view,355908,,extra\n",
        b"not-a-time,257597,view,355908,\n",
        b"1433221332117,257597,view,,\n",
        b"1433221332117,257597,refund,355908,\n",
        b"-62135596800000,257597,view,355908,\n",
        b"#### connection reset by peer ####\n",
    ),
    "item_properties": (
        b"1435460400000,460429,categoryid\n",
        b"1435460400000,item-7,888,1338\n",
        b"1435460400000,460429,888,n1.000,n2.000\n",
        b"1435460400000,460429,,n277.200\n",
    ),
    "category_tree": (b"12x,7\n",),
}


@dataclass(frozen=True)
class Summary:
    """What was written: rows by table (duplicates included), bad lines among them, exact duplicates, bytes."""

    rows: dict[str, int]
    broken: dict[str, int]
    duplicates: dict[str, int]
    size: int

    def __str__(self) -> str:
        tables = ", ".join(
            f"{self.rows[table]:,} rows of {table} ({self.duplicates[table]:,} exact duplicates) "
            f"and {self.broken[table]:,} broken lines"
            for table in sorted(self.rows)
        )
        return f"4 files, {self.size / 1e6:,.1f} MB: {tables}"


def generate(
    out: Path,
    *,
    events: int = 100_000,
    properties: int = 500_000,
    categories: int = 1_669,
    days: int = 21,
    seed: int = 7,
) -> Summary:
    """Write ``events.csv``, ``item_properties_part1.csv``, ``item_properties_part2.csv`` and ``category_tree.csv``.

    events, properties, categories: good rows; the broken lines come on top. Items and visitors grow with them. The
    public data have 2,756,101 events in 138 days, and 20,275,902 properties. The same arguments give the same bytes.
    Raises ValueError for less than 100 rows of a table, or no day.
    """
    if min(events, properties, categories) < 100 or days < 1:
        raise ValueError(
            f"there must be a day, and 100 rows of each table, not {days}, {events}, {properties}, {categories}"
        )
    out.mkdir(parents=True, exist_ok=True)
    shop = Shop(events=events, properties=properties, categories=categories, days=days, seed=seed)
    duplicates = {
        "events": _write_events(out, shop),
        "item_properties": _write_properties(out, shop),
        "category_tree": _write_tree(out, shop),
    }
    files = [out / f"{name}.csv" for name in ("events", "item_properties_part1", "item_properties_part2")]
    size = sum(path.stat().st_size for path in (*files, out / "category_tree.csv"))
    rows = {"events": events, "item_properties": properties, "category_tree": categories}
    return Summary(rows, {table: len(lines) for table, lines in _BROKEN.items()}, duplicates, size)


def _write_events(out: Path, shop: Shop) -> int:
    rows = shop.all_events()
    repeated = _repeat(rows.time, shop.random(1))
    kinds = pa.array(["view", "addtocart", "transaction"])
    with (out / "events.csv").open("wb") as file:
        file.write(_HEADERS["events"])
        for part in _slices(len(rows.time)):
            lines = _event_lines(rows, repeated[part], kinds)
            file.write(_text(lines))
            if part.start == 0:
                file.writelines(_BROKEN["events"])
    return len(rows.time) - len(distinct(repeated))


def _event_lines(rows: Events, index: Ints, kinds: Any) -> Any:
    order = rows.order[index]
    orders = pc.fill_null(_strings(pa.array(order, mask=order < 0)), "")
    columns = (rows.time[index], rows.visitor[index], None, rows.item[index])
    texts = [kinds.take(pa.array(rows.kind[index])) if c is None else _strings(pa.array(c)) for c in columns]
    return pc.binary_join_element_wise(*texts, pc.binary_join_element_wise(orders, "\n", ""), ",")


def _write_properties(out: Path, shop: Shop) -> int:
    """Both files, chunk by chunk: a chunk holds all rows of some items, in no order; each file gets its share."""
    values: Any = pa.array(shop.values)
    names: Any = pa.array(shop.property_names)
    duplicates = 0
    paths = [out / f"item_properties_part{number}.csv" for number in (1, 2)]
    with paths[0].open("wb") as first, paths[1].open("wb") as second:
        for file in (first, second):
            file.write(_HEADERS["item_properties"])
        for chunk in shop.property_chunks(_CHUNK):
            rng = shop.random(2, int(chunk.time[0]), int(chunk.item[0]))
            mixed = rng.permutation(len(chunk.time))
            cut = int(len(mixed) * _PART_1)
            for file, index in ((first, mixed[:cut]), (second, mixed[cut:])):
                taken = index[_repeat(index, rng)]
                duplicates += len(taken) - len(distinct(taken))
                texts = (
                    _strings(pa.array(chunk.time[taken])),
                    _strings(pa.array(chunk.item[taken])),
                    names.take(pa.array(chunk.property[taken])),
                    pc.binary_join_element_wise(values.take(pa.array(chunk.value[taken])), "\n", ""),
                )
                file.write(_text(pc.binary_join_element_wise(*texts, ",")))
        second.writelines(_BROKEN["item_properties"])
    return duplicates


def _write_tree(out: Path, shop: Shop) -> int:
    with (out / "category_tree.csv").open("wb") as file:
        file.write(_HEADERS["category_tree"])
        for category, parent in shop.category_tree():
            file.write(f"{category},{'' if parent is None else parent}\n".encode())
        file.writelines(_BROKEN["category_tree"])
    return 0


def _repeat(rows: Sequence[Any] | npt.NDArray[Any], rng: np.random.Generator) -> Ints:
    """The rows' positions, a few of them overwritten by those of a row near by: an exact duplicate."""
    index = np.arange(len(rows), dtype=np.int64)
    targets = rng.choice(len(rows), size=int(len(rows) * _DUPLICATES), replace=False)
    index[targets] = np.maximum(targets - rng.integers(1, 50, len(targets)), 0)
    return index


def _slices(rows: int) -> Iterator[slice]:
    return (slice(start, min(start + _CHUNK, rows)) for start in range(0, rows, _CHUNK))


def _strings(numbers: Any) -> Any:
    return numbers.cast(pa.string())


def _text(lines: Any) -> memoryview:
    """The bytes of an array of strings, one after the other."""
    offsets = np.frombuffer(lines.buffers()[1], dtype=np.int32, count=len(lines) + 1)
    return memoryview(lines.buffers()[2])[: offsets[-1]]
