"""Rows as GetStatementResult gives them."""

from __future__ import annotations

import datetime
from typing import Any

from localaws.core import AwsError
from localaws.redshift.executions import Part
from localaws.redshift.types import FLOATS, INTEGERS, Type

Json = dict[str, Any]

PAGE_ROWS = 1_000


def page(part: Part, token: str | None) -> Json:
    """One page of a part's rows, with the columns' metadata."""
    if part.table is None or part.columns is None:
        message = "Query does not have result. Please check query status with DescribeStatement."
        raise AwsError("ResourceNotFoundException", message)
    start = int(token) if token and token.isdigit() else 0 if not token else -1
    if start < 0:
        raise AwsError("ValidationException", "The NextToken is not one that this operation gave.")
    kinds = [kind for _, kind in part.columns]
    columns = [column.to_pylist() for column in part.table.slice(start, PAGE_ROWS).columns]
    records = [
        [_field(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in zip(*columns, strict=True)
    ]
    answer: Json = {
        "Records": records,
        "ColumnMetadata": [column_metadata(name, kind) for name, kind in part.columns],
        "TotalNumRows": part.table.num_rows,
    }
    if start + PAGE_ROWS < part.table.num_rows:
        answer["NextToken"] = str(start + PAGE_ROWS)
    return answer


def column_metadata(name: str, kind: Type, **more: Any) -> Json:
    """A ColumnMetadata."""
    return {"name": name, "label": name, "nullable": 1, "schemaName": "", "tableName": "", **kind.metadata(), **more}


def _field(value: Any, kind: Type) -> Json:
    if value is None:
        return {"isNull": True}
    if kind.name in INTEGERS:
        return {"longValue": int(value)}
    if kind.name in FLOATS:
        return {"doubleValue": float(value)}
    if kind.name == "bool":
        return {"booleanValue": bool(value)}
    return {"stringValue": _text(value)}


def _text(value: Any) -> str:
    if isinstance(value, datetime.datetime):
        text = f"{value:%Y-%m-%d %H:%M:%S}"
        return f"{text}.{value.microsecond:06d}".rstrip("0") if value.microsecond else text
    return format(value, "f") if hasattr(value, "as_tuple") else str(value)
