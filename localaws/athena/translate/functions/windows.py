"""FILTER, DISTINCT, ORDER BY and OVER of a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from localaws.athena.translate.errors import refuse
from localaws.athena.translate.functions import registry
from localaws.athena.translate.grouping import require_groupable
from localaws.athena.translate.ordering import sort_key
from localaws.athena.translate.scope import Value
from localaws.athena.translate.types import YEAR_MONTH

if TYPE_CHECKING:
    from localaws.athena.translate.expressions import ExpressionBinder

# {n}: IGNORE NULLS, {f}: OVER (...)
TABLE = registry.table("""
row_number() -> bigint = row_number(){f}
rank() -> bigint = rank(){f}
dense_rank() -> bigint = dense_rank(){f}
percent_rank() -> double = percent_rank(){f}
cume_dist() -> double = cume_dist(){f}
ntile(bigint) -> bigint = ntile({0}){f}
lag(T) -> T = lag({0}{n}){f}
lag(T, bigint) -> T = lag({0}, {1}{n}){f}
lag(T, bigint, T) -> T = lag({0}, {1}, {2}{n}){f}
lead(T) -> T = lead({0}{n}){f}
lead(T, bigint) -> T = lead({0}, {1}{n}){f}
lead(T, bigint, T) -> T = lead({0}, {1}, {2}{n}){f}
first_value(T) -> T = first_value({0}{n}){f}
last_value(T) -> T = last_value({0}{n}){f}
nth_value(T, bigint) -> T = nth_value({0}, {1}{n}){f}
""")
NEED_ORDER = ("rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead")


@dataclass
class Modifiers:
    """What stands around the arguments of a call."""

    distinct: bool = False
    order: list[str] = field(default_factory=list)
    condition: str = ""
    nulls: str = ""
    over: str | None = None
    values: list[Value] = field(default_factory=list)  # the expressions in all of these
    ordered: bool = False
    framed: bool = False

    def add(self, binder: ExpressionBinder, node: Any) -> None:
        """Take in one wrapper of the call."""
        if isinstance(node, exp.Filter):
            value = binder.boolean(node.expression.this, "FILTER expression")
            self.values.append(value)
            self.condition = f" FILTER (WHERE {value.sql})"
        elif isinstance(node, exp.IgnoreNulls):
            self.nulls = " IGNORE NULLS"
        elif isinstance(node, exp.Window):
            self.over = self._window(binder, node)

    def unwrap(self, binder: ExpressionBinder, arguments: list[Any]) -> list[Any]:
        """The arguments without the DISTINCT and ORDER BY that the parser hangs on them."""
        result = []
        for argument in arguments:
            inner = argument
            if isinstance(inner, exp.Order):
                for item in inner.expressions:
                    value = binder.bind(item.this)
                    self.values.append(value)
                    self.order.append(sort_key(binder, item, value))
                inner = inner.this
            if isinstance(inner, exp.Distinct):
                self.distinct = True
                result += inner.expressions
            else:
                result.append(inner)
        return result

    def require_none(self, binder: ExpressionBinder, node: Any, name: str) -> None:
        """A scalar function takes none of them."""
        if self.distinct or self.order or self.condition or self.nulls:
            what = f"'{name}' is not an aggregate function: it takes no DISTINCT, ORDER BY, FILTER or IGNORE NULLS"
            binder.context.fail("FUNCTION_NOT_AGGREGATE", what, node)

    def fill(self, template: str, *values: Value) -> str:
        """The template with its arguments and what stands around them filled in."""
        return template.format(
            *(v.sql for v in values),
            d="DISTINCT " if self.distinct else "",
            o=f" ORDER BY {', '.join(self.order)}" if self.order else "",
            n=self.nulls,
            f=self.condition + (f" OVER ({self.over})" if self.over is not None else ""),
        )

    def _window(self, binder: ExpressionBinder, node: Any) -> str:
        base = node.args.get("alias")
        partition, order, spec = node.args.get("partition_by") or [], node.args.get("order"), node.args.get("spec")
        if base is not None:
            named = binder.windows.get(base.name.lower())
            if named is None:
                binder.context.fail("INVALID_WINDOW_REFERENCE", f"Cannot resolve WINDOW name {base.name}", node)
            if named.args.get("alias") is not None:
                raise refuse("a named window that is based on another")
            partition = partition or named.args.get("partition_by") or []
            order, spec = order or named.args.get("order"), spec or named.args.get("spec")
        parts = []
        keys = [binder.bind(p) for p in partition]
        for key in keys:
            require_groupable(key.type, "PARTITION BY")
        if keys:
            parts.append("PARTITION BY " + ", ".join(k.sql for k in keys))
        sorts = [(i, binder.bind(i.this)) for i in order.expressions] if order is not None else []
        if sorts:
            parts.append("ORDER BY " + ", ".join(sort_key(binder, i, v) for i, v in sorts))
        self.values += [*keys, *(v for _, v in sorts)]
        self.ordered, self.framed = bool(sorts), spec is not None
        if spec is not None:
            parts.append(self._frame(binder, spec, sorts, node))
        return " ".join(parts)

    def _frame(self, binder: ExpressionBinder, spec: Any, sorts: list[Any], node: Any) -> str:
        kind = spec.args["kind"].upper()
        if spec.args.get("exclude") is not None:
            binder.context.fail("SYNTAX_ERROR", "mismatched input 'EXCLUDE'", node)
        if kind == "GROUPS" and not sorts:
            binder.context.fail("MISSING_ORDER_BY", "Window frame of type GROUPS requires ORDER BY", node)
        start = self._bound(binder, spec.args.get("start"), spec.args.get("start_side"), kind)
        if spec.args.get("end") is None:
            return f"{kind} {start}"
        return f"{kind} BETWEEN {start} AND {self._bound(binder, spec.args['end'], spec.args.get('end_side'), kind)}"

    def _bound(self, binder: ExpressionBinder, value: Any, side: str | None, kind: str) -> str:
        if isinstance(value, str):
            return f"{value} {side.upper()}" if side else value
        if not side:
            binder.context.fail("SYNTAX_ERROR", "mismatched input in window frame", value)
        bound = binder.bind(value)
        self.values.append(bound)
        if not bound.type.name.startswith("interval"):
            return f"{bound.sql} {side.upper()}"
        if kind != "RANGE":
            binder.context.fail("TYPE_MISMATCH", f"Window frame {kind} offset must be of exact numeric type", value)
        step = f"to_months({bound.sql})" if bound.type == YEAR_MONTH else f"to_microseconds({bound.sql} * 1000)"
        return f"{step} {side.upper()}"
