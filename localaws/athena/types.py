"""Athena's types: read from Hive's or Trino's text, written as Hive, Athena or DuckDB text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localaws.core import AwsError

SIMPLE = {
    "boolean": "boolean",
    "tinyint": "tinyint",
    "smallint": "smallint",
    "int": "integer",
    "integer": "integer",
    "bigint": "bigint",
    "float": "real",
    "real": "real",
    "double": "double",
    "double precision": "double",
    "string": "varchar",
    "varchar": "varchar",
    "char": "char",
    "binary": "varbinary",
    "varbinary": "varbinary",
    "date": "date",
    "timestamp": "timestamp",
    "timestamp with time zone": "timestamp with time zone",
    "timestamp without time zone": "timestamp",
    "time": "time",
    "time with time zone": "time with time zone",
    "decimal": "decimal",
    "numeric": "decimal",
    "json": "json",
    "uuid": "uuid",
    "unknown": "unknown",
    "interval day to second": "interval day to second",
    "interval year to month": "interval year to month",
}
DUCKDB = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "double": "DOUBLE",
    "varchar": "VARCHAR",
    "char": "VARCHAR",
    "varbinary": "BLOB",
    "date": "DATE",
    "time": "VARCHAR",
    "json": "VARCHAR",
    "uuid": "UUID",
}
HIVE = {"integer": "int", "real": "float", "varbinary": "binary"}
# Precision, scale and case sensitivity as GetQueryResults gives them, with the name it uses.
COLUMN_INFO = {
    "tinyint": (3, 0),
    "smallint": (5, 0),
    "integer": (10, 0),
    "bigint": (19, 0),
    "real": (17, 0),
    "double": (17, 0),
    "varchar": (2147483647, 0),
    "varbinary": (1073741824, 0),
    "timestamp": (3, 0),
    "timestamp with time zone": (3, 0),
    "time": (3, 0),
}


@dataclass(frozen=True)
class Type:
    """A type: its base name (``varchar``, ``array``, …), numbers in ``args``, nested types by name in ``fields``."""

    base: str
    args: tuple[int, ...] = ()
    fields: tuple[tuple[str, Type], ...] = ()

    @property
    def element(self) -> Type:
        """The type of an array's elements or of a map's values."""
        return self.fields[-1][1]

    @property
    def athena(self) -> str:
        """As Athena writes it: ``row(a integer)``, ``timestamp(3)``."""
        if self.base == "row":
            return "row(" + ", ".join(f"{name} {kind.athena}".strip() for name, kind in self.fields) + ")"
        if self.fields:
            return f"{self.base}({', '.join(kind.athena for _, kind in self.fields)})"
        if self.base.startswith("time"):
            word, _, zone = self.base.partition(" ")
            return f"{word}({(self.args or (3,))[0]}){' ' + zone if zone else ''}"
        return f"{self.base}({','.join(map(str, self.args))})" if self.args else self.base

    @property
    def hive(self) -> str:
        """As the Glue catalog writes it: ``struct<a:int>``; raises AwsError if no table can hold such a column."""
        if self.base == "row":
            return "struct<" + ",".join(f"{name}:{kind.hive}" for name, kind in self.fields) + ">"
        if self.fields:
            return f"{self.base}<{','.join(kind.hive for _, kind in self.fields)}>"
        if self.base == "varchar" and not self.args:
            return "string"
        if self.base == "timestamp":
            return "timestamp"
        if (self.base not in DUCKDB and self.base != "decimal") or self.base in ("json", "time", "uuid"):
            raise AwsError("InvalidRequestException", f"NOT_SUPPORTED: Unsupported Hive type: {self.athena}")
        name = HIVE.get(self.base, self.base)
        return f"{name}({','.join(map(str, self.args))})" if self.args else name

    @property
    def duckdb(self) -> str:
        """The type that holds its values in DuckDB."""
        if self.base == "row":
            names = field_names(self)
            parts = (f"{quote(name)} {kind.duckdb}" for name, (_, kind) in zip(names, self.fields, strict=True))
            return f"STRUCT({', '.join(parts)})"
        if self.base == "map":
            return f"MAP({self.fields[0][1].duckdb}, {self.element.duckdb})"
        if self.base == "array":
            return f"{self.element.duckdb}[]"
        if self.base == "decimal":
            precision, scale = (*self.args, 0, 0)[:2] if self.args else (38, 0)
            return f"DECIMAL({precision}, {scale})"
        if self.base == "timestamp":
            return "TIMESTAMP" if not self.args or self.args[0] <= 6 else "TIMESTAMP_NS"
        if self.base == "timestamp with time zone":
            return "VARCHAR"
        if self.base not in DUCKDB:
            raise AwsError("InvalidRequestException", f"NOT_SUPPORTED: columns of type {self.athena}")
        return DUCKDB[self.base]

    def column_info(self, name: str) -> dict[str, Any]:
        """The ColumnInfo of GetQueryResults."""
        precision, scale = COLUMN_INFO.get(self.base, (0, 0))
        if self.base == "decimal":
            precision, scale = (*self.args, 0)[:2] if self.args else (38, 0)
        elif self.args:
            precision = self.args[0]
        return {
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": name,
            "Label": name,
            "Type": "float" if self.base == "real" else self.base,
            "Precision": precision,
            "Scale": scale,
            "Nullable": "UNKNOWN",
            "CaseSensitive": self.base in ("varchar", "char"),
        }


def field_names(kind: Type) -> list[str]:
    """The names of a row's fields in DuckDB: by position where a field has no name or two have the same."""
    names = [name.lower() for name, _ in kind.fields]
    if all(names) and len(set(names)) == len(names):
        return names
    return [f"f{index}" for index in range(len(names))]


def quote(name: str) -> str:
    """A quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A quoted string literal."""
    return "'" + text.replace("'", "''") + "'"


def parse(text: str) -> Type:
    """The type that ``text`` names, in Hive's (``array<int>``) or in Athena's way (``array(integer)``).

    Raises AwsError InvalidRequestException for a type that does not exist.
    """
    reader = _Reader(text)
    kind = reader.type()
    if reader.rest():
        raise reader.error()
    return kind


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def error(self) -> AwsError:
        return AwsError("InvalidRequestException", f"TYPE_NOT_FOUND: Unknown type: {self.text}")

    def rest(self) -> str:
        self.at += len(self.text[self.at :]) - len(self.text[self.at :].lstrip())
        return self.text[self.at :]

    def take(self, symbols: str) -> str:
        """The next character if it is one of ``symbols``, else nothing."""
        rest = self.rest()
        if rest and rest[0] in symbols:
            self.at += 1
            return rest[0]
        return ""

    def need(self, symbols: str) -> None:
        if not self.take(symbols):
            raise self.error()

    def word(self) -> str:
        rest = self.rest()
        if rest[:1] in ('"', "`"):
            end = rest.find(rest[0], 1)
            if end < 0:
                raise self.error()
            self.at += end + 1
            return rest[1:end]
        size = 0
        while size < len(rest) and (rest[size].isalnum() or rest[size] in "_$-"):
            size += 1
        self.at += size
        return rest[:size]

    def type(self) -> Type:
        name = self.word().lower()
        if name in ("array", "map", "struct", "row", "uniontype"):
            return self.nested(name)
        args: tuple[int, ...] = ()
        if self.take("("):
            args = self.numbers()
        for suffix in (" with time zone", " without time zone", " precision", " day to second", " year to month"):
            words = suffix.split()
            if _begins(self.rest().lower(), words):
                for _ in words:
                    self.word()
                name += suffix
                break
        if name not in SIMPLE:
            raise self.error()
        base = SIMPLE[name]
        if base == "decimal":
            args = (*args, 0)[:2] if args else (38 if name == "numeric" else 10, 0)
        return Type(base, args)

    def numbers(self) -> tuple[int, ...]:
        found = []
        while True:
            word = self.word()
            if not word.isdigit():
                raise self.error()
            found.append(int(word))
            if self.take(")"):
                return tuple(found)
            self.need(",")

    def nested(self, name: str) -> Type:
        self.need("<(")
        fields: list[tuple[str, Type]] = []
        while True:
            if name in ("struct", "row"):
                fields.append(self.field())
            else:
                fields.append(("", self.type()))
            if self.take(">)"):
                break
            self.need(",")
        if name == "uniontype" or len(fields) != {"array": 1, "map": 2}.get(name, len(fields)):
            raise self.error()
        return Type("row" if name == "struct" else name, (), tuple(fields))

    def field(self) -> tuple[str, Type]:
        """``a: int`` or ``a integer``, or in an unnamed row the type alone."""
        start = self.at
        label = self.word()
        if self.take(":"):
            return label, self.type()
        if self.rest()[:1] in (",", ")", ">", "("):
            self.at = start
            return "", self.type()
        return label, self.type()


def _begins(text: str, words: list[str]) -> bool:
    """Whether the text begins with these words, whatever stands behind them."""
    joined = " ".join(words)
    return text.startswith(joined) and not text[len(joined) : len(joined) + 1].isalnum()
