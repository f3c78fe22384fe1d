"""Sample uploads of a table by its contract: day files with good rows, updates of older ones, and rows that it refuses.

Files differ in headers, order of columns, delimiter, line ends, encoding and compression, as those of real senders do.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from millrace.contracts import Column, Contract

Row = dict[str, str]
# Makes the value of a column in a good row: of a random generator, the row's number from 1 on and the file's day.
Maker = Callable[[random.Random, int, dt.date], str]


def one_of(*values: str) -> Maker:
    """Makes one of these values."""
    return lambda chance, number, date: chance.choice(values)


def address(chance: random.Random, number: int, date: dt.date) -> str:
    """An e-mail address that no one has, in the row's own case of letters."""
    return f"user.{number}@{chance.choice(('example.com', 'example.org', 'Example.NET'))}"


_WORDS = ("Amber", "Birch", "Cedar", "Délice", "Elm", "Fjord", "Grün", "Hazel", "Iris", "Zoë & co", 'the "Oak"', "a, b")
_UPDATES = 0.05  # share of rows that give an older key anew
_MOST_BAD = 0.5  # of what the contract lets pass in one file


@dataclass
class Summary:
    """What was written. bad: rows by kind of fault; newest: the last good row of each key."""

    files: int = 0
    size: int = 0
    rows: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    newest: dict[tuple[str, ...], Row] = field(default_factory=dict)

    def __str__(self) -> str:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.bad.items()))
        return (
            f"{self.files:,} files, {self.size / 1e6:,.1f} MB: {self.rows:,} rows of {len(self.newest):,} keys "
            f"and {self.bad.total():,} bad ones: {kinds}"
        )


def generate(
    out: Path,
    contract: Contract,
    makers: Mapping[str, Maker],
    *,
    rows: int,
    days: int,
    bad_share: float,
    seed: int,
    last_day: dt.date,
) -> Summary:
    """Write ``<out>/<table>/<YYYY-MM-DD>.csv`` (some ``.csv.gz``), one a day; the same arguments give the same bytes.

    makers: by column, where its type is not enough to go by. rows: good rows in all; bad ones come on top.
    """
    if min(rows, days) < 1:
        raise ValueError(f"rows and days must be at least 1, not {rows} and {days}")
    folder = out / contract.table
    folder.mkdir(parents=True, exist_ok=True)
    summary, number = Summary(), 0
    for day in range(days):
        chance = random.Random(f"{seed} {day}")
        date = last_day - dt.timedelta(days=days - 1 - day)
        good = []
        for _ in range(rows * (day + 1) // days - rows * day // days):
            row = {c.name: makers.get(c.name, _maker(c, contract))(chance, number + 1, date) for c in contract.columns}
            if contract.key and summary.newest and chance.random() < _UPDATES:
                row |= dict(zip(contract.key, chance.choice(list(summary.newest)), strict=True))
            else:
                number += 1
            good.append(row)
            summary.newest[tuple(row[name] for name in contract.key) or (str(number),)] = row
        share = min(bad_share, contract.max_rejected * _MOST_BAD)
        bad = [_bad(chance, contract, row) for row in good if chance.random() < share]
        summary.files += 1
        summary.rows += len(good)
        summary.bad.update(kind for kind, _ in bad)
        summary.size += _write(folder, date, contract, chance, good, [cells for _, cells in bad])
    return summary


def _maker(column: Column, contract: Contract) -> Maker:
    """What makes good values of a column that has nothing but its contract."""
    low = column.min if isinstance(column.min, int | float) else 0
    high = column.max if isinstance(column.max, int | float) else low + 1000
    if column.name in contract.key:
        if column.type == "bigint":
            return lambda chance, number, date: str(int(low) + number)
        if column.type == "string":
            return lambda chance, number, date: f"{column.name[0]}{number:06}"
    if column.allowed:
        allowed = column.allowed
        return lambda chance, number, date: str(chance.choice(allowed))
    makers: dict[str, Maker] = {
        "string": lambda chance, number, date: chance.choice(_WORDS)[: column.max_length],
        "bigint": lambda chance, number, date: str(chance.randint(int(low), int(high))),
        "double": lambda chance, number, date: f"{chance.uniform(float(low), float(high)):.3f}",
        "decimal": lambda chance, number, date: (
            f"{chance.uniform(float(low), float(high)):.{(column.decimal or (0, 0))[1]}f}"
        ),
        "boolean": lambda chance, number, date: chance.choice(("true", "false")),
        "date": lambda chance, number, date: (date - dt.timedelta(days=chance.randint(0, 6))).isoformat(),
        "timestamp": lambda chance, number, date: f"{date}T{chance.randint(0, 23):02}:{chance.randint(0, 59):02}:00Z",
    }
    return makers[column.type.split("(")[0]]


def _bad(chance: random.Random, contract: Contract, good: Row) -> tuple[str, list[str]]:
    """A row that the contract refuses: the kind of fault, and its cells in the contract's order."""
    faults = _faults(contract)
    kind, name, value = chance.choice(faults)
    cells = [value if column.name == name else good[column.name] for column in contract.columns]
    if kind == "with a field too few":
        cells = cells[:-1]
    elif kind == "with a field too many":
        cells.append("more")
    return kind, cells


def _faults(contract: Contract) -> list[tuple[str, str, str]]:
    """(kind, column, value) of all faults that a row of the contract may have."""
    faults = [("with a field too many", "", "")]
    if len(contract.columns) > 1:
        faults.append(("with a field too few", "", ""))
    for column in contract.columns:
        if column.required:
            faults.append((f"without {column.name}", column.name, ""))
        if column.type not in ("string", "boolean"):
            no_value = "31/02/2024" if column.type in ("date", "timestamp") else "12x"
            faults.append((f"whose {column.name} is no {column.type}", column.name, no_value))
        if column.allowed and column.type == "string":
            faults.append((f"with another {column.name}", column.name, "no such thing"))
        if column.pattern and not re.fullmatch(column.pattern, "?"):
            faults.append((f"with a malformed {column.name}", column.name, "?"))
        if column.max_length:
            faults.append((f"with a {column.name} too long", column.name, "x" * (column.max_length + 1)))
        if isinstance(column.min, int | float):
            faults.append((f"with a {column.name} too small", column.name, str(int(column.min) - 1)))
    return faults


def _write(
    folder: Path, date: dt.date, contract: Contract, chance: random.Random, good: list[Row], bad: list[list[str]]
) -> int:
    """Write a day's file in a style of its own; its size."""
    columns = list(contract.columns)
    order = list(range(len(columns)))
    if chance.random() < 0.3:
        chance.shuffle(order)
    delimiter = chance.choice(",,,;\t") if contract.csv.delimiter is None else contract.csv.delimiter
    line_end = chance.choice(("\n", "\n", "\r\n"))
    lines = [[row[column.name] for column in columns] for row in good]
    for cells in bad:
        lines.insert(chance.randint(0, len(lines)), cells)
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end)
    writer.writerow(_header(columns[index], chance) for index in order)
    for cells in lines:
        # What is too short or too long is so at its end.
        row = [cells[index] for index in order if index < len(cells)] + cells[len(columns) :]
        writer.writerow(row)
    encoding = chance.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16"))
    data = text.getvalue().encode(contract.csv.encoding or encoding, "replace")
    path = folder / f"{date}.csv"
    if chance.random() < 0.2:
        path, data = path.with_name(f"{date}.csv.gz"), gzip.compress(data, mtime=0)
    path.write_bytes(data)
    return len(data)


def _header(column: Column, chance: random.Random) -> str:
    name = chance.choice((column.name, column.name, *column.aliases))
    return chance.choice((name, name, name.upper(), name.replace("_", " ").title()))
