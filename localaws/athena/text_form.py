"""Values as Athena writes them into a result: DuckDB expressions that turn a typed value into its text."""

from __future__ import annotations

from localaws.athena.types import Type, field_names, literal, quote
from localaws.core import NotSupported

# Whose text in DuckDB is Athena's, or which the translation gives as text.
AS_THEY_ARE = {
    *("boolean", "tinyint", "smallint", "integer", "bigint", "decimal", "date", "varchar", "char", "json", "uuid"),
    *("unknown", "time", "timestamp with time zone", "interval day to second", "interval year to month"),
}


def text(value: str, kind: Type) -> str:
    """The expression for the text of the expression ``value``; NULL stays NULL."""
    base = kind.base
    if base in AS_THEY_ARE:
        return f"CAST({value} AS VARCHAR)"
    if base in ("double", "real"):
        return f"athena_java_float(CAST({value} AS VARCHAR))"
    if base == "timestamp":
        return _timestamp(value, kind)
    if base == "varbinary":
        return f"rtrim(regexp_replace(lower(hex({value})), '(..)', '\\1 ', 'g'))"
    if base == "array":
        items = f"list_transform({value}, lambda athena_e: {_nested('athena_e', kind.element)})"
        return f"'[' || array_to_string({items}, ', ') || ']'"
    if base == "map":
        pair = f"{_nested('athena_p.key', kind.fields[0][1])} || '=' || {_nested('athena_p.value', kind.element)}"
        return f"'{{' || array_to_string(list_transform(map_entries({value}), lambda athena_p: {pair}), ', ') || '}}'"
    if base == "row":
        return _row(value, kind)
    raise NotSupported(f"a result column of type {kind.athena} has no text form here; cast it to varchar")


def _nested(value: str, kind: Type) -> str:
    return f"coalesce({text(value, kind)}, 'null')"


def _row(value: str, kind: Type) -> str:
    parts = []
    names = field_names(kind)
    for position, (name, inner) in enumerate(kind.fields):
        field = f"({value}).{quote(names[position])}"
        parts.append(f"{literal((name or f'field{position}') + '=')} || {_nested(field, inner)}")
    joined = " || ', ' || ".join(parts)
    return f"CASE WHEN ({value}) IS NOT NULL THEN '{{' || {joined} || '}}' END"


def _timestamp(value: str, kind: Type) -> str:
    return f"strftime({value}, '%Y-%m-%d %H:%M:%S{_fraction(kind)}')"


def _fraction(kind: Type) -> str:
    """The directive for the digits behind the seconds."""
    digits = kind.args[0] if kind.args else 3
    forms = {0: "", 3: ".%g", 6: ".%f", 9: ".%n"}
    if digits not in forms:
        raise NotSupported(f"{kind.athena} has no text form here; cast it to timestamp(3)")
    return forms[digits]


def select(sql: str, kinds: list[Type]) -> str:
    """A query of the texts of another query's columns, which are named ``c0``, ``c1`` and so on."""
    names = [f"c{index}" for index in range(len(kinds))]
    fields = ", ".join(f"{text(quote(name), kind)} AS {name}" for name, kind in zip(names, kinds, strict=True))
    return f"SELECT {fields} FROM ({sql}) AS athena_result({', '.join(names)})"


# Java's text of a double from DuckDB's: both write the fewest digits that tell the value, but switch to the scientific
# form elsewhere (Java below 1e-3 and from 1e7 on). No subqueries, for they are not allowed within lambdas.
MACROS = r"""
CREATE OR REPLACE MACRO athena_java_digits(digits) AS
    substr(digits, 1, 1) || '.' || coalesce(nullif(substr(digits, 2), ''), '0');
CREATE OR REPLACE MACRO athena_java_float(t) AS CASE
    WHEN t IN ('nan', 'inf', '-inf') THEN replace(replace(t, 'inf', 'Infinity'), 'nan', 'NaN')
    WHEN contains(t, 'e') THEN
        split_part(t, 'e', 1) || CASE WHEN contains(t, '.') THEN 'E' ELSE '.0E' END
        || CAST(CAST(split_part(t, 'e', 2) AS INTEGER) AS VARCHAR)
    WHEN strpos(ltrim(t, '-'), '.') > 8 THEN
        CASE WHEN t[1] = '-' THEN '-' ELSE '' END || athena_java_digits(rtrim(replace(ltrim(t, '-'), '.', ''), '0'))
        || 'E' || CAST(strpos(ltrim(t, '-'), '.') - 2 AS VARCHAR)
    WHEN starts_with(ltrim(t, '-'), '0.000') THEN
        CASE WHEN t[1] = '-' THEN '-' ELSE '' END || athena_java_digits(ltrim(ltrim(t, '-'), '0.')) || 'E-4'
    ELSE t
END;
"""
