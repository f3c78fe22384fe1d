"""Tables of a database, by their contracts (``kind: source``): names, definitions and rows in MySQL's SQL."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from millrace import contracts
from millrace.contracts import Column, Contract

Value = str | int | Decimal | dt.date | None

_ROWS_A_STATEMENT = 500
_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\x1a": "\\Z"})


def tables(slug: str) -> list[Contract]:
    """The source's tables, each after those that it refers to."""
    left = {name: contract for name, contract in contracts.of_pipeline(slug).items() if contract.kind == "source"}
    ordered: list[Contract] = []
    while left:
        ready = [c for c in left.values() if not (_parents(c) & left.keys() - {c.table})]
        if not ready:
            raise contracts.ContractError(f"datasets/{slug}: {', '.join(left)} refer to each other in a circle")
        ordered += ready
        left = {name: contract for name, contract in left.items() if contract not in ready}
    return ordered


def column_name(column: Column) -> str:
    """A column's name in the database: its alias, or else customerNumber for customer_number."""
    if column.aliases:
        return column.aliases[0]
    first, *more = column.name.split("_")
    return first + "".join(word.capitalize() for word in more)


def definition(contract: Contract) -> str:
    """CREATE TABLE with keys, foreign keys and comments."""
    lines = [
        f"  `{column_name(column)}` {_type(contract, column)}{' NOT NULL' if column.required else ''}"
        f" COMMENT {literal(column.description)}"
        for column in contract.columns
    ]
    lines.append(f"  PRIMARY KEY ({_names(contract, contract.key)})")
    for column in contract.columns:
        if column.references:
            table, name = column.references
            other = column_name(contracts.get(contract.pipeline, table).column(name))
            lines.append(f"  FOREIGN KEY (`{column_name(column)}`) REFERENCES `{table}` (`{other}`)")
    body = ",\n".join(lines)
    comment = literal(contract.grain)
    return f"CREATE TABLE `{contract.table}` (\n{body}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT={comment};\n"


def inserts(contract: Contract, rows: Iterable[Sequence[Value]]) -> Iterator[str]:
    """INSERT statements for rows that have the contract's columns, many rows in each."""
    head = f"INSERT INTO `{contract.table}` ({_names(contract, [c.name for c in contract.columns])}) VALUES\n"
    batch: list[str] = []
    for row in rows:
        batch.append(f"({','.join(map(literal, row))})")
        if len(batch) == _ROWS_A_STATEMENT:
            yield head + ",\n".join(batch) + ";\n"
            batch = []
    if batch:
        yield head + ",\n".join(batch) + ";\n"


def literal(value: Value) -> str:
    """A value in MySQL's SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, str | dt.date):
        return f"'{str(value).translate(_ESCAPES)}'"
    return str(value)


def _parents(contract: Contract) -> set[str]:
    return {column.references[0] for column in contract.columns if column.references}


def _names(contract: Contract, names: Sequence[str]) -> str:
    return ", ".join(f"`{column_name(contract.column(name))}`" for name in names)


def _type(contract: Contract, column: Column) -> str:
    if column.type == "string":
        return f"VARCHAR({column.max_length})" if column.max_length else "TEXT"
    return "INT" if column.type == "bigint" else re.sub("^double$", "DOUBLE", column.type.upper())
