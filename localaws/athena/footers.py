"""Parquet footers: a file's columns, their types and the bytes of their chunks. Files never change in place."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from localaws.athena.errors import QueryError

KEPT = 50_000


@dataclass(frozen=True)
class FileColumn:
    """A top-level column of a file: its own name, its Arrow type and the compressed bytes of its chunks."""

    name: str
    type: Any
    bytes: int


@dataclass(frozen=True)
class Footer:
    """A file's columns by lower-case name; ``schema`` is the same for files whose columns are the same."""

    columns: dict[str, FileColumn]
    schema: bytes


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
    sizes = [0] * metadata.num_columns
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for leaf in range(metadata.num_columns):
            sizes[leaf] += group.column(leaf).total_compressed_size
    columns, first = {}, 0
    for field in schema:
        last = first + _leaves(field.type)
        columns[field.name.lower()] = FileColumn(field.name, field.type, sum(sizes[first:last]))
        first = last
    return Footer(columns, schema.remove_metadata().serialize().to_pybytes())


def _leaves(kind: Any) -> int:
    """How many columns Parquet stores for a value of an Arrow type."""
    if pa.types.is_nested(kind):
        return sum(_leaves(kind.field(index).type) for index in range(kind.num_fields))
    return 1
