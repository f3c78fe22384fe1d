"""The rule types of DQDL that look at one table: each a generator that yields what it asks and returns its outcome."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localaws.core import NotSupported
from localaws.glue_quality.asking import Aggregates, Outcome, Query, Steps, Subject
from localaws.glue_quality.conditions import age_condition, literal, meets, quoted, row_condition, wrong
from localaws.glue_quality.language import Condition, Number, Rule

Metrics = dict[str, float]
Evaluate = Callable[[Rule, Subject], Steps]

ALL = Condition("=", (Number("1.0"),))
_EXTREMES = {">": ("Minimum",), ">=": ("Minimum",), "<": ("Maximum",), "<=": ("Maximum",), "=": ("Minimum", "Maximum")}
_CASTS = {
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp(3)",
    "INTEGER": "integer",
    "LONG": "bigint",
    "DOUBLE": "double",
    "FLOAT": "real",
}


def judged(metric: str, value: float | None, condition: Condition | None) -> Outcome:
    """PASS if the number meets the condition (or, without one, is 1); FAIL where there is no number: no rows."""
    if value is None:
        return Outcome("FAIL", message=f"Empty state for analyzer {metric}, all input values were NULL.")
    value = float(value)
    if meets(value, condition or ALL):
        return Outcome("PASS", {metric: value})
    return Outcome("FAIL", {metric: value}, unmet(value))


def unmet(value: object) -> str:
    """Why a rule fails on a value."""
    return f"Value: {value} does not meet the constraint requirement!"


def ratio(part: Any, whole: Any) -> float | None:
    """A part of the whole; None of nothing."""
    return float(part or 0) / float(whole) if whole else None


def _row_count(rule: Rule, subject: Subject) -> Steps:
    (rows,) = yield Aggregates(("count(*)",), rule.where)
    return judged("Dataset.*.RowCount", rows, rule.condition)


def _column_count(rule: Rule, subject: Subject) -> Steps:
    return judged("Dataset.*.ColumnCount", len(subject.table.columns), rule.condition)
    yield


def _column_exists(rule: Rule, subject: Subject) -> Steps:
    subject.table.column(rule.parameters[0])
    return Outcome("PASS")
    yield


def _names_match(rule: Rule, subject: Subject) -> Steps:
    names = ", ".join(f"({literal(name)})" for name in subject.table.columns)
    pattern = literal(f"^(?:{rule.parameters[0]})$")
    row = yield Query(f"SELECT count_if(regexp_like(name, {pattern})), count(*) FROM (VALUES {names}) AS t (name)")
    return judged("Dataset.*.ColumnNamesPatternMatchRatio", ratio(*row), None)


def _completeness(rule: Rule, subject: Subject) -> Steps:
    name = rule.parameters[0]
    row = yield Aggregates((f"count({subject.table.column(name)})", "count(*)"), rule.where)
    return judged(f"Column.{name}.Completeness", ratio(*row), rule.condition)


def _frequencies(rule: Rule, subject: Subject) -> Query:
    """Of the groups of equal values: those of one row, all, their rows, and the sum of n × ln n."""
    columns = [subject.table.column(name) for name in rule.parameters]
    known = " OR ".join(f"{column} IS NOT NULL" for column in columns)
    groups = f"SELECT count(*) AS n {subject.table.rows(rule.where, known)} GROUP BY {', '.join(columns)}"
    numbers = "count_if(n = 1), count(*), sum(n), sum(CAST(n AS double) * ln(CAST(n AS double)))"
    return Query(f"SELECT {numbers} FROM ({groups}) AS g")


def _metric(rule: Rule, name: str) -> str:
    columns = ",".join(rule.parameters)
    return f"{'Column' if len(rule.parameters) == 1 else 'Multicolumn'}.{columns}.{name}"


def _uniqueness(rule: Rule, subject: Subject) -> Steps:
    single, _, rows, _ = yield _frequencies(rule, subject)
    return judged(_metric(rule, "Uniqueness"), ratio(single, rows), rule.condition)


def _unique_value_ratio(rule: Rule, subject: Subject) -> Steps:
    single, groups, _, _ = yield _frequencies(rule, subject)
    return judged(_metric(rule, "UniqueValueRatio"), ratio(single, groups), rule.condition)


def _distinct(rule: Rule, subject: Subject) -> Steps:
    _, groups, _, _ = yield _frequencies(rule, subject)
    return judged(_metric(rule, "DistinctValuesCount"), groups, rule.condition)


def _entropy(rule: Rule, subject: Subject) -> Steps:
    _, _, rows, spread = yield _frequencies(rule, subject)
    value = max(0.0, math.log(rows) - float(spread) / float(rows)) if rows else None
    return judged(_metric(rule, "Entropy"), value, rule.condition)


def _primary_key(rule: Rule, subject: Subject) -> Steps:
    outcomes = [(yield from _uniqueness(rule, subject))]
    for name in rule.parameters:
        column = Rule("IsComplete", (name,), None, None, rule.where, rule.text)
        outcomes.append((yield from _completeness(column, subject)))
    return joined(outcomes)


def joined(outcomes: Sequence[Outcome]) -> Outcome:
    """All must pass; the metrics of all, the messages of those that did not."""
    metrics = {name: value for outcome in outcomes for name, value in outcome.metrics.items()}
    failed = [outcome for outcome in outcomes if outcome.result != "PASS"]
    if not failed:
        return Outcome("PASS", metrics)
    result = "ERROR" if any(outcome.result == "ERROR" for outcome in failed) else "FAIL"
    return Outcome(result, metrics, "; ".join(outcome.message or "" for outcome in failed))


def _statistic(metric: str, function: str) -> Evaluate:
    def evaluate(rule: Rule, subject: Subject) -> Steps:
        columns = [subject.table.column(name) for name in rule.parameters]
        for name in rule.parameters:
            if subject.table.family(name) != "number":
                raise wrong(f"{rule.kind} is of numbers; the column {name} is a {subject.table.family(name)}.")
        doubles = ", ".join(f"CAST({column} AS double)" for column in columns)
        (value,) = yield Aggregates((f"{function}({doubles})",), rule.where)
        return judged(_metric(rule, metric), value, rule.condition)

    return evaluate


def _compliance(rule: Rule, subject: Subject, test: str, metric: str, column: str) -> Steps:
    """The ratio of rows of which the test holds must meet the threshold, or be 1."""
    met, rows, known = yield Aggregates((f"count_if({test})", "count(*)", f"count({column})"), rule.where)
    outcome = judged(metric, ratio(met, rows), rule.threshold)
    if outcome.result == "FAIL" and rule.threshold is None and rows and met == known < rows:
        return Outcome("FAIL", outcome.metrics, unmet("NULL"))
    return outcome


def _column_values(rule: Rule, subject: Subject) -> Steps:
    name, condition = rule.parameters[0], _wanted(rule)
    column, family = subject.table.column(name), subject.table.family(name)
    test = row_condition(column, family, condition, subject.at)
    numeric = family == "number" and all(isinstance(operand, Number) for operand in condition.operands)
    if rule.threshold or not numeric or condition.operator not in _EXTREMES:
        metric = "PatternMatch" if condition.operator.endswith("matches") else "ColumnValues.Compliance"
        return (yield from _compliance(rule, subject, test, f"Column.{name}.{metric}", column))
    extremes = (f"min(CAST({column} AS double))", f"max(CAST({column} AS double))")
    low, high, known, rows = yield Aggregates((*extremes, f"count({column})", "count(*)"), rule.where)
    found = {"Minimum": low, "Maximum": high}
    outcomes = [judged(f"Column.{name}.{each}", found[each], condition) for each in _EXTREMES[condition.operator]]
    outcome = joined(outcomes[:1] if outcomes[0].result != "PASS" else outcomes)
    if outcome.result == "PASS" and known < rows:
        return Outcome("FAIL", outcome.metrics, unmet("NULL"))
    return outcome


def _column_length(rule: Rule, subject: Subject) -> Steps:
    name, condition = rule.parameters[0], _wanted(rule)
    column = subject.table.column(name)
    if subject.table.family(name) != "string":
        raise wrong(f"ColumnLength is of strings; the column {name} is a {subject.table.family(name)}.")
    length = f"length(coalesce(CAST({column} AS varchar), ''))"  # a null is as long as an empty string, as on AWS
    test = row_condition(length, "number", condition, subject.at)
    asked = (f"min({length})", f"max({length})", f"count_if({test})", "count(*)")
    low, high, met, rows = yield Aggregates(asked, rule.where)
    if not rows:
        return judged(f"Column.{name}.MaximumLength", None, None)
    metrics = {f"Column.{name}.MaximumLength": float(high), f"Column.{name}.MinimumLength": float(low)}
    if rule.threshold:
        outcome = judged(f"Column.{name}.ColumnValues.Compliance", ratio(met, rows), rule.threshold)
        return Outcome(outcome.result, {**metrics, **outcome.metrics}, outcome.message)
    if met == rows:
        return Outcome("PASS", metrics)
    value = float(high) if not meets(float(high), condition) else float(low)
    return Outcome("FAIL", metrics, unmet(value))


def _rows_passed(metric: str, met: Any, rows: Any, threshold: Condition | None) -> Outcome:
    outcome = judged(metric, ratio(met, rows), threshold)
    if outcome.result == "FAIL" and rows:
        message = f"{100 * float(met) / float(rows):.2f} % of rows passed the threshold"
        return Outcome("FAIL", outcome.metrics, message)
    return outcome


def _data_freshness(rule: Rule, subject: Subject) -> Steps:
    name = rule.parameters[0]
    column = subject.table.column(name)
    if subject.table.family(name) != "date":
        raise wrong(f"DataFreshness is of dates; the column {name} is a {subject.table.family(name)}.")
    test = age_condition(f"CAST({column} AS timestamp(3))", _wanted(rule), subject.at)
    met, rows = yield Aggregates((f"count_if({test})", "count(*)"), rule.where)
    return _rows_passed(f"Column.{name}.DataFreshness.Compliance", met, rows, rule.threshold)


def _column_data_type(rule: Rule, subject: Subject) -> Steps:
    name, condition = rule.parameters[0], _wanted(rule)
    column = subject.table.column(name)
    kinds = [operand.upper() for operand in condition.operands if isinstance(operand, str)]
    if condition.operator not in ("=", "in") or not kinds or set(kinds) - _CASTS.keys():
        raise wrong(f'ColumnDataType is compared by = or in with one of {", ".join(_CASTS)}, as in = "INTEGER".')
    if subject.table.family(name) != "string":
        raise NotSupported(f"ColumnDataType is evaluated for strings only; {name} has a type of its own in the catalog")
    test = " OR ".join(f"TRY_CAST({column} AS {_CASTS[kind]}) IS NOT NULL" for kind in kinds)
    met, rows = yield Aggregates((f"count_if({test})", "count(*)"), rule.where)
    return _rows_passed(f"Column.{name}.ColumnDataType.Compliance", met, rows, rule.threshold)


def _custom_sql(rule: Rule, subject: Subject) -> Steps:
    tables = {"primary": subject.table, **subject.references}
    shown = ", ".join(f"{quoted(alias)} AS (SELECT * {table.rows()})" for alias, table in tables.items())
    sql = rule.parameters[0].strip().rstrip(";")
    own = sql[4:] if sql[:4].lower() == "with" else None
    if rule.condition is not None:
        row = yield Query(f"WITH {shown}, {own}" if own else f"WITH {shown} {sql}")
        if len(row) != 1 or not hasattr(row[0], "as_integer_ratio"):
            raise wrong("CustomSql with a condition gives one number: one row, one column.")
        return judged("Dataset.*.CustomSQL", row[0], rule.condition)
    if own:
        raise NotSupported("CustomSql without a condition does not begin with WITH here; use a subquery")
    met, rows = yield Query(
        f"WITH {shown} SELECT (SELECT count(*) FROM ({sql}\n) AS passed), (SELECT count(*) {subject.table.rows()})"
    )
    return _rows_passed("Dataset.*.CustomSQL.Compliance", met, rows, rule.threshold)


def _wanted(rule: Rule) -> Condition:
    if rule.condition is None:
        raise wrong(f"{rule.kind} needs a condition, as in {rule.kind} … > 0.")
    return rule.condition


# name: how it is evaluated, how many parameters, whether it has a condition, and what more it takes
SINGLE: Mapping[str, tuple[Evaluate, range, bool | None, frozenset[str]]] = {
    "RowCount": (_row_count, range(1), True, frozenset({"where"})),
    "ColumnCount": (_column_count, range(1), True, frozenset()),
    "ColumnExists": (_column_exists, range(1, 2), False, frozenset()),
    "ColumnNamesMatchPattern": (_names_match, range(1, 2), False, frozenset()),
    "Completeness": (_completeness, range(1, 2), True, frozenset({"where"})),
    "IsComplete": (_completeness, range(1, 2), False, frozenset({"where"})),
    "Uniqueness": (_uniqueness, range(1, 30), True, frozenset({"where"})),
    "IsUnique": (_uniqueness, range(1, 30), False, frozenset({"where"})),
    "IsPrimaryKey": (_primary_key, range(1, 30), False, frozenset({"where"})),
    "UniqueValueRatio": (_unique_value_ratio, range(1, 30), True, frozenset({"where"})),
    "DistinctValuesCount": (_distinct, range(1, 2), True, frozenset({"where"})),
    "Entropy": (_entropy, range(1, 2), True, frozenset({"where"})),
    "Mean": (_statistic("Mean", "avg"), range(1, 2), True, frozenset({"where"})),
    "Sum": (_statistic("Sum", "sum"), range(1, 2), True, frozenset({"where"})),
    "StandardDeviation": (_statistic("StandardDeviation", "stddev_pop"), range(1, 2), True, frozenset({"where"})),
    "ColumnCorrelation": (_statistic("ColumnCorrelation", "corr"), range(2, 3), True, frozenset({"where"})),
    "ColumnValues": (_column_values, range(1, 2), True, frozenset({"where", "threshold"})),
    "ColumnLength": (_column_length, range(1, 2), True, frozenset({"where", "threshold"})),
    "ColumnDataType": (_column_data_type, range(1, 2), True, frozenset({"where", "threshold"})),
    "DataFreshness": (_data_freshness, range(1, 2), True, frozenset({"where", "threshold"})),
    "CustomSql": (_custom_sql, range(1, 2), None, frozenset({"threshold"})),
}
