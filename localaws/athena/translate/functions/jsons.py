"""JSON: values are held as the text that Trino would print."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localaws.athena.translate.casts import coerce
from localaws.athena.translate.errors import SqlError, refuse
from localaws.athena.translate.functions import registry
from localaws.athena.translate.functions.resolution import text_argument
from localaws.athena.translate.scope import Value, combine, text
from localaws.athena.translate.types import BIGINT, JSON, VARCHAR

if TYPE_CHECKING:
    from localaws.athena.translate.expressions import ExpressionBinder

TABLE = registry.table("""
json_format(json) -> varchar = {0}
json_array_length(json) -> bigint = athena_json_array_length({0})
json_array_length(varchar) -> bigint = athena_json_array_length({0})
is_json_scalar(json) -> boolean = athena_json_is_scalar({0})
is_json_scalar(varchar) -> boolean = athena_json_is_scalar({0})
json_parse(varchar) -> json = athena_json_parse({0})
""")

_STEP = re.compile(r"""\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]|\["((?:[^"\\])*)"\]|\['((?:[^'\\])*)'\]""")


def json_path(written: str) -> str:
    """A JSON path of Trino as one of DuckDB: members and indexes; wildcards and filters are refused."""
    if not written.startswith("$"):
        written = "$." + written if re.match(r"[A-Za-z_]", written) else "$" + written
    steps, place = ["$"], 1
    while place < len(written):
        match = _STEP.match(written, place)
        if match is None:
            if re.match(r"\.\.|\.?\[?\*|\[\?|\[:|\[-", written[place:]):
                raise refuse(f"the JSON path {written}")
            raise SqlError("INVALID_FUNCTION_ARGUMENT", f"Invalid JSON path: '{written}'")
        key = match[1] or match[3] or match[4]
        if key is not None and '"' in key:
            raise refuse(f"the JSON path {written}")
        steps.append(f"[{match[2]}]" if key is None else f'."{key}"')
        place = match.end()
    return "".join(steps)


def _document(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> tuple[Value, str]:
    if len(arguments) != 2:
        binder.context.fail("FUNCTION_NOT_FOUND", f"Unexpected parameters for function {node.name.lower()}", node)
    value = binder.bind(arguments[0])
    if value.type.name not in ("varchar", "json", "unknown"):
        what = f"Unexpected parameters ({value.type}, varchar) for function {node.name.lower()}"
        binder.context.fail("FUNCTION_NOT_FOUND", what, node)
    return coerce(value, VARCHAR) if value.type.name == "unknown" else value, text_argument(
        binder, arguments[1], "a JSON path"
    )


def _extract_scalar(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    value, written = _document(binder, node, arguments)
    kind = value.type if value.type.name == "varchar" else VARCHAR
    return combine(f"athena_json_scalar({value.sql}, {text(json_path(written))})", kind, [value])


def _extract(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    value, written = _document(binder, node, arguments)
    return combine(f"athena_json_extract({value.sql}, {text(json_path(written))})", JSON, [value])


def _size(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    value, written = _document(binder, node, arguments)
    return combine(f"athena_json_size({value.sql}, {text(json_path(written))})", BIGINT, [value])


SPECIAL = {
    "json_extract": _extract, "json_extract_scalar": _extract_scalar, "json_size": _size,
}  # fmt: skip
