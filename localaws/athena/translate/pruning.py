"""Finds the conditions by which partitions of a table can be left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from localaws.athena.translate.lookup import base_column
from localaws.athena.translate.scope import NO_LITERAL, Predicate

if TYPE_CHECKING:
    from localaws.athena.translate.expressions import ExpressionBinder

_OPERATORS = {exp.EQ: "=", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_FLIPPED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def note_predicates(binder: ExpressionBinder, condition: Any) -> None:
    """Note on each table the conjuncts of a WHERE condition that compare one of its columns with literals.

    A WHERE conjunct rejects rows whose column is null, so it holds for a table on any side of an outer join.
    """
    for conjunct in condition.flatten() if isinstance(condition, exp.And) else [condition]:
        while isinstance(conjunct, exp.Paren):
            conjunct = conjunct.this
        if isinstance(conjunct, exp.And):
            note_predicates(binder, conjunct)
            continue
        _note(binder, conjunct)


def _note(binder: ExpressionBinder, node: Any) -> None:
    if type(node) in _OPERATORS:
        operator, column, others = _OPERATORS[type(node)], node.this, [node.expression]
        if not isinstance(column, exp.Column):
            operator, column, others = _FLIPPED[operator], node.expression, [node.this]
    elif isinstance(node, exp.In) and node.expressions:
        operator, column, others = "in", node.this, node.expressions
    elif isinstance(node, exp.Between):
        operator, column, others = "between", node.this, [node.args["low"], node.args["high"]]
    else:
        return
    if not isinstance(column, exp.Column) or not all(isinstance(o, exp.Literal | exp.Cast | exp.Neg) for o in others):
        return
    found = base_column(binder, column)
    values = [binder.bind(o).literal for o in others]
    if found is None or any(v is NO_LITERAL or v is None for v in values):
        return
    use, name = found
    use.predicates.append(Predicate(name, operator, tuple(values)))
