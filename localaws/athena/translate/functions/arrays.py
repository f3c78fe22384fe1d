"""Arrays, maps and rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localaws.athena.translate import literals, operators
from localaws.athena.translate.casts import coerce
from localaws.athena.translate.errors import refuse
from localaws.athena.translate.functions import registry
from localaws.athena.translate.functions.resolution import resolve
from localaws.athena.translate.scope import Value, combine
from localaws.athena.translate.types import (
    BIGINT,
    DATE,
    DAY_SECOND,
    INTEGRAL,
    YEAR_MONTH,
    Type,
    array,
    common,
    duckdb_type,
    map_of,
)

if TYPE_CHECKING:
    from localaws.athena.translate.expressions import ExpressionBinder

TABLE = registry.table("""
cardinality(array(T)) -> bigint = CAST(len({0}) AS BIGINT)
cardinality(map(K, V)) -> bigint = CAST(cardinality({0}) AS BIGINT)
element_at(array(T), bigint) -> T = athena_element_at({0}, {1})
element_at(map(K, V), K) -> V = {0}[{1}]
contains(array(T), T) -> boolean = athena_contains({0}, {1})
array_position(array(T), T) -> bigint = athena_array_position({0}, {1})
array_join(array(T), varchar) -> varchar = athena_array_join({0}, {1})
array_join(array(T), varchar, varchar) -> varchar = athena_array_join_null({0}, {1}, {2})
array_distinct(array(T)) -> array(T) = athena_distinct({0})
array_sort(array(T)) -> array(T) = list_sort({0}, 'ASC', 'NULLS LAST')
array_max(array(T)) -> T = CASE WHEN NOT athena_has_null({0}) THEN list_max({0}) END
array_min(array(T)) -> T = CASE WHEN NOT athena_has_null({0}) THEN list_min({0}) END
array_remove(array(T), T) -> array(T) = athena_array_remove({0}, {1})
array_union(array(T), array(T)) -> array(T) = athena_distinct(list_concat({0}, {1}))
array_intersect(array(T), array(T)) -> array(T) = athena_array_intersect({0}, {1})
array_except(array(T), array(T)) -> array(T) = athena_array_except({0}, {1})
arrays_overlap(array(T), array(T)) -> boolean = athena_overlap({0}, {1})
slice(array(T), bigint, bigint) -> array(T) = athena_slice({0}, {1}, {2})
flatten(array(array(T))) -> array(T) = flatten({0})
repeat(T, bigint) -> array(T) = athena_repeat({0}, {1})
filter(array(T), function(T, boolean)) -> array(T) = list_filter({0}, {1})
transform(array(T), function(T, R)) -> array(R) = list_transform({0}, {1})
any_match(array(T), function(T, boolean)) -> boolean = athena_any(list_transform({0}, {1}))
all_match(array(T), function(T, boolean)) -> boolean = athena_all(list_transform({0}, {1}))
none_match(array(T), function(T, boolean)) -> boolean = NOT athena_any(list_transform({0}, {1}))
map() -> map(unknown, unknown) = MAP {{}}
map(array(K), array(V)) -> map(K, V) = athena_map({0}, {1})
map_keys(map(K, V)) -> array(K) = map_keys({0})
map_values(map(K, V)) -> array(V) = map_values({0})
""")


def concat_arrays(parts: list[Value]) -> Value:
    """Array || array, or an element put before or after an array; raises NoOperator."""
    left, right = parts
    if left.type.name == "array" and right.type.name == "array":
        kind = common(left.type, right.type)
        if kind is None:
            raise operators.NoOperator
        return combine(f"athena_concat_arrays({coerce(left, kind).sql}, {coerce(right, kind).sql})", kind, parts)
    whole, item = (left, right) if left.type.name == "array" else (right, left)
    kind = common(whole.type, array(item.type))
    if kind is None or item.type.name == "unknown":
        raise operators.NoOperator
    element = f"[{coerce(item, kind.args[0]).sql}]"
    base = coerce(whole, kind).sql
    listed = f"{base}, {element}" if whole is left else f"{element}, {base}"
    return combine(f"athena_concat_arrays({listed})", kind, parts)


def _reduce(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    overloads = registry.table("reduce(array(T), U, function(U, T, U), function(U, R)) -> R = -")["reduce"]
    overload, values = resolve(binder, node, "reduce", overloads, arguments)
    items, start, step, finish = values
    if items.type.args[0] != start.type and duckdb_type(items.type.args[0]) != duckdb_type(start.type):
        raise refuse(f"reduce of array({items.type.args[0]}) to another type ({start.type})")
    folded = f"list_reduce({items.sql}, {step.sql}, {start.sql})"
    sql = f"list_transform([{folded}], {finish.sql})[1]"
    return combine(f"CASE WHEN {items.sql} IS NULL THEN NULL ELSE {sql} END", overload.result, values)


def _sequence(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    values = [binder.bind(a) for a in arguments]
    if len(values) not in (2, 3):
        binder.context.fail("FUNCTION_NOT_FOUND", "Unexpected parameters for function sequence", node)
    kind = common(values[0].type, values[1].type)
    step = values[2] if len(values) == 3 else None
    if kind is not None and kind.name in INTEGRAL and (step is None or step.type.name in INTEGRAL):
        listed = ", ".join(coerce(v, BIGINT).sql for v in values)
        default = (
            f"{listed}, CASE WHEN {values[0].sql} <= {values[1].sql} THEN 1 ELSE -1 END" if step is None else listed
        )
        return combine(f"athena_sequence({default})", array(BIGINT), values)
    if (
        kind is not None
        and kind.name in ("date", "timestamp")
        and ((step is None and kind == DATE) or (step and step.type in (DAY_SECOND, YEAR_MONTH)))
    ):
        return _date_sequence([coerce(v, kind) for v in values[:2]], step, kind)
    binder.context.fail("FUNCTION_NOT_FOUND", "Unexpected parameters for function sequence", node)


def _date_sequence(ends: list[Value], step: Value | None, kind: Type) -> Value:
    first, last = (f"CAST({e.sql} AS TIMESTAMP)" for e in ends)
    if step is None:
        day = f"to_days(CASE WHEN {ends[0].sql} <= {ends[1].sql} THEN 1 ELSE -1 END)"
        sql = f"athena_date_sequence({first}, {last}, {day})"
    elif step.type == YEAR_MONTH:
        sql = f"athena_month_sequence({first}, {last}, {step.sql})"
    else:
        sql = f"athena_date_sequence({first}, {last}, to_microseconds({step.sql} * 1000))"
    parts = [*ends, *([step] if step else [])]
    return combine(f"CAST({sql} AS {duckdb_type(array(kind))})", array(kind), parts)


def _zip(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    values = [binder.bind(a) for a in arguments]
    if len(values) < 2 or any(v.type.name != "array" for v in values):
        binder.context.fail("FUNCTION_NOT_FOUND", "Unexpected parameters for function zip", node)
    kind = array(Type("row", args=tuple(v.type.args[0] for v in values), fields=(None,) * len(values)))
    nulls = " OR ".join(f"{v.sql} IS NULL" for v in values)
    zipped = f"list_zip({', '.join(v.sql for v in values)})"
    return combine(f"CASE WHEN {nulls} THEN NULL ELSE CAST({zipped} AS {duckdb_type(kind)}) END", kind, values)


def _row(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    if not arguments:
        binder.context.fail("SYNTAX_ERROR", "mismatched input ')'", node)
    return literals.row([binder.bind(a) for a in arguments])


def _map_entries(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    (value,) = [binder.bind(a) for a in arguments]
    if value.type.name != "map":
        binder.context.fail(
            "FUNCTION_NOT_FOUND", f"Unexpected parameters ({value.type}) for function map_entries", node
        )
    kind = array(Type("row", args=value.type.args, fields=(None, None)))
    return combine(
        f"CAST(list_zip(map_keys({value.sql}), map_values({value.sql})) AS {duckdb_type(kind)})", kind, [value]
    )


def _map_from_entries(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    (value,) = [binder.bind(a) for a in arguments]
    if value.type.name != "array" or value.type.args[0].name != "row" or len(value.type.args[0].args) != 2:
        binder.context.fail(
            "FUNCTION_NOT_FOUND", f"Unexpected parameters ({value.type}) for function map_from_entries", node
        )
    from localaws.athena.translate.types import field_names

    row = value.type.args[0]
    keys, values = (f"list_transform({value.sql}, lambda e: (e).{name})" for name in field_names(row))
    return combine(f"athena_map({keys}, {values})", map_of(*row.args), [value])


def _map_concat(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    values, kind = binder.unify([binder.bind(a) for a in arguments], node, "All map_concat arguments")
    if kind.name != "map" or len(values) < 2:
        binder.context.fail("FUNCTION_NOT_FOUND", "Unexpected parameters for function map_concat", node)
    nulls = " OR ".join(f"{v.sql} IS NULL" for v in values)
    return combine(f"CASE WHEN {nulls} THEN NULL ELSE map_concat({', '.join(v.sql for v in values)}) END", kind, values)


SPECIAL = {
    "reduce": _reduce, "sequence": _sequence, "zip": _zip, "row": _row, "map_entries": _map_entries,
    "map_from_entries": _map_from_entries, "map_concat": _map_concat,
}  # fmt: skip
