"""Parquet footers: a file's columns, their types and the bytes of their chunks. Files never change in place."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from localaws.athena.errors import QueryError
from localaws.athena.partitions import Condition, may_hold

KEPT = 50_000

Bounds = tuple[Any, Any]


@dataclass(frozen=True)
class FileColumn:
    """A top-level column of a file: its own name and Arrow type.

    bytes: the compressed bytes of its chunks, one for each row group. bounds: the smallest and largest value of each
    where the file says so.
    """

    name: str
    type: Any
    bytes: tuple[int, ...]
    bounds: tuple[Bounds | None, ...]


@dataclass(frozen=True)
class Footer:
    """A file's columns by lower-case name; ``schema`` is the same for files whose columns are the same."""

    columns: dict[str, FileColumn]
    schema: bytes
    row_groups: int

    def bytes(self, needed: Sequence[str], conditions: Sequence[Condition]) -> int:
        """What reading the needed columns takes: row groups without rows that meet the conditions are left out."""
        chosen = [
            group
            for group in range(self.row_groups)
            if all(may_hold(self.columns[c.column].bounds[group], c) for c in conditions if c.column in self.columns)
        ]
        columns = [self.columns[name] for name in needed if name in self.columns]
        return sum(column.bytes[group] for column in columns for group in chosen)


class Footers:
    """Reads footers and keeps the latest of them, by path."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, Footer] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: Path, uri: str) -> Footer:
        """The footer of the file at ``path``; ``uri`` names it in errors (QueryError HIVE_BAD_DATA)."""
        with self._lock:
            footer = self._kept.get(path)
            if footer is not None:
                self._kept.move_to_end(path)
                return footer
        footer = _read(path, uri)
        with self._lock:
            self._kept[path] = footer
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return footer


def _read(path: Path, uri: str) -> Footer:
    try:
        metadata = pq.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
    except FileNotFoundError:
        # The object was replaced since it was listed: the caller lists again.
        raise
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise QueryError("HIVE_BAD_DATA", f"Not valid Parquet file: {uri}: {error}") from error
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns, first = {}, 0
    for field in schema:
        last = first + _leaves(field.type)
        sizes = tuple(sum(group.column(leaf).total_compressed_size for leaf in range(first, last)) for group in groups)
        flat = not pa.types.is_nested(field.type)
        bounds = tuple(_bounds(group.column(first)) if flat else None for group in groups)
        columns[field.name.lower()] = FileColumn(field.name, field.type, sizes, bounds)
        first = last
    return Footer(columns, schema.remove_metadata().serialize().to_pybytes(), len(groups))


def _bounds(chunk: Any) -> Bounds | None:
    """The smallest and largest value of a chunk; None where the file does not say, or not so that it can be used."""
    found = chunk.statistics if chunk.is_stats_set else None
    if found is None or not found.has_min_max:
        return None
    return (found.min, found.max) if type(found.min) in (int, str, date) else None


def _leaves(kind: Any) -> int:
    """How many columns Parquet stores for a value of an Arrow type."""
    if pa.types.is_nested(kind):
        return sum(_leaves(kind.field(index).type) for index in range(kind.num_fields))
    return 1
