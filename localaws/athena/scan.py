"""The DuckDB query over the objects of a table: only the files it is given, only the columns that are needed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote as percent

from localaws.athena import parquet_columns, text_columns
from localaws.athena.errors import QueryError
from localaws.athena.footers import Footers
from localaws.athena.lines import stage
from localaws.athena.partitions import NULL
from localaws.athena.tables import Table, TableFile
from localaws.athena.types import literal, parse, quote

HIDDEN_COLUMNS = (
    ("$path", parse("varchar")),
    ("$file_size", parse("bigint")),
    ("$file_modified_time", parse("timestamp(3) with time zone")),
)
Placed = tuple[Path, TableFile]


class Scan:
    """Makes the query of one use of a table; ``bytes`` is what reading it takes.

    The files are linked into ``folder`` as ``__f=<number>/__p0=<value>/…``: the links keep the objects as they are
    now, and DuckDB takes number and partition values from the path, as constants of the file, and skips by them.
    """

    def __init__(self, source: Table, needed: Sequence[str] | None, folder: Path) -> None:
        self.table = source
        self.folder = folder
        self.bytes = 0
        names = [name for name, _ in (*source.columns, *source.keys)] if needed is None else needed
        self.needed = {name.lower() for name in names}
        self.hidden = [(name, kind) for name, kind in HIDDEN_COLUMNS if name in self.needed]

    def query(self, files: Sequence[TableFile], footers: Footers) -> str:
        """The query over these files, whatever the table's format."""
        parts = self._parquet(files, footers) if self.table.format == "parquet" else self._text(files)
        return " UNION ALL ".join(parts) or self._empty()

    def _empty(self) -> str:
        columns = (*self.table.columns, *self.table.keys, *self.hidden)
        fields = ", ".join(f"CAST(NULL AS {kind.duckdb}) AS {quote(name)}" for name, kind in columns)
        return f"SELECT {fields} WHERE false"

    def _parquet(self, files: Sequence[TableFile], footers: Footers) -> list[str]:
        """One query for each way in which files store the needed columns."""
        groups: dict[tuple[str, ...], list[Placed]] = {}
        for number, one in enumerate(files):
            path = self._place(one, number)
            try:
                os.link(one.info.path, path)
            except OSError:
                # Another file system: a symbolic link does not hold the object against deletion, but reads the same.
                path.symlink_to(one.info.path)
            groups.setdefault(self._stored(one, footers), []).append((path, one))
        return [self._select(stored, self._reader(members), files) for stored, members in groups.items()]

    def _stored(self, one: TableFile, footers: Footers) -> tuple[str, ...]:
        """How each column is read from this file."""
        footer = footers.get(one.info.path, one.uri)
        found = []
        for name, kind in self.table.columns:
            stored = footer.columns.get(name)
            if stored is None or name not in self.needed:
                found.append(f"CAST(NULL AS {kind.duckdb})")
                continue
            expression = parquet_columns.read(quote(stored.name), stored.type, kind)
            if expression is None:
                raise QueryError(
                    "HIVE_BAD_DATA",
                    f"Field {name}'s type {stored.type} in parquet file {one.uri} is incompatible with type "
                    f"{kind.athena} defined in table schema",
                )
            found.append(expression)
            self.bytes += stored.bytes
        return tuple(found)

    def _text(self, files: Sequence[TableFile]) -> list[str]:
        """One query over the lines of all files, staged uncompressed; text is read whole, whatever is needed."""
        members = []
        skip = int(self.table.properties.get("skip.header.line.count", "0"))
        for number, one in enumerate(files):
            path = self._place(one, number)
            stage(one.info, path, skip)
            members.append((path, one))
            self.bytes += one.info.size
        if not members:
            return []
        fields, columns = text_columns.read(self.table, self.needed)
        keys = ", ".join(["__f", *(f"__p{position}" for position in range(len(self.table.keys)))])
        return [self._select(columns, f"(SELECT {fields} AS athena_l, {keys} FROM {self._reader(members)})", files)]

    def _place(self, one: TableFile, number: int) -> Path:
        """Where a file of the table goes, its folder made."""
        folder = self.folder / f"__f={number if self.hidden else 0}"
        for position, value in enumerate(one.values):
            folder /= f"__p{position}={_folder_name(value)}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{number}.parquet"

    def _reader(self, members: Sequence[Placed]) -> str:
        """The table function that reads placed files."""
        kinds = ["'__f': BIGINT"]
        kinds += [f"'__p{position}': {kind.duckdb}" for position, (_, kind) in enumerate(self.table.keys)]
        paths = ", ".join(literal(str(path)) for path, _ in members)
        return f"read_parquet([{paths}], hive_partitioning = true, hive_types = {{{', '.join(kinds)}}})"

    def _select(self, expressions: Sequence[str], source: str, files: Sequence[TableFile]) -> str:
        columns = zip(expressions, self.table.columns, strict=True)
        fields = [f"{expression} AS {quote(name)}" for expression, (name, _) in columns]
        fields += [f"__p{position} AS {quote(name)}" for position, (name, _) in enumerate(self.table.keys)]
        fields += [f"{_of_file(name, files)} AS {quote(name)}" for name, _ in self.hidden]
        return f"SELECT {', '.join(fields)} FROM {source}"


def _of_file(name: str, files: Sequence[TableFile]) -> str:
    """The expression for a hidden column, by the file's number."""
    if name == "$path":
        values = [literal(one.uri) for one in files]
    elif name == "$file_size":
        values = [f"CAST({one.info.size} AS BIGINT)" for one in files]
    else:
        values = [f"TIMESTAMPTZ '{one.info.last_modified.isoformat()}'" for one in files]
    return f"([{', '.join(values)}])[__f + 1]"


def _folder_name(value: str) -> str:
    """A partition value as a folder's name that DuckDB decodes to the value again."""
    name = percent(value, safe=" -_.:,+@")
    if value == NULL:
        return NULL
    if len(name) > 200:
        raise QueryError(
            "NOT_SUPPORTED", f"a partition value of {len(value)} characters is too long here: {value[:60]}…"
        )
    return name
