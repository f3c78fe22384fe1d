"""Columns of text tables: DuckDB expressions that split a line as the SerDe does and turn a field into its type.

LazySimpleSerDe and Hive's JSON give NULL for what is not of the type; OpenCSVSerDe and OpenX JSON fail.
"""

from __future__ import annotations

from collections.abc import Collection

from localaws.athena.errors import QueryError
from localaws.athena.tables import OPENX_JSON, Table
from localaws.athena.types import Type, literal, quote

INTEGER = r"^[+-]?\d{1,19}$"
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
DOUBLE = r"^[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|NaN|Infinity)$"
DATE = r"^\d{4}-\d{2}-\d{2}$"
TIMESTAMP = r"^\d{4}-\d{2}-\d{2}[ ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?$"
FORMS = {
    "tinyint": INTEGER,
    "smallint": INTEGER,
    "integer": INTEGER,
    "bigint": INTEGER,
    "real": DOUBLE,
    "double": DOUBLE,
    "decimal": NUMBER,
    "boolean": r"^(?i:true|false)$",
    "date": DATE,
    "timestamp": TIMESTAMP,
}


def read(table: Table, needed: Collection[str]) -> tuple[str, list[str]]:
    """What to make of ``line`` first (as ``athena_l``), and the expression for each column from that."""
    if table.format == "json":
        return _json(table, needed)
    if table.format == "csv":
        fields = _open_csv(table)
        convert = _strict
    else:
        fields = _lazy(table)
        convert = _lazy_value
    columns = []
    for position, (name, kind) in enumerate(table.columns):
        value = f"athena_l[{position + 1}]"
        columns.append(convert(value, kind, table, position) if name in needed else f"CAST(NULL AS {kind.duckdb})")
    return fields, columns


# LazySimpleSerDe


def _delimiter(table: Table, key: str, default: str) -> str:
    text = table.serde_properties.get(key, default)
    # Hive also takes a delimiter as the number of its character.
    return chr(int(text)) if text.isdigit() and len(text) > 1 else text


def _lazy(table: Table) -> str:
    default = table.serde_properties.get("serialization.format", "\x01")
    delimiter = _delimiter(table, "field.delim", "\x01" if default == "1" else default)
    escape = table.serde_properties.get("escape.delim")
    if table.serde_properties.get("line.delim", "\n") != "\n":
        raise QueryError("NOT_SUPPORTED", f"{table.name}: lines that end with anything but a newline")
    if not escape:
        return f"string_split(line, {literal(delimiter)})"
    other, mark, end = _class(escape + delimiter), _one(escape), _one(delimiter)
    return f"regexp_extract_all(line || {literal(delimiter)}, {literal(f'((?:{other}|{mark}.)*){end}')}, 1)"


def _lazy_value(value: str, kind: Type, table: Table, position: int) -> str:
    null = table.serde_properties.get("serialization.null.format", "\\N")
    value = f"nullif({value}, {literal(null)})"
    if kind.base == "array":
        items = f"string_split({value}, {literal(_delimiter(table, 'collection.delim', chr(2)))})"
        return f"list_transform({items}, lambda athena_e: {_lazy_scalar('athena_e', kind.element, table)})"
    if kind.base == "map":
        items = f"string_split({value}, {literal(_delimiter(table, 'collection.delim', chr(2)))})"
        mark = literal(_delimiter(table, "mapkey.delim", chr(3)))
        key = _lazy_scalar(f"split_part(athena_e, {mark}, 1)", kind.fields[0][1], table)
        item = _lazy_scalar(f"split_part(athena_e, {mark}, 2)", kind.element, table)
        pairs = f"list_transform({items}, lambda athena_e: {{'key': {key}, 'value': {item}}})"
        return f"CASE WHEN {value} IS NOT NULL THEN map_from_entries({pairs}) END"
    if kind.base == "row":
        items = f"string_split({value}, {literal(_delimiter(table, 'collection.delim', chr(2)))})"
        parts = ", ".join(
            f"{quote(name)} := {_lazy_scalar(f'{items}[{index + 1}]', inner, table)}"
            for index, (name, inner) in enumerate(kind.fields)
        )
        return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({parts}) END"
    return _lazy_scalar(value, kind, table)


def _lazy_scalar(value: str, kind: Type, table: Table) -> str:
    if kind.fields:
        raise QueryError("NOT_SUPPORTED", f"{table.name}: nested types within nested types in a text table")
    escape = table.serde_properties.get("escape.delim")
    if escape:
        pattern = literal(f"{_one(escape)}(.)")
        value = f"regexp_replace({value}, {pattern}, '\\1', 'g')"
    if kind.base == "varbinary":
        return f"CASE WHEN regexp_full_match({value}, '[A-Za-z0-9+/]*=*') THEN from_base64({value}) END"
    if kind.base in ("varchar", "char"):
        return f"left({value}, {kind.args[0]})" if kind.args else value
    return converted(value, kind)


def converted(value: str, kind: Type) -> str:
    """The text ``value`` as a number, date, … or NULL if it is not one."""
    if kind.base not in FORMS:
        raise QueryError("NOT_SUPPORTED", f"a text table's column of type {kind.athena}")
    value = f"trim({value})"
    return f"CASE WHEN regexp_matches({value}, {literal(FORMS[kind.base])}) THEN {_cast(value, kind)} END"


def _cast(value: str, kind: Type) -> str:
    if kind.base == "timestamp":
        return f"date_trunc('millisecond', TRY_CAST({value} AS TIMESTAMP) + INTERVAL 500 MICROSECOND)"
    return f"TRY_CAST({value} AS {kind.duckdb})"


def _class(characters: str) -> str:
    return "[^" + "".join(f"\\x{{{ord(one):x}}}" for one in characters) + "]"


def _one(character: str) -> str:
    return f"\\x{{{ord(character[0]):x}}}"


# OpenCSVSerDe


def _open_csv(table: Table) -> str:
    properties = table.serde_properties
    separator = properties.get("separatorChar", ",").replace("\\t", "\t")[:1]
    mark, escape = properties.get("quoteChar", '"')[:1], properties.get("escapeChar", "\\")[-1:]
    end, inside, quoted, free = _one(separator), _class(mark + escape), _one(mark), _class(separator)
    pattern = f"({quoted}(?:{inside}|{_one(escape)}.|{quoted}{quoted})*{quoted}{free}*|{free}*){end}"
    # Within quotes an escape, or a doubled quote, stands for the character behind it; elsewhere an escape is dropped.
    unescape = literal(f"{_one(escape)}(.)|{quoted}({quoted})")
    body = literal(f"^{quoted}(.*){quoted}{free}*$")
    inner = f"regexp_replace(regexp_extract(athena_e, {body}, 1), {unescape}, '\\1\\2', 'g')"
    outer = f"replace(athena_e, {literal(escape)}, '')"
    field = f"CASE WHEN starts_with(athena_e, {literal(mark)}) THEN {inner} ELSE {outer} END"
    fields = f"regexp_extract_all(line || {literal(separator)}, {literal(pattern)}, 1)"
    return f"list_transform({fields}, lambda athena_e: {field})"


def _strict(value: str, kind: Type, table: Table, position: int) -> str:
    if kind.base in ("varchar", "char"):
        return f"left({value}, {kind.args[0]})" if kind.args else value
    if kind.base == "timestamp":
        result = f"CASE WHEN regexp_matches({value}, {literal(INTEGER)}) THEN epoch_ms(TRY_CAST({value} AS BIGINT)) END"
    elif kind.base == "date":
        days = f"TRY_CAST({value} AS INTEGER)"
        result = f"CASE WHEN regexp_matches({value}, {literal(INTEGER)}) THEN DATE '1970-01-01' + {days} END"
    else:
        result = converted(value, kind)
    message = f"'HIVE_BAD_DATA: Error parsing field value ''' || {value} || ''' for field {position}: '"
    return checked(value, result, message, kind)


def checked(value: str, result: str, message: str, kind: Type) -> str:
    """``result``, or a failure where the value is there and the result is not."""
    text = literal(f"not a value of type {kind.athena}")
    failure = f"CAST(error({message} || {text}) AS {kind.duckdb})"
    return f"CASE WHEN {value} IS NULL THEN NULL ELSE coalesce({result}, {failure}) END"


# JSON


def _json(table: Table, needed: Collection[str]) -> tuple[str, list[str]]:
    properties = table.serde_properties
    openx = table.serde == OPENX_JSON
    lenient = properties.get("ignore.malformed.json", "false").lower() == "true"
    bad = "NULL" if openx and lenient else "error('HIVE_BAD_DATA: Error Parsing a row: not a JSON object: ' || line)"
    parsed = (
        f"CASE WHEN trim(line) = '' THEN NULL WHEN json_valid(line) AND json_type(line) = 'OBJECT' "
        f"THEN CAST(line AS JSON) ELSE CAST({bad} AS JSON) END"
    )
    mapped = {key.removeprefix("mapping."): value for key, value in properties.items() if key.startswith("mapping.")}
    columns = []
    for name, kind in table.columns:
        if name not in needed:
            columns.append(f"CAST(NULL AS {kind.duckdb})")
            continue
        value = _member("athena_l", mapped.get(name, name))
        columns.append(_json_value(value, kind, name))
    return parsed, columns


def _member(parent: str, name: str) -> str:
    """An object's member by its name, whatever its case, as both JSON SerDes find it."""
    keys = f"list_filter(json_keys({parent}), lambda athena_k: lower(athena_k) = {literal(name.lower())})"
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    pointer = literal(f'$."{escaped}"')
    return (
        f"coalesce(json_extract({parent}, {pointer}), "
        f"json_extract({parent}, '$.\"' || replace({keys}[1], '\"', '\\\"') || '\"'))"
    )


def _json_value(value: str, kind: Type, name: str) -> str:
    value = f"nullif({value}, CAST('null' AS JSON))"
    if kind.base == "array":
        return (
            f"list_transform(CAST({value} AS JSON[]), lambda athena_e: {_json_value('athena_e', kind.element, name)})"
        )
    if kind.base == "map":
        key = _json_key("athena_k", kind.fields[0][1], name)
        member = f"json_extract({value}, '$.\"' || replace(athena_k, '\"', '\\\"') || '\"')"
        pairs = (
            f"list_transform(json_keys({value}), "
            f"lambda athena_k: {{'key': {key}, 'value': {_json_value(member, kind.element, name)}}})"
        )
        return f"CASE WHEN {value} IS NOT NULL THEN map_from_entries({pairs}) END"
    if kind.base == "row":
        parts = ", ".join(
            f"{quote(field)} := {_json_value(_member(value, field), inner, name)}" for field, inner in kind.fields
        )
        return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({parts}) END"
    text = f"json_extract_string({value}, '$')"
    if kind.base in ("varchar", "char"):
        return text
    message = f"'HIVE_BAD_DATA: Error parsing value ''' || {text} || ''' of field {name}: '"
    return checked(text, converted(text, kind), message, kind)


def _json_key(value: str, kind: Type, name: str) -> str:
    return value if kind.base in ("varchar", "char") else converted(value, kind)
