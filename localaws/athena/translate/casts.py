"""CAST, TRY_CAST and the coercions that Trino makes by itself."""

from __future__ import annotations

from localaws.athena.translate import zones
from localaws.athena.translate.errors import refuse
from localaws.athena.translate.scope import Value, combine, text
from localaws.athena.translate.types import (
    INTEGRAL,
    TSTZ,
    Type,
    duckdb_type,
    field_names,
)

_INTEGER_NAMES = {"tinyint": "TINYINT", "smallint": "SMALLINT", "integer": "INT", "bigint": "BIGINT"}


def coerce(value: Value, target: Type) -> Value:
    """The value as the type to which Trino coerces it; coercible() must have said yes."""
    source = value.type
    if source == target:
        return value
    if source.name == "unknown":
        return combine(f"CAST(NULL AS {duckdb_type(target)})", target, [value])
    if source.name in ("array", "map", "row") and duckdb_type(source) != duckdb_type(target):
        return cast(value, target)
    if target.name == TSTZ:
        return to_zone(value, target)
    if duckdb_type(source) == duckdb_type(target):
        sql = f"rpad({value.sql}, {source.params[0]}, ' ')" if source.name == "char" != target.name else value.sql
        return combine(sql, target, [value], literal=value.literal)
    return combine(f"CAST({value.sql} AS {duckdb_type(target)})", target, [value], literal=value.literal)


def cast(value: Value, target: Type) -> Value:
    """CAST(value AS target), or a refusal where Trino has such a cast and we do not."""
    source = value.type
    if source == target:
        return value
    if source.name == "unknown":
        return coerce(value, target)
    maker = _CASTS.get((_group(source), _group(target)))
    if maker is None:
        raise TypeError
    return combine(maker(value, target), target, [value])


def _group(kind: Type) -> str:
    if kind.name in INTEGRAL:
        return "integer"
    return {"real": "float", "double": "float", "char": "text", "varchar": "text"}.get(kind.name, kind.name)


def _plain(value: Value, target: Type) -> str:
    return f"CAST({value.sql} AS {duckdb_type(target)})"


def _float_to_integer(value: Value, target: Type) -> str:
    return f"CAST(round({value.sql}) AS {duckdb_type(target)})"


def _decimal_to_float(value: Value, target: Type) -> str:
    return f"CAST(CAST({value.sql} AS VARCHAR) AS {duckdb_type(target)})"


def _float_to_decimal(value: Value, target: Type) -> str:
    return f"CAST(CAST({value.sql} AS VARCHAR) AS {duckdb_type(target)})"


def _boolean_to_number(value: Value, target: Type) -> str:
    return f"CAST(CAST({value.sql} AS TINYINT) AS {duckdb_type(target)})"


def _to_boolean(value: Value, _: Type) -> str:
    return f"({value.sql} <> 0)"


def _text_sql(value: Value) -> str:
    return f"rpad({value.sql}, {value.type.params[0]}, ' ')" if value.type.name == "char" else value.sql


def _text_to_integer(value: Value, target: Type) -> str:
    return f"CAST(athena_integer_text({_text_sql(value)}, '{_INTEGER_NAMES[target.name]}') AS {duckdb_type(target)})"


def _text_to_float(value: Value, target: Type) -> str:
    return f"CAST(athena_float_text({_text_sql(value)}, '{target.name.upper()}') AS {duckdb_type(target)})"


def _text_to_decimal(value: Value, target: Type) -> str:
    label = f"DECIMAL({target.precision}, {target.scale})"
    return f"CAST(athena_decimal_text({_text_sql(value)}, '{label}') AS {duckdb_type(target)})"


def _text_to_boolean(value: Value, _: Type) -> str:
    return f"athena_boolean({_text_sql(value)})"


def _text_to_date(value: Value, _: Type) -> str:
    return f"CAST(athena_date_text({_text_sql(value)}) AS DATE)"


def _text_to_timestamp(value: Value, target: Type) -> str:
    return round_timestamp(f"CAST(athena_timestamp_text({_text_sql(value)}) AS TIMESTAMP)", 6, target.precision)


def _text_to_zoned(value: Value, target: Type) -> str:
    return f"athena_zoned({_text_sql(value)})" + (".t" if target.zone is not None else "")


def _text_to_time(value: Value, target: Type) -> str:
    return f"CAST(athena_time_text({_text_sql(value)}) AS TIME)"


def _text_to_text(value: Value, target: Type) -> str:
    if target.name == "char":
        return f"rtrim(left({_text_sql(value)}, {target.params[0]}), ' ')"
    if not target.params or (value.type.params and value.type.params[0] <= target.params[0]):
        return _text_sql(value)
    return f"left({_text_sql(value)}, {target.params[0]})"


def _fit(sql: str, value: Value, target: Type) -> str:
    """Text of a value that is no text: Trino fails where it is longer than the target."""
    if target.name == "char":
        raise refuse(f"CAST({value.type} AS {target})")
    return f"athena_fit({sql}, {target.params[0]}, {text(str(target))})" if target.params else sql


def _number_to_text(value: Value, target: Type) -> str:
    return _fit(f"CAST({value.sql} AS VARCHAR)", value, target)


def _float_to_text(value: Value, target: Type) -> str:
    macro = "athena_real_text" if value.type.name == "real" else "athena_double_text"
    return _fit(f"{macro}({value.sql})", value, target)


def _timestamp_to_text(value: Value, target: Type) -> str:
    return _fit(timestamp_text(value.sql, value.type.precision), value, target)


def _zoned_to_text(value: Value, target: Type) -> str:
    moment = timestamp_text(zones.local(value), value.type.precision)
    return _fit(f"({moment} || ' ' || {zones.zone_sql(value)})", value, target)


def timestamp_text(sql: str, precision: int) -> str:
    """'2024-01-31 10:00:00.000' with as many digits as the type has."""
    keep = 19 if precision == 0 else 20 + precision
    return f"left(strftime({sql}, '%Y-%m-%d %H:%M:%S.%f'), {keep})"


def round_timestamp(sql: str, source: int, target: int) -> str:
    """A timestamp rounded half up to fewer fractional digits."""
    if target >= source:
        return sql
    step = 10 ** (6 - target)
    return f"athena_round_timestamp(epoch_us({sql}) + {step // 2}, {step})"


def _timestamp_to_timestamp(value: Value, target: Type) -> str:
    return round_timestamp(value.sql, value.type.precision, target.precision)


def to_zone(value: Value, target: Type) -> Value:
    """A date, timestamp or zoned timestamp as a timestamp with time zone; the session's zone is UTC."""
    if value.type.name == TSTZ:
        moment = round_timestamp(zones.instant(value), value.type.precision, target.precision)
        packed = f"{{'t': {moment}, 'z': {zones.zone_sql(value)}}}"
        return combine(moment if target.zone else packed, target, [value])
    moment = f"CAST({value.sql} AS TIMESTAMP)"
    if value.type.name == "timestamp":
        moment = round_timestamp(moment, value.type.precision, target.precision)
    return combine(moment if target.zone else f"{{'t': {moment}, 'z': 'UTC'}}", target, [value])


def _zoned_to_timestamp(value: Value, target: Type) -> str:
    return round_timestamp(zones.local(value), value.type.precision, target.precision)


def _zoned_to_date(value: Value, _: Type) -> str:
    return f"CAST({zones.local(value)} AS DATE)"


def _to_zoned(value: Value, target: Type) -> str:
    return to_zone(value, target).sql


def _timestamp_to_time(value: Value, target: Type) -> str:
    return f"CAST({round_timestamp(value.sql, value.type.precision, target.precision)} AS TIME)"


def _time_to_text(value: Value, target: Type) -> str:
    keep = 8 if value.type.precision == 0 else 9 + value.type.precision
    return _fit(f"left(strftime(DATE '2000-01-01' + {value.sql}, '%H:%M:%S.%f'), {keep})", value, target)


def _array_to_array(value: Value, target: Type) -> str:
    if duckdb_type(value.type) == duckdb_type(target):
        return value.sql
    element = cast(Value("x", value.type.args[0]), target.args[0])
    return f"list_transform({value.sql}, lambda x: {element.sql})"


def _map_to_map(value: Value, target: Type) -> str:
    if duckdb_type(value.type) == duckdb_type(target):
        return value.sql
    key, item = (
        cast(Value("x.key", value.type.args[0]), target.args[0]),
        cast(Value("x.value", value.type.args[1]), target.args[1]),
    )
    pair = f"{{'key': {key.sql}, 'value': {item.sql}}}"
    return f"map_from_entries(list_transform(map_entries({value.sql}), lambda x: {pair}))"


def _row_to_row(value: Value, target: Type) -> str:
    if len(value.type.args) != len(target.args):
        raise TypeError
    old, new = field_names(value.type), field_names(target)
    fields = [
        cast(Value(f"({value.sql}).{n}", k), t).sql for n, k, t in zip(old, value.type.args, target.args, strict=True)
    ]
    packed = ", ".join(f"{n} := {sql}" for n, sql in zip(new, fields, strict=True))
    return f"CASE WHEN {value.sql} IS NULL THEN NULL ELSE struct_pack({packed}) END"


def _year_month_text(value: Value, target: Type) -> str:
    return _fit(f"athena_year_month({value.sql})", value, target)


def _day_second_text(value: Value, target: Type) -> str:
    return _fit(f"athena_day_second({value.sql})", value, target)


_CASTS = {
    ("boolean", "integer"): _boolean_to_number, ("boolean", "float"): _boolean_to_number,
    ("boolean", "decimal"): _boolean_to_number, ("boolean", "text"): _number_to_text,
    ("integer", "integer"): _plain, ("integer", "float"): _plain, ("integer", "decimal"): _plain,
    ("integer", "boolean"): _to_boolean, ("integer", "text"): _number_to_text,
    ("float", "integer"): _float_to_integer, ("float", "float"): _plain, ("float", "decimal"): _float_to_decimal,
    ("float", "boolean"): _to_boolean, ("float", "text"): _float_to_text,
    ("decimal", "integer"): _plain, ("decimal", "float"): _decimal_to_float, ("decimal", "decimal"): _plain,
    ("decimal", "boolean"): _to_boolean, ("decimal", "text"): _number_to_text,
    ("text", "integer"): _text_to_integer, ("text", "float"): _text_to_float, ("text", "decimal"): _text_to_decimal,
    ("text", "boolean"): _text_to_boolean, ("text", "text"): _text_to_text, ("text", "date"): _text_to_date,
    ("text", "timestamp"): _text_to_timestamp, ("text", TSTZ): _text_to_zoned, ("text", "time"): _text_to_time,
    ("date", "text"): _number_to_text, ("date", "timestamp"): _plain, ("date", TSTZ): _to_zoned,
    ("timestamp", "date"): _plain, ("timestamp", "timestamp"): _timestamp_to_timestamp,
    ("timestamp", TSTZ): _to_zoned, ("timestamp", "text"): _timestamp_to_text,
    ("timestamp", "time"): _timestamp_to_time,
    (TSTZ, "timestamp"): _zoned_to_timestamp, (TSTZ, "date"): _zoned_to_date, (TSTZ, "text"): _zoned_to_text,
    (TSTZ, TSTZ): _to_zoned, ("time", "text"): _time_to_text,
    ("array", "array"): _array_to_array, ("map", "map"): _map_to_map, ("row", "row"): _row_to_row,
    ("interval year to month", "text"): _year_month_text, ("interval day to second", "text"): _day_second_text,
    ("uuid", "text"): _number_to_text,
}  # fmt: skip
