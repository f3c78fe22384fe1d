"""Columns of a data set: QuickSight's types, how a query's columns become them, and a logical table's transforms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute

from localaws.core import AwsError, NotSupported
from localaws.quicksight.shared import invalid, only

# The stubs of pyarrow know too few overloads of its kernels.
pc: Any = pyarrow.compute

ARROW: dict[str, Any] = {
    "STRING": pa.string(),
    "INTEGER": pa.int64(),
    "DECIMAL": pa.float64(),
    "DATETIME": pa.timestamp("ms"),
    "BIT": pa.bool_(),
    "BOOLEAN": pa.bool_(),
}
_ATHENA = {
    **dict.fromkeys(("varchar", "char", "string"), "STRING"),
    **dict.fromkeys(("tinyint", "smallint", "integer", "int", "bigint"), "INTEGER"),
    **dict.fromkeys(("real", "float", "double", "decimal"), "DECIMAL"),
    **dict.fromkeys(("date", "timestamp", "timestamp with time zone"), "DATETIME"),
    "boolean": "BIT",
    "unknown": "NULL",
}
_READ_AS = {"BIT": "INTEGER", "BOOLEAN": "INTEGER"}  # what a data set shows of a Boolean: 1 and 0
_CASTS = {
    ("INTEGER", "DECIMAL"),
    ("INTEGER", "STRING"),
    ("DECIMAL", "INTEGER"),
    ("STRING", "INTEGER"),
    ("STRING", "DECIMAL"),
}
_NUMERALS = {"INTEGER": r"^[+-]?[0-9]{1,18}$", "DECIMAL": r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"}


@dataclass(frozen=True)
class Column:
    """A column and its QuickSight type: STRING, INTEGER, DECIMAL or DATETIME (UTC)."""

    name: str
    type: str


class IngestionFailed(AwsError):
    """Why rows could not be ingested; kind is a value of IngestionErrorType."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__("InvalidParameterValueException", message)
        self.kind = kind


def declared(inputs: Sequence[Mapping[str, Any]], where: str) -> list[Column]:
    """The columns that InputColumns declare."""
    if not inputs:
        raise invalid(f"{where} declares no columns; list what the query gives, with types")
    columns = []
    for column in inputs:
        if column["Type"] not in ARROW:
            raise NotSupported(f"{where}: column {column['Name']!r} has type {column['Type']}, which is not read here")
        columns.append(Column(column["Name"], column["Type"]))
    _unique([column.name for column in columns], where)
    return columns


def read_rows(table: pa.Table, kinds: Sequence[tuple[str, str]], columns: Sequence[Column]) -> pa.Table:
    """The declared columns of a query's rows in QuickSight's types; kinds are the query's names and Athena types.

    Raises IngestionFailed where the query does not give what is declared.
    """
    given = dict(kinds)
    if len(given) < len(kinds):
        raise IngestionFailed("DUPLICATE_COLUMN_NAMES_FOUND", "the query gives two columns of one name; rename one")
    arrays = []
    for column in columns:
        if column.name not in given:
            message = f"the query gives no column {column.name!r}; it gives {', '.join(given)}"
            raise IngestionFailed("SQL_SCHEMA_MISMATCH_ERROR", message)
        arrays.append(_read(table.column(column.name), given[column.name], column))
    return pa.table(arrays, names=[column.name for column in columns])


def _read(array: Any, kind: str, column: Column) -> Any:
    given = _type_of(kind)
    fits = given == column.type or (given, column.type) in {("INTEGER", "DECIMAL"), ("BIT", "BOOLEAN")}
    if not fits and given != "NULL":
        raise IngestionFailed(
            "SQL_SCHEMA_MISMATCH_ERROR",
            f"column {column.name!r} is declared {column.type}, but the query gives {kind};"
            " correct the declared type or cast it in the SQL",
        )
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        # An instant as UTC, without zone.
        array = array.cast(pa.timestamp(array.type.unit, "UTC")).cast(pa.timestamp(array.type.unit))
    # SPICE keeps milliseconds and doubles: finer parts are cut off. A whole number never loses anything.
    read = array.cast(ARROW[column.type], safe=column.type not in ("DATETIME", "DECIMAL"))
    return read.cast(pa.int64()) if pa.types.is_boolean(read.type) else read


def _type_of(kind: str) -> str:
    """The QuickSight type of an Athena type; NULL for a column of nothing but nulls."""
    name = kind.lower().partition("(")[0].strip()
    return _ATHENA.get(name, kind)


def output_columns(columns: Sequence[Column], transforms: Sequence[Mapping[str, Any]]) -> list[Column]:
    """The columns of the data set after the transforms; refuses a transform that is not done here."""
    seen = [Column(column.name, _READ_AS.get(column.type, column.type)) for column in columns]
    for number, transform in enumerate(transforms):
        where = f"DataTransforms[{number}]"
        ((kind, details),) = transform.items()
        seen = _transformed_columns(seen, kind, details, where)
        _unique([column.name for column in seen], where)
    return seen


def _transformed_columns(seen: list[Column], kind: str, details: Mapping[str, Any], where: str) -> list[Column]:
    if kind == "RenameColumnOperation":
        old = _known(seen, details["ColumnName"], where)
        return [replace(column, name=details["NewColumnName"]) if column == old else column for column in seen]
    if kind == "ProjectOperation":
        only(details, ("ProjectedColumns",), where)
        return [_known(seen, name, where) for name in details["ProjectedColumns"]]
    if kind == "CastColumnTypeOperation":
        only(details, ("ColumnName", "NewColumnType"), where)
        old, new = _known(seen, details["ColumnName"], where), details["NewColumnType"]
        if old.type != new and (old.type, new) not in _CASTS:
            raise NotSupported(f"{where}: {old.name!r} cannot be cast from {old.type} to {new} here; do it in the SQL")
        return [replace(column, type=new) if column == old else column for column in seen]
    if kind == "TagColumnOperation":
        _known(seen, details["ColumnName"], where)
        return seen
    raise NotSupported(f"{where}: {kind} is not done by the embedded QuickSight; do it in the data set's SQL")


def transformed(table: pa.Table, transforms: Sequence[Mapping[str, Any]]) -> tuple[pa.Table, int]:
    """The rows after the transforms, and how many were dropped because a cell could not be cast."""
    rows = table.num_rows
    for transform in transforms:
        ((kind, details),) = transform.items()
        if kind == "RenameColumnOperation":
            names = [details["NewColumnName"] if n == details["ColumnName"] else n for n in table.column_names]
            table = table.rename_columns(names)
        elif kind == "ProjectOperation":
            table = table.select(details["ProjectedColumns"])
        elif kind == "CastColumnTypeOperation":
            table = _cast(table, details["ColumnName"], details["NewColumnType"])
    return table, rows - table.num_rows


def _cast(table: pa.Table, name: str, new: str) -> pa.Table:
    if pa.types.is_string(table.schema.field(name).type) and new in _NUMERALS:
        numeral = pc.match_substring_regex(table.column(name), _NUMERALS[new])
        table = table.filter(pc.fill_null(numeral, True))
    cast = table.column(name).cast(ARROW[new], safe=False)
    return table.set_column(table.column_names.index(name), name, cast)


def _known(columns: Sequence[Column], name: str, where: str) -> Column:
    for column in columns:
        if column.name == name:
            return column
    raise invalid(f"{where} names column {name!r}; there are {', '.join(c.name for c in columns)}")


def _unique(names: Sequence[str], where: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise invalid(f"{where}: column {', '.join(twice)} is there twice")
