"""Result objects: the CSV or text where AWS puts it, its metadata, and pages of it read back for GetQueryResults."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from localaws.athena import text_form
from localaws.athena.locations import Location
from localaws.athena.types import Type
from localaws.core import AwsError
from localaws.s3.objects import NoSuchBucket, NoSuchKey
from localaws.s3.store import Store

Columns = Sequence[tuple[str, Type]]
FIELD = re.compile(rb'(?:"((?:[^"]|"")*)")?([,\n])')
BLOCK = 1 << 20


@dataclass(frozen=True)
class ResultObject:
    """Where a statement's result is; ``header`` tells whether its first row names the columns."""

    bucket: str
    key: str
    columns: tuple[tuple[str, Type], ...]
    header: bool

    @property
    def uri(self) -> str:
        """Its S3 URI."""
        return f"s3://{self.bucket}/{self.key}"


def write_csv(cursor: duckdb.DuckDBPyConnection, sql: str, columns: Columns, path: Path) -> int:
    """Write a query's rows as Athena's CSV, every value quoted, NULL as nothing; returns the number of rows."""
    rows = path.with_suffix(".rows")
    texts = text_form.select(sql, [kind for _, kind in columns])
    options = "FORMAT csv, HEADER false, FORCE_QUOTE *, NULLSTR '', QUOTE '\"', ESCAPE '\"'"
    target = str(rows).replace("'", "''")
    counted = cursor.execute(f"COPY ({texts}) TO '{target}' ({options})").fetchone()
    with path.open("wb") as result:
        names = ('"' + name.replace('"', '""') + '"' for name, _ in columns)
        result.write(",".join(names).encode() + b"\n")
        with rows.open("rb") as source:
            shutil.copyfileobj(source, result, BLOCK)
    rows.unlink()
    return int(counted[0]) if counted else 0


def put_metadata(store: Store, place: Location, name: str, columns: Columns) -> None:
    """Store ``<name>.metadata``: JSON with the ColumnInfo of the result (AWS keeps an undocumented binary there)."""
    body = {"ColumnInfo": [kind.column_info(label) for label, kind in columns]}
    store.put(place.bucket, place.key(f"{name}.metadata"), json.dumps(body).encode(), content_type="application/json")


def page(store: Store, result: ResultObject, token: str | None, size: int) -> tuple[list[dict[str, Any]], str | None]:
    """Up to ``size`` rows of a result from where the token says, and the token of the next page, if there is one."""
    offset = 0
    if token:
        if not re.fullmatch(r"\d{1,18}", token):
            raise AwsError("InvalidRequestException", "The NextToken is not one that GetQueryResults gave")
        offset = int(token)
    try:
        source = store.open(result.bucket, result.key)
    except (NoSuchBucket, NoSuchKey) as error:
        raise AwsError("InvalidRequestException", f"Could not find results: {result.uri} was deleted") from error
    with source:
        source.seek(offset)
        records = _csv_records(source) if result.header else _text_records(source)
        rows: list[dict[str, Any]] = []
        for values, length in records:
            if len(rows) == size:
                return rows, str(offset)
            rows.append({"Data": [{} if value is None else {"VarCharValue": value} for value in values]})
            offset += length
    return rows, None


def _csv_records(source: Any) -> Iterator[tuple[list[str | None], int]]:
    """The records with their lengths in bytes; a value without quotes is NULL."""
    buffer, values, start, at = b"", [], 0, 0
    while True:
        match = FIELD.match(buffer, at)
        if match is None:
            block = source.read(BLOCK)
            if not block:
                return
            buffer, at, start = buffer[start:] + block, at - start, 0
            continue
        text = match.group(1)
        values.append(None if text is None else text.replace(b'""', b'"').decode())
        at = match.end()
        if match.group(2) == b"\n":
            yield values, at - start
            values, start = [], at


def _text_records(source: Any) -> Iterator[tuple[list[str | None], int]]:
    for line in source:
        yield [line.decode().removesuffix("\n")], len(line)
