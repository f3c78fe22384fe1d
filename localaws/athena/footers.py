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
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise QueryError("HIVE_BAD_DATA", f"Not valid Parquet file: {uri}: {error}") from error
    sizes = dict.fromkeys(schema.names, 0)
    leaves = [metadata.schema.column(index).path.split(".")[0] for index in range(metadata.num_columns)]
    for group_index in range(metadata.num_row_groups):
        group = metadata.row_group(group_index)
        for index, name in enumerate(leaves):
            sizes[name] = sizes.get(name, 0) + group.column(index).total_compressed_size
    columns = {field.name.lower(): FileColumn(field.name, field.type, sizes[field.name]) for field in schema}
    return Footer(columns, schema.remove_metadata().serialize().to_pybytes())
