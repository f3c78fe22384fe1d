"""Find the delimiter of a file and which of its fields is which column of the contract."""

from __future__ import annotations

import csv
import difflib
import functools
import re
from dataclasses import dataclass

from millrace.contracts import DELIMITERS, Contract


class Refused(Exception):
    """A file that cannot be converted at all; the message says what was found and what was expected."""


@dataclass(frozen=True)
class Header:
    """A file's header. fields: field index by column name, in the contract's order. extra: headers of no column."""

    delimiter: str
    width: int
    fields: dict[str, int]
    extra: tuple[str, ...]
    absent: tuple[str, ...]


@functools.lru_cache(4096)
def normalised(name: str) -> str:
    """The name in lower case without what separates words: ``User ID``, ``user_id`` and ``userId`` are one."""
    return re.sub(r"[\W_]+", "", name.casefold())


def match(line: str, contract: Contract) -> Header:
    """Read a header line; raises Refused.

    A column's own name goes before its aliases; two headers that name a column equally well are ambiguous. Where the
    contract declares no delimiter, it is the one that finds most columns.
    """
    candidates = DELIMITERS if contract.csv.delimiter is None else (contract.csv.delimiter,)
    names = {delimiter: _split(line, delimiter) for delimiter in candidates}
    delimiter = max(candidates, key=lambda candidate: (len(_known(names[candidate], contract)), len(names[candidate])))
    headers = names[delimiter]
    fields: dict[str, int] = {}
    own_names = {column.name: {normalised(column.name)} for column in contract.columns}
    aliases = {column.name: {normalised(alias) for alias in column.aliases} for column in contract.columns}
    for accepted in (own_names, aliases):
        for name in [column.name for column in contract.columns if column.name not in fields]:
            found = [index for index, header in enumerate(headers) if normalised(header) in accepted[name]]
            found = [index for index in found if index not in fields.values()]
            if len(found) > 1:
                both = " and ".join(repr(headers[index]) for index in found)
                raise Refused(f"headers {both} both name column {name}; rename or drop one of them")
            if found:
                fields[name] = found[0]
    fields = {column.name: fields[column.name] for column in contract.columns if column.name in fields}
    absent = [column.name for column in contract.columns if column.name not in fields]
    missing = [name for name in absent if not contract.column(name).missing_ok]
    if missing:
        raise Refused(_complaint(missing, headers, fields, contract))
    extra = tuple(header for index, header in enumerate(headers) if index not in fields.values())
    return Header(delimiter, len(headers), fields, extra, tuple(absent))


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return [header.strip() for header in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error as error:
        raise Refused(f"the header cannot be read: {error}; is this a CSV file?") from None


def _known(headers: list[str], contract: Contract) -> set[str]:
    found = {normalised(header) for header in headers}
    return {
        column.name
        for column in contract.columns
        if found & {normalised(name) for name in (column.name, *column.aliases)}
    }


def _complaint(missing: list[str], headers: list[str], fields: dict[str, int], contract: Contract) -> str:
    unused = [header for index, header in enumerate(headers) if index not in fields.values()]
    found = ", ".join(repr(header[:100]) for header in headers[:50]) or "nothing"
    hints = []
    for name in missing:
        close = difflib.get_close_matches(normalised(name), [normalised(header) for header in unused], 1, 0.6)
        hints += [repr(header) for header in unused if close and normalised(header) == close[0]]
    hint = f" (is it {' or '.join(hints)}?)" if hints else ""
    columns = "column" if len(missing) == 1 else "columns"
    return (
        f"{columns} {', '.join(missing)} missing{hint}; found {found}; "
        f"rename the header, or add an alias to datasets/{contract.pipeline}/{contract.table}.yaml"
    )
