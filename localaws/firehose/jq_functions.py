"""The functions of jq that the subset has, by name and number of arguments."""

from __future__ import annotations

import base64
import calendar
import json
import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from localaws.firehose.jq_syntax import JqError

KINDS = ("null", "boolean", "number", "string", "array", "object")


def kind_of(value: Any) -> str:
    """Jq's name of a value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names: Mapping[type, str] = {str: "string", list: "array", dict: "object"}
    return names.get(type(value), "number")


def described(value: Any) -> str:
    """A value as jq names it in its errors: ``number (1)``."""
    text = to_json(value)
    return "null (null)" if value is None else f"{kind_of(value)} ({text[:8] + '...' if len(text) > 11 else text})"


def to_json(value: Any) -> str:
    """A value on one line; whole numbers have no decimal point."""
    return json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=False)


def text_of(value: Any) -> str:
    """A string as it is, anything else as JSON."""
    return value if isinstance(value, str) else to_json(value)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if math.isinf(value):
            return math.copysign(1.7976931348623157e308, value)
        return int(value) if value.is_integer() and abs(value) < 1e17 else value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def compare_key(value: Any) -> Any:
    """What jq's order of values sorts by: null, false, true, numbers, strings, arrays, objects."""
    kind = kind_of(value)
    if kind == "object":
        keys = sorted(value)
        return (6, keys, [compare_key(value[key]) for key in keys])
    if kind == "array":
        return (5, [compare_key(item) for item in value])
    if kind == "string":
        return (4, value.encode("utf-8", "surrogatepass"))
    return {"null": (0,), "boolean": (2 if value else 1,)}.get(kind, (3, value))


def cannot(first: Any, second: Any, what: str) -> JqError:
    """Jq's error for an operator that does not suit its operands."""
    return JqError(f"{described(first)} and {described(second)} cannot be {what}")


def plus(first: Any, second: Any) -> Any:
    """Jq's addition; null is its zero."""
    if first is None or second is None:
        return second if first is None else first
    kind = kind_of(first)
    if kind != kind_of(second) or kind not in ("number", "string", "array", "object"):
        raise cannot(first, second, "added")
    return {**first, **second} if kind == "object" else first + second


def _length(value: Any) -> Any:
    if value is None:
        return 0
    if isinstance(value, bool):
        raise JqError(f"{described(value)} has no length")
    return len(value) if isinstance(value, str | list | dict) else abs(value)


def _tonumber(value: Any) -> Any:
    if kind_of(value) == "number":
        return value
    if isinstance(value, str):
        try:
            number = json.loads(value)
        except ValueError:
            number = None
        if kind_of(number) == "number":
            return number
    raise JqError(f"{described(value)} cannot be parsed as a number")


def _text(what: str) -> Callable[[Callable[[str], Any]], Callable[[Any], Any]]:
    def wrap(function: Callable[[str], Any]) -> Callable[[Any], Any]:
        def run(value: Any) -> Any:
            if not isinstance(value, str):
                raise JqError(f"{described(value)} {what}")
            return function(value)

        return run

    return wrap


def _ascii(text: str, *, upper: bool) -> str:
    return "".join((one.upper() if upper else one.lower()) if one.isascii() else one for one in text)


def _trim(value: Any, mark: Any, *, left: bool) -> Any:
    if not isinstance(value, str) or not isinstance(mark, str):
        return value
    return value.removeprefix(mark) if left else value.removesuffix(mark)


def _edge(value: Any, mark: Any, *, start: bool) -> bool:
    if not isinstance(value, str) or not isinstance(mark, str):
        raise JqError(f"{'startswith' if start else 'endswith'}() requires string inputs")
    return value.startswith(mark) if start else value.endswith(mark)


def _split(value: Any, mark: Any) -> list[str]:
    if not isinstance(value, str) or not isinstance(mark, str):
        raise JqError("split input and separator must be strings")
    return (value.split(mark) if mark else list(value)) if value else []


def _join(value: Any, mark: Any) -> str:
    items = _array(value)
    if not isinstance(mark, str) or any(isinstance(item, list | dict) for item in items):
        raise JqError("join needs a string, and an array of strings, numbers, booleans and nulls")
    return mark.join("" if item is None else text_of(item) for item in items)


def _array(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise JqError(f"Cannot iterate over {described(value)}")
    return value


def _keys(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return sorted(value)
    if isinstance(value, list):
        return list(range(len(value)))
    raise JqError(f"{described(value)} has no keys")


def _has(value: Any, key: Any) -> bool:
    if isinstance(value, dict) and isinstance(key, str):
        return key in value
    if isinstance(value, list) and kind_of(key) == "number":
        return bool(0 <= key < len(value))
    raise JqError(f"Cannot check whether {kind_of(value)} has a {kind_of(key)} key")


def _number(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def run(value: Any) -> Any:
        if kind_of(value) != "number":
            raise JqError(f"{described(value)} number required")
        return function(value)

    return run


def _fromjson(value: Any) -> Any:
    if not isinstance(value, str):
        raise JqError(f"{described(value)} only strings can be parsed")
    try:
        return json.loads(value)
    except ValueError as error:
        raise JqError(f"{error} (while parsing '{value}')") from error


def _gmtime(value: Any) -> list[Any]:
    if kind_of(value) != "number":
        raise JqError("gmtime() requires a number")
    try:
        at = datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise JqError("error converting number of seconds since epoch to datetime") from error
    seconds = at.second + at.microsecond / 1e6
    weekday, day = (at.weekday() + 1) % 7, at.timetuple().tm_yday - 1
    return [at.year, at.month - 1, at.day, at.hour, at.minute, seconds if at.microsecond else at.second, weekday, day]


def _broken_down(value: Any, name: str) -> datetime:
    parts = _gmtime(value) if kind_of(value) == "number" else value
    if not isinstance(parts, list) or len(parts) < 6 or not all(kind_of(part) == "number" for part in parts):
        raise JqError(
            f"{name} requires array of 6 numbers" if name == "mktime" else f"{name}/1 requires parsed datetime inputs"
        )
    year, month, day, hour, minute, second = (int(part) for part in parts[:6])
    try:
        return datetime(year, month + 1, day, hour, minute, second, tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise JqError(f"{name}: {error}") from error


def _strftime(value: Any, form: Any) -> str:
    if not isinstance(form, str):
        raise JqError("strftime/1 requires a string format")
    at = _broken_down(value, "strftime")
    return at.strftime(
        form.replace("%Z", "UTC").replace("%s", str(int(at.timestamp()))).replace("%Y", f"{at.year:04d}")
    )


def _strptime(value: Any, form: Any) -> list[Any]:
    if not isinstance(value, str) or not isinstance(form, str):
        raise JqError("strptime/1 requires string inputs and arguments")
    try:
        at = datetime.strptime(value, form.replace("%Z", "Z") if value.endswith("Z") else form)
    except ValueError as error:
        raise JqError(f'date "{value}" does not match format "{form}"') from error
    if at.tzinfo is not None and at.utcoffset():
        raise JqError("strptime: zones other than UTC are not supported by the embedded AWS")
    return _gmtime(calendar.timegm(at.timetuple()))


def _mktime(value: Any) -> int:
    if not isinstance(value, list):
        raise JqError("mktime requires array of 6 numbers")
    return int(_broken_down(value, "mktime").timestamp())


def _fromdate(value: Any) -> int:
    return _mktime(_strptime(value, "%Y-%m-%dT%H:%M:%SZ"))


def _todate(value: Any) -> str:
    return _strftime(value, "%Y-%m-%dT%H:%M:%SZ")


def _extreme(pick: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda value: pick(_array(value), key=compare_key, default=None)


def _unique(value: Any) -> list[Any]:
    found: dict[str, Any] = {}
    for item in sorted(_array(value), key=compare_key):
        found.setdefault(to_json(item), item)
    return list(found.values())


def _add_up(value: Any) -> Any:
    total = None
    for item in value.values() if isinstance(value, dict) else _array(value):
        total = plus(total, item)
    return total


def _error(value: Any, message: Any = None) -> Any:
    raise JqError(text_of(value if message is None else message))


def _base64d(value: Any) -> str:
    try:
        return base64.b64decode(text_of(value), validate=True).decode("utf-8", "replace")
    except ValueError as error:
        raise JqError(f"{described(value)} is not valid base64 data") from error


FUNCTIONS: Mapping[tuple[str, int], Callable[..., Any]] = {
    ("@base64", 0): lambda value: base64.b64encode(text_of(value).encode()).decode(),
    ("@base64d", 0): _base64d,
    ("@json", 0): to_json,
    ("@text", 0): text_of,
    ("@uri", 0): lambda value: quote(text_of(value), safe="-_.~"),
    ("add", 0): _add_up,
    ("ascii_downcase", 0): _text("cannot be lowercased")(lambda text: _ascii(text, upper=False)),
    ("ascii_upcase", 0): _text("cannot be uppercased")(lambda text: _ascii(text, upper=True)),
    ("ceil", 0): _number(math.ceil),
    ("date", 0): _todate,
    ("endswith", 1): lambda value, mark: _edge(value, mark, start=False),
    ("error", 0): _error,
    ("error", 1): _error,
    ("false", 0): lambda value: False,
    ("first", 0): lambda value: (_array(value) or [None])[0],
    ("floor", 0): _number(math.floor),
    ("fromdate", 0): _fromdate,
    ("fromdateiso8601", 0): _fromdate,
    ("fromjson", 0): _fromjson,
    ("gmtime", 0): _gmtime,
    ("has", 1): _has,
    ("join", 1): _join,
    ("keys", 0): _keys,
    ("last", 0): lambda value: (_array(value) or [None])[-1],
    ("length", 0): _length,
    ("ltrimstr", 1): lambda value, mark: _trim(value, mark, left=True),
    ("max", 0): _extreme(max),
    ("min", 0): _extreme(min),
    ("mktime", 0): _mktime,
    ("not", 0): lambda value: value is None or value is False,
    ("now", 0): lambda value: time.time(),
    ("null", 0): lambda value: None,
    ("reverse", 0): lambda value: _array(value)[::-1],
    ("round", 0): _number(lambda number: math.floor(abs(number) + 0.5) * (-1 if number < 0 else 1)),
    ("rtrimstr", 1): lambda value, mark: _trim(value, mark, left=False),
    ("sort", 0): lambda value: sorted(_array(value), key=compare_key),
    ("split", 1): _split,
    ("startswith", 1): lambda value, mark: _edge(value, mark, start=True),
    ("strftime", 1): _strftime,
    ("strptime", 1): _strptime,
    ("todate", 0): _todate,
    ("todateiso8601", 0): _todate,
    ("tojson", 0): to_json,
    ("tonumber", 0): _tonumber,
    ("tostring", 0): text_of,
    ("true", 0): lambda value: True,
    ("type", 0): kind_of,
    ("unique", 0): _unique,
}
