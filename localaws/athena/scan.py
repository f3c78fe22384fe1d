"""The DuckDB query over the objects of a table: only the files it is given, only the columns that are needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from localaws.athena import parquet_columns, text_columns
from localaws.athena.errors import QueryError
from localaws.athena.footers import Footer, Footers
from localaws.athena.lines import stage
from localaws.athena.links import Links, key_columns
from localaws.athena.partitions import NULL, Condition
from localaws.athena.tables import HIDDEN, Table, TableFile
from localaws.athena.types import literal, quote

# How a file stores the needed columns: the expressions that read them, and their types in the file.
Stored = tuple[tuple[str, ...], tuple[str, ...]]


class Scan:
    """Makes the query of one use of a table; ``bytes`` is what reading it takes.

    needed: names of the columns that the query uses, None for all; the others are given as NULL and not read.
    conditions: what the query demands of the rows; row groups of Parquet without such rows are not read.
    """

    def __init__(self, source: Table, needed: Sequence[str] | None, conditions: Sequence[Condition] = ()) -> None:
        self.table = source
        self.conditions = conditions
        self.bytes = 0
        names = [name for name, _ in (*source.columns, *source.keys)] if needed is None else needed
        self.needed = {name.lower() for name in names}
        self.hidden = [one for one in HIDDEN if one[0] in self.needed]

    def empty(self) -> str:
        """The query of a table without files."""
        columns = (*self.table.columns, *self.table.keys, *self.hidden)
        fields = ", ".join(f"CAST(NULL AS {kind.duckdb}) AS {quote(name)}" for name, kind in columns)
        return f"(SELECT {fields} WHERE false)"

    def parquet(self, files: Sequence[TableFile], footers: Footers, links: Links) -> str:
        """The query over Parquet files: one part for each way in which files store the needed columns."""
        self.bytes = 0
        groups: dict[Stored, list[TableFile]] = {}
        known: dict[bytes, Stored] = {}
        needed = [name for name, _ in self.table.columns if name in self.needed]
        for one in files:
            footer = footers.get(one.info.path, one.uri)
            stored = known.get(footer.schema)
            if stored is None:
                # DuckDB takes the types of a part's first file for all of them, so they must be the same.
                types = tuple(str(footer.columns[name].type) for name in needed if name in footer.columns)
                stored = known[footer.schema] = (self._stored(footer, one), types)
            groups.setdefault(stored, []).append(one)
            self.bytes += footer.bytes(needed, self.conditions)
        parts = [self._parquet_part(expressions, members, links) for (expressions, _), members in groups.items()]
        return f"({' UNION ALL '.join(parts)})"

    def _stored(self, footer: Footer, one: TableFile) -> tuple[str, ...]:
        """How each column is read from files like this one."""
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
        return tuple(found)

    def _parquet_part(self, expressions: Sequence[str], members: Sequence[TableFile], links: Links) -> str:
        keys = key_columns(len(self.table.keys))
        kinds = ", ".join(
            f"{literal(key)}: {kind.duckdb}" for key, (_, kind) in zip(keys, self.table.keys, strict=True)
        )
        options = f", hive_partitioning = true, hive_types = {{{kinds}}}" if keys else ", hive_partitioning = false"
        linked = [(literal(links.link(one.info.path, one.values)), one) for one in members]
        paths = ", ".join(path for path, _ in linked)
        if not self.hidden:
            return self._select([*expressions, *keys], f"read_parquet([{paths}]{options})")
        hidden = [name for name, _ in self.hidden]
        rows = dict.fromkeys(f"({', '.join((path, *map(one.hidden, hidden)))})" for path, one in linked)
        names = ", ".join(quote(name) for name in hidden)
        source = (
            f"read_parquet([{paths}]{options}, filename = 'athena_link') "
            f"JOIN (VALUES {', '.join(rows)}) AS athena_links(athena_link, {names}) USING (athena_link)"
        )
        return self._select([*expressions, *keys, *map(quote, hidden)], source)

    def text(self, files: Sequence[TableFile], folder: Path) -> str:
        """The query over text files: their lines, staged in one file; text is read whole, whatever is needed."""
        target = folder / "lines.parquet"
        stage([one.info for one in files], target, int(self.table.properties.get("skip.header.line.count", "0")))
        self.bytes += sum(one.info.size for one in files)
        fields, expressions = text_columns.read(self.table, self.needed)
        keys = [
            f"CAST(([{', '.join(_partition_value(one.values[position]) for one in files)}])[file + 1] AS {kind.duckdb})"
            for position, (_, kind) in enumerate(self.table.keys)
        ]
        hidden = [f"([{', '.join(one.hidden(name) for one in files)}])[file + 1]" for name, _ in self.hidden]
        source = f"(SELECT {fields} AS athena_l, file FROM read_parquet({literal(str(target))}))"
        return f"({self._select([*expressions, *keys, *hidden], source)})"

    def _select(self, expressions: Sequence[str], source: str) -> str:
        columns = zip(expressions, (*self.table.columns, *self.table.keys, *self.hidden), strict=True)
        fields = [f"{expression} AS {quote(name)}" for expression, (name, _) in columns]
        return f"SELECT {', '.join(fields)} FROM {source}"


def _partition_value(value: str) -> str:
    return "NULL" if value == NULL else literal(value)
