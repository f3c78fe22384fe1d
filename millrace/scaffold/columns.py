"""The columns of a new table: from a CSV's header and first rows, or a few usual ones."""

from __future__ import annotations

import csv
import io
import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from millrace.contracts import DELIMITERS, Column
from millrace.convert import cells, stream
from millrace.convert.header import normalised

_BYTES = 4 << 20  # of the file that are looked at …
_ROWS = 20_000  # … and rows
_CATEGORY_VALUES = range(2, 21)
# Words that SQL takes for its own; as names of columns they would need quotes everywhere.
_SQL = """
    alter and as between by case cast constraint create cross cube current_date current_time current_timestamp
    current_user date deallocate delete describe distinct drop else end escape except execute exists extract false for
    from full group grouping having in inner insert intersect interval into is join left like localtime natural not null
    on or order outer prepare recursive right rollup select skip table then time timestamp to trim true uescape union
    unnest using values when where with
"""
RESERVED = frozenset(_SQL.split())
_ADDRESS = re.compile(r"(^|_)(e_?mail|phone|mobile|telephone|iban)($|_)")
_PERSON = re.compile(r"(^|_)(first|last|full|middle|sur|family|given|customer|user|contact)_?name$|^name$")


@dataclass(frozen=True)
class NewColumn:
    """A column of the raw table. final: its name in the final one, None if it is left out.

    values: the different ones of a text with few of them, for the sample.
    """

    name: str
    type: str
    description: str
    alias: str | None = None
    required: bool = False
    pii: str | None = None
    final: str | None = None
    hash: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class NewTable:
    """A table's columns, its key, the final column whose days are counted, and one that has few values, if any."""

    columns: tuple[NewColumn, ...]
    key: tuple[str, ...]
    day: NewColumn | None
    category: NewColumn | None


def usual() -> NewTable:
    """The columns that a table without an example gets."""
    columns = (
        _column("id", "bigint", "The row's number", required=True),
        _column("created_on", "date", "The day that it is of"),
        _column("status", "string", "How far it has come", values=("new", "open", "done")),
        _column("amount", "decimal(18,2)", "How much"),
    )
    return NewTable(columns, ("id",), columns[1], columns[2])


def of_csv(path: Path) -> NewTable:
    """The columns of a CSV file, as its header and first rows suggest them; what has no header is left out.

    Raises ValueError if there are none, or two of one name.
    """
    header, rows = _read(path)
    titled = [index for index, title in enumerate(header) if normalised(title)]
    titles = [header[index].strip() for index in titled]
    if twice := sorted({title for title in titles if [normalised(t) for t in titles].count(normalised(title)) > 1}):
        raise ValueError(f"{path} has columns of one name, which cannot be told apart: {', '.join(twice)}")
    names = _names(titles)
    texts = [[row[index].strip() for row in rows if len(row) == len(header)] for index in titled]
    unique = _unique(names, texts)
    columns = []
    for name, title, values in zip(names, titles, texts, strict=True):
        kind = _type(values)
        different = sorted({value for value in values if value})
        few = kind == "string" and len(different) in _CATEGORY_VALUES and len(different) * 4 <= len(values)
        alias = None if normalised(title) == normalised(name) else title
        column = _column(
            name,
            kind,
            f"{title}, as uploaded",
            alias=alias,
            required=name == unique,
            values=tuple(different) if few else (),
        )
        columns.append(column)
    key = (unique,) if unique else tuple(column.name for column in columns if column.final)
    days = [column for column in columns if column.type in ("date", "timestamp") and column.final]
    categories = [column for column in columns if column.values and column.final]
    return NewTable(tuple(columns), key or tuple(names), next(iter(days), None), next(iter(categories), None))


def _column(
    name: str,
    kind: str,
    description: str,
    *,
    alias: str | None = None,
    required: bool = False,
    values: tuple[str, ...] = (),
) -> NewColumn:
    """A column, and what its name says of persons: addresses are hashed in the final table, names left out."""
    address = kind == "string" and bool(_ADDRESS.search(name))
    person = kind == "string" and not address and bool(_PERSON.search(name)) and not required
    return NewColumn(
        name=name,
        type=kind,
        description=description,
        alias=alias,
        required=required,
        pii="contact" if address else "name" if person else None,
        final=None if person else f"{name}_hash" if address else name,
        hash=address,
        values=() if address or person else values,
    )


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open("rb") as file:
        data = file.read(_BYTES)
    encoding, mark = stream.encoding_of(data, None, whole=len(data) < _BYTES)
    text = data[mark:].decode(encoding, "replace").replace("\0", "")
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=lambda candidate: len(next(csv.reader([first], delimiter=candidate), [])))
    rows = [
        row for row in itertools.islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), _ROWS) if row
    ]
    if not rows or not any(cell.strip() for cell in rows[0]):
        raise ValueError(f"{path} has no header line, so no columns can be had from it")
    if len(data) == _BYTES:
        rows = rows[:-1]  # which may be cut off
    return rows[0], rows[1:]


def _names(header: Sequence[str]) -> list[str]:
    """Column names: lower case, plain letters, each once."""
    names: list[str] = []
    for index, title in enumerate(header, start=1):
        plain = unicodedata.normalize("NFKD", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", title.strip()).casefold())
        name = re.sub(r"[^a-z0-9]+", "_", plain.encode("ascii", "ignore").decode().lower()).strip("_")
        name = name or f"column_{index}"
        name = name if name[0].isalpha() else f"c_{name}"
        name = f"{name}_value" if name in RESERVED or name == "upload_date" else name
        names.append(name if name not in names else f"{name}_{index}")
    return names


def _type(values: Sequence[str]) -> str:
    """The narrowest type that takes all values; of no value at all a string."""
    filled = [value for value in values if value]
    if not filled:
        return "string"
    if all(value.lower() in cells.TRUE | cells.FALSE for value in filled) and not all(v.isdigit() for v in filled):
        return "boolean"
    # What begins with a plus or a useless zero is a code or a telephone number.
    if not any(re.match(r"\+|0\d", value) for value in filled):
        scales = [len(value.partition(".")[2]) for value in filled]
        candidates = ["bigint"]
        if 0 < max(scales) <= 4 and not any("e" in value.lower() for value in filled):
            candidates.append(f"decimal(18,{max(scales)})")
        if not all(value.lstrip("-").isdigit() for value in filled):  # whole numbers that are too large are no doubles
            candidates.append("double")
        for kind in candidates:
            if _fits(filled, kind):
                return kind
    return next((kind for kind in ("date", "timestamp") if _fits(filled, kind)), "string")


def _fits(values: Sequence[str], kind: str) -> bool:
    column = Column("x", kind, "x")
    try:
        for value in values:
            cells.parse(value, column)
    except cells.BadCell:
        return False
    return True


def _unique(names: Sequence[str], texts: Sequence[Sequence[str]]) -> str | None:
    """The first column that tells rows apart, one named like a number before others."""
    unique = [
        name for name, values in zip(names, texts, strict=True) if all(values) and len(set(values)) == len(values) > 0
    ]
    named = [name for name in unique if name == "id" or name.endswith(("_id", "_no", "_number", "_key"))]
    return next(iter(named or unique), None)
