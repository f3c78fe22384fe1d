"""The functions that DuckDB has no exact counterpart of, in Python: they run row by row, outside its vectors."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import zlib
from collections.abc import Callable
from typing import Any

import duckdb

_PATH_STEP = re.compile(r'\."([^"]*)"|\[(\d+)\]')


def _hmac(digest: str) -> Callable[[bytes, bytes], bytes]:
    return lambda value, key: hmac.new(key, value, digest).digest()


def _json_parse(value: str) -> str:
    """JSON text as Trino prints it: no spaces, keys in order, numbers as they were written."""
    try:
        parsed = json.loads(value, parse_float=_Number, parse_int=_Number, parse_constant=_no_constant)
        return _dump(parsed)
    except (ValueError, RecursionError):
        raise ValueError(f"athena!INVALID_FUNCTION_ARGUMENT: Cannot convert value to JSON: '{value}'") from None


def _json_get(value: str | None, path: str | None) -> str | None:
    """The text of the value at a path of a JSON document, None where there is none."""
    if value is None or path is None:
        return None
    try:
        found: Any = json.loads(value, parse_float=_Number, parse_int=_Number, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    for key, index in _PATH_STEP.findall(path):
        if index and isinstance(found, list) and int(index) < len(found):
            found = found[int(index)]
        elif not index and isinstance(found, dict) and key in found:
            found = found[key]
        else:
            return None
    return _dump(found)


class _Number(str):
    """A number's own text."""


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _dump(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_dump(k)}:{_dump(v)}" for k, v in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


_FUNCTIONS: dict[str, tuple[Callable[..., Any], list[str], str]] = {
    "athena_sha512": (lambda v: hashlib.sha512(v).digest(), ["BLOB"], "BLOB"),
    "athena_crc32": (lambda v: zlib.crc32(v), ["BLOB"], "BIGINT"),
    **{f"athena_hmac_{d}": (_hmac(d), ["BLOB", "BLOB"], "BLOB") for d in ("md5", "sha1", "sha256", "sha512")},
    "athena_json_get": (_json_get, ["VARCHAR", "VARCHAR"], "VARCHAR"),
    "athena_json_parse": (_json_parse, ["VARCHAR"], "VARCHAR"),
}


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the functions known to the connection, once."""
    known = connection.execute(
        "SELECT function_name FROM duckdb_functions() WHERE function_name = 'athena_crc32'"
    ).fetchall()
    if known:
        return
    parameters: Any
    for name, (function, parameters, result) in _FUNCTIONS.items():
        nulls: Any = "special" if name == "athena_json_get" else "default"
        connection.create_function(name, function, parameters, result, null_handling=nulls)
