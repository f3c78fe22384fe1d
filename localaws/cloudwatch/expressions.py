"""Metric math, its arithmetic: + - * / and parentheses over metrics and numbers, and FILL; the rest is refused."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

from localaws.core import NotSupported

Points = dict[int, float]

_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def evaluate(expression: str, known: Mapping[str, Points]) -> Points:
    """The values of an expression by time: at a time that one of its metrics lacks there is none."""
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except SyntaxError:
        raise _refused(expression) from None
    times = sorted({moment for points in known.values() for moment in points})
    found = _value(tree, known, times, expression)
    if isinstance(found, dict):
        return found
    return dict.fromkeys(times, found)


def _value(node: ast.expr, known: Mapping[str, Points], times: list[int], whole: str) -> Points | float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name) and node.id in known:
        return known[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _combined(operator.mul, -1.0, _value(node.operand, known, times, whole))
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = (_value(each, known, times, whole) for each in (node.left, node.right))
        return _combined(_OPERATORS[type(node.op)], left, right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "FILL":
        arguments = [_value(each, known, times, whole) for each in node.args]
        match arguments:
            case [dict() as points, float() as filler]:
                return {moment: points.get(moment, filler) for moment in times}
    raise _refused(whole)


def _combined(how: Callable[[float, float], float], left: Points | float, right: Points | float) -> Points | float:
    def at(values: Points | float, moment: int) -> float:
        return values[moment] if isinstance(values, dict) else values

    if not isinstance(left, dict) and not isinstance(right, dict):
        return how(left, right)
    several = [set(values) for values in (left, right) if isinstance(values, dict)]
    found: Points = {}
    for moment in sorted(set.intersection(*several)):
        try:
            found[moment] = how(at(left, moment), at(right, moment))
        except ZeroDivisionError:
            continue  # as in CloudWatch there is no value
    return found


def _refused(expression: str) -> NotSupported:
    return NotSupported(
        f"The expression {expression!r} is refused: + - * / over the ids of other queries and numbers are computed, "
        "and FILL(id, number)."
    )
