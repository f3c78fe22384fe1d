"""A subset of jq 1.6, enough to take partition keys from a record; what it lacks is refused when a stream is created.

There is no recursion and no loop but over a value's own items, so a filter always ends.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localaws.firehose.jq_functions import FUNCTIONS, cannot, compare_key, described, kind_of, plus, text_of
from localaws.firehose.jq_syntax import JqError, Node, Parser

Environment = Mapping[str, Any]
Filter = Callable[[Any, Environment], Iterator[Any]]
MAX_TEXT = 1 << 20

__all__ = ["JqError", "compile_filter"]


def compile_filter(text: str) -> Callable[[Any], list[Any]]:
    """A function that gives the filter's outputs for a value. Both raise JqError, with jq's own words where it has."""
    run = _compile(Parser(text).parse(), frozenset())

    def apply(value: Any) -> list[Any]:
        try:
            return list(run(value, {}))
        except (RecursionError, OverflowError) as error:
            raise JqError(f"jq: {error}") from error

    return apply


def _compile(node: Node, bound: frozenset[str]) -> Filter:
    kind, *parts = node
    if kind == "bind":
        source, name, body = _compile(parts[0], bound), parts[1], _compile(parts[2], bound | {parts[1]})
        return lambda value, env: (out for given in source(value, env) for out in body(value, {**env, name: given}))
    if kind == "variable" and parts[0] not in bound:
        raise JqError(f"jq: {parts[0]} is not defined")
    if kind == "object":
        return _object([(_compile(key, bound), _compile(value, bound)) for key, value in parts[0]])
    if kind == "call":
        return _call(parts[0], [_compile(argument, bound) for argument in parts[1]])
    if kind == "binary":
        return _binary(parts[0], _compile(parts[1], bound), _compile(parts[2], bound))
    if kind == "interpolate":
        return _interpolate([_compile(part, bound) for part in parts[0]])
    compiled = [_compile(part, bound) if isinstance(part, tuple) else part for part in parts]
    return functools.partial(_KINDS[kind], *compiled)


def _truth(value: Any) -> bool:
    return value is not None and value is not False


def _self(value: Any, env: Environment) -> Iterator[Any]:
    yield value


def _value(constant: Any, value: Any, env: Environment) -> Iterator[Any]:
    yield constant


def _variable(name: str, value: Any, env: Environment) -> Iterator[Any]:
    yield env[name]


def _pipe(left: Filter, right: Filter, value: Any, env: Environment) -> Iterator[Any]:
    for given in left(value, env):
        yield from right(given, env)


def _comma(left: Filter, right: Filter, value: Any, env: Environment) -> Iterator[Any]:
    yield from left(value, env)
    yield from right(value, env)


def _alternative(left: Filter, right: Filter, value: Any, env: Environment) -> Iterator[Any]:
    good = []
    try:
        for given in left(value, env):
            if _truth(given):
                good.append(given)
    except JqError:
        pass
    yield from good or right(value, env)


def _or(left: Filter, right: Filter, value: Any, env: Environment) -> Iterator[Any]:
    for given in left(value, env):
        yield from (True,) if _truth(given) else (_truth(other) for other in right(value, env))


def _and(left: Filter, right: Filter, value: Any, env: Environment) -> Iterator[Any]:
    for given in left(value, env):
        yield from (_truth(other) for other in right(value, env)) if _truth(given) else (False,)


def _negate(body: Filter, value: Any, env: Environment) -> Iterator[Any]:
    for given in body(value, env):
        if kind_of(given) != "number":
            raise JqError(f"{described(given)} cannot be negated")
        yield -given


def _try(body: Filter, handler: Filter | None, value: Any, env: Environment) -> Iterator[Any]:
    try:
        yield from body(value, env)
    except JqError as error:
        if handler is not None:
            yield from handler(str(error), env)


def _index(source: Filter, key: Filter, value: Any, env: Environment) -> Iterator[Any]:
    for wanted in key(value, env):
        for given in source(value, env):
            yield _item(given, wanted)


def _item(given: Any, wanted: Any) -> Any:
    if given is None and (wanted is None or isinstance(wanted, str) or kind_of(wanted) == "number"):
        return None
    if isinstance(given, dict) and isinstance(wanted, str):
        return given.get(wanted)
    if isinstance(given, list) and kind_of(wanted) == "number":
        at = math.floor(wanted)
        return given[at] if -len(given) <= at < len(given) else None
    if isinstance(wanted, str):
        raise JqError(f'Cannot index {kind_of(given)} with "{wanted}"')
    raise JqError(f"Cannot index {kind_of(given)} with {kind_of(wanted)}")


def _iterate(source: Filter, value: Any, env: Environment) -> Iterator[Any]:
    for given in source(value, env):
        if isinstance(given, dict):
            yield from given.values()
        elif isinstance(given, list):
            yield from given
        else:
            raise JqError(f"Cannot iterate over {described(given)}")


def _slice(source: Filter, start: Filter | None, end: Filter | None, value: Any, env: Environment) -> Iterator[Any]:
    none: tuple[None] = (None,)
    for last in end(value, env) if end else none:
        for first in start(value, env) if start else none:
            for given in source(value, env):
                if given is None:
                    yield None
                    continue
                if not isinstance(given, list | str):
                    raise JqError(f"Cannot index {kind_of(given)} with object")
                if not all(bound is None or kind_of(bound) == "number" for bound in (first, last)):
                    raise JqError("Start and end indices of an array slice must be numbers")
                yield given[None if first is None else math.floor(first) : None if last is None else math.ceil(last)]


def _array(items: Filter | None, value: Any, env: Environment) -> Iterator[Any]:
    yield list(items(value, env)) if items else []


def _if(condition: Filter, then: Filter, otherwise: Filter, value: Any, env: Environment) -> Iterator[Any]:
    for given in condition(value, env):
        yield from (then if _truth(given) else otherwise)(value, env)


_KINDS: Mapping[str, Callable[..., Iterator[Any]]] = {
    "self": _self,
    "value": _value,
    "variable": _variable,
    "pipe": _pipe,
    "comma": _comma,
    "alternative": _alternative,
    "or": _or,
    "and": _and,
    "negate": _negate,
    "try": _try,
    "index": _index,
    "iterate": _iterate,
    "slice": _slice,
    "array": _array,
    "if": _if,
}


def _object(entries: list[tuple[Filter, Filter]]) -> Filter:
    def run(value: Any, env: Environment) -> Iterator[Any]:
        choices = [[(key, item) for key in keys(value, env) for item in items(value, env)] for keys, items in entries]
        for chosen in itertools.product(*choices):
            for key, _ in chosen:
                if not isinstance(key, str):
                    raise JqError("Object keys must be strings")
            yield dict(chosen)

    return run


def _interpolate(parts: list[Filter]) -> Filter:
    def run(value: Any, env: Environment) -> Iterator[Any]:
        for chosen in itertools.product(*(list(part(value, env)) for part in parts)):
            yield "".join(text_of(piece) for piece in chosen)

    return run


def _call(name: str, arguments: list[Filter]) -> Filter:
    if name in ("map", "select") and len(arguments) == 1:
        (body,) = arguments
        if name == "select":
            return lambda value, env: (value for given in body(value, env) if _truth(given))
        return lambda value, env: iter([list(_pipe(functools.partial(_iterate, _self), body, value, env))])
    if name == "empty" and not arguments:
        return lambda value, env: iter(())
    function = FUNCTIONS.get((name, len(arguments)))
    if function is None:
        raise JqError(f"jq: {name}/{len(arguments)} is not defined, or not supported by the embedded AWS")

    def run(value: Any, env: Environment) -> Iterator[Any]:
        for given in itertools.product(*(list(argument(value, env)) for argument in arguments)):
            yield function(value, *given)

    return run


def _binary(operator: str, left: Filter, right: Filter) -> Filter:
    apply = _OPERATORS[operator]

    def run(value: Any, env: Environment) -> Iterator[Any]:
        for second in right(value, env):
            for first in left(value, env):
                yield apply(first, second)

    return run


def _subtract(first: Any, second: Any) -> Any:
    if kind_of(first) == kind_of(second) == "number":
        return first - second
    if isinstance(first, list) and isinstance(second, list):
        return [item for item in first if not any(_equal(item, other) for other in second)]
    raise cannot(first, second, "subtracted")


def _multiply(first: Any, second: Any) -> Any:
    if kind_of(first) == kind_of(second) == "number":
        return first * second
    if isinstance(first, str) and kind_of(second) == "number":
        if second * len(first) > MAX_TEXT:
            raise JqError(f"{described(first)} times {second} is too long")
        return first * math.ceil(second) if second > 0 else None
    raise cannot(first, second, "multiplied")


def _divide(first: Any, second: Any) -> Any:
    if kind_of(first) == kind_of(second) == "number":
        if second == 0:
            raise cannot(first, second, "divided because the divisor is zero")
        return first // second if first % second == 0 else first / second
    if isinstance(first, str) and isinstance(second, str):
        return first.split(second) if first and second else list(first)
    raise cannot(first, second, "divided")


def _modulo(first: Any, second: Any) -> Any:
    if kind_of(first) != "number" or kind_of(second) != "number":
        raise cannot(first, second, "divided")
    if int(second) == 0:
        raise cannot(first, second, "divided because the divisor is zero")
    return int(math.fmod(int(first), abs(int(second))))


def _equal(first: Any, second: Any) -> bool:
    return bool(compare_key(first) == compare_key(second))


_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": plus,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "%": _modulo,
    "==": _equal,
    "!=": lambda first, second: not _equal(first, second),
    "<": lambda first, second: compare_key(first) < compare_key(second),
    "<=": lambda first, second: compare_key(first) <= compare_key(second),
    ">": lambda first, second: compare_key(first) > compare_key(second),
    ">=": lambda first, second: compare_key(first) >= compare_key(second),
}
