"""Resolves a call: which signature, which argument types, what its lambdas return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from localaws.athena.translate.casts import coerce
from localaws.athena.translate.errors import refuse
from localaws.athena.translate.functions import registry
from localaws.athena.translate.scope import Field, Scope, Value, combine
from localaws.athena.translate.types import UNKNOWN, Type

if TYPE_CHECKING:
    from localaws.athena.translate.expressions import ExpressionBinder


def apply(
    binder: ExpressionBinder, node: Any, name: str, overloads: Sequence[registry.Overload], arguments: list[Any]
) -> Value:
    """The call of a function of the tables."""
    overload, values = resolve(binder, node, name, overloads, arguments)
    sql = overload.template.format(*(v.sql for v in values), all=", ".join(v.sql for v in values))
    return combine(sql, overload.result, values)


def resolve(
    binder: ExpressionBinder, node: Any, name: str, overloads: Sequence[registry.Overload], arguments: list[Any]
) -> tuple[registry.Overload, list[Value]]:
    """The signature that fits the arguments, its result type filled in, and the arguments coerced to it."""
    bound = [None if isinstance(a, exp.Lambda) else binder.bind(a) for a in arguments]
    found = registry.pick(overloads, registry.argument_types(bound))
    if found is None:
        types = ", ".join("function" if v is None else str(v.type) for v in bound)
        wanted = ", ".join(map(str, overloads))
        what = f"Unexpected parameters ({types}) for function {name}. Expected: {wanted}"
        binder.context.fail("FUNCTION_NOT_FOUND", what, node)
    overload, types_of = found
    patterns = registry.expand(overload, len(arguments)) or []
    values = []
    for argument, value, pattern in zip(arguments, bound, patterns, strict=True):
        if value is None:
            values.append(lambda_value(binder, argument, pattern, types_of))
        else:
            values.append(coerce(value, registry.instantiate(pattern, types_of, value.type)))
    result = registry.instantiate(overload.result, types_of)
    return registry.Overload(overload.name, overload.params, overload.variadic, result, overload.template), values


def lambda_value(binder: ExpressionBinder, node: Any, pattern: Type, types_of: dict[str, Type]) -> Value:
    """A lambda as DuckDB writes it; its result type is bound to the signature's variable."""
    *inputs, output = pattern.args
    names = [e.name.lower() for e in node.expressions]
    if len(names) != len(inputs):
        what = f"Expected a lambda that takes {len(inputs)} argument(s) but got {len(names)}"
        binder.context.fail("INVALID_PARAMETER_USAGE", what, node)
    emitted = [binder.context.fresh("x") for _ in names]
    kinds = [registry.instantiate(i, types_of) for i in inputs]
    fields = [Field(n, (), Value(e, k)) for n, e, k in zip(names, emitted, kinds, strict=True)]
    outer = binder.scope
    binder.scope = Scope(fields, outer, outer.keys)
    try:
        body = binder.bind(node.this)
    finally:
        binder.scope = outer
    if not registry.variables(output):
        body = coerce(body, output)
    elif output.name in types_of and types_of[output.name].name != "unknown":
        body = coerce(body, types_of[output.name])
    else:
        types_of[output.name] = body.type
    return combine(f"lambda {', '.join(emitted)}: {body.sql}", UNKNOWN, [body])


def text_argument(binder: ExpressionBinder, node: Any, what: str) -> str:
    """The text of an argument that must be a literal."""
    value = binder.bind(node)
    if not isinstance(value.literal, str):
        raise refuse(f"{what} that is no literal")
    return value.literal
