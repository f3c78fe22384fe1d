"""What state an alarm is in: by its periods' values, by how missing ones are treated, by other alarms' states."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localaws.cloudwatch.metrics_api import MetricsApi, checked_period, key_of
from localaws.core import AwsError

OK, ALARM, UNKNOWN = "OK", "ALARM", "INSUFFICIENT_DATA"
COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
MISSING = ("missing", "ignore", "breaching", "notBreaching")
_MORE_PERIODS = 2
_TOKEN = re.compile(r'\s*(?:(AND|OR|NOT|TRUE|FALSE|\(|\))|(ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*("?)([^")]+)\3\s*\))')


@dataclass(frozen=True)
class Finding:
    """The state that an alarm should have, None to leave it as it is, and why."""

    state: str | None
    reason: str


def period_of(alarm: Mapping[str, Any]) -> int:
    """The seconds of an alarm's periods."""
    for query in alarm.get("Metrics") or ():
        if query.get("MetricStat"):
            return checked_period(query["MetricStat"]["Period"])
    return checked_period(alarm["Period"])


def judge(alarm: Mapping[str, Any], api: MetricsApi, now: float) -> Finding:
    """The state of a metric alarm by what was measured before ``now``, in whole periods."""
    period = period_of(alarm)
    step = min(period, 60)
    end = now // step * step
    wanted: int = alarm["EvaluationPeriods"]
    start = end - period * (wanted + _MORE_PERIODS)
    points = _points(alarm, api, start, end, period)
    slots = [int(start) + period * number for number in range(wanted + _MORE_PERIODS)]
    found = [(moment, points[moment]) for moment in slots if moment in points][-wanted:]
    compare, words = COMPARISONS[alarm["ComparisonOperator"]]
    breaching = [(moment, value) for moment, value in found if compare(value, alarm["Threshold"])]
    needed = alarm.get("DatapointsToAlarm") or wanted
    state = _state(len(found), len(breaching), wanted, needed, alarm.get("TreatMissingData") or "missing")
    return Finding(state, _reason(alarm, found, breaching, words, needed, state))


def _points(alarm: Mapping[str, Any], api: MetricsApi, start: float, end: float, period: int) -> Mapping[int, float]:
    queries = alarm.get("Metrics")
    if not queries:
        stat = alarm.get("Statistic") or alarm["ExtendedStatistic"]
        return api.points(key_of(alarm), stat, start, end, period, alarm.get("Unit"))
    known = api.query(queries, start, end)
    return known[next(query["Id"] for query in queries if query.get("ReturnData", True) is not False)]


def _state(existing: int, breaching: int, wanted: int, needed: int, missing: str) -> str | None:
    """As CloudWatch's documentation has it: what is missing counts only where too few values are there."""
    if not existing:
        return {"missing": UNKNOWN, "ignore": None, "breaching": ALARM, "notBreaching": OK}[missing]
    if breaching >= needed:
        return ALARM
    if existing >= wanted or missing == "notBreaching":
        return OK
    if missing == "breaching":
        return ALARM if breaching + wanted - existing >= needed else OK
    if breaching < existing:
        return OK
    return ALARM if missing == "missing" else None


def _reason(
    alarm: Mapping[str, Any],
    found: Sequence[tuple[int, float]],
    breaching: Sequence[tuple[int, float]],
    words: str,
    needed: int,
    state: str | None,
) -> str:
    threshold = f"threshold ({float(alarm['Threshold'])})"
    if not found:
        treated = alarm.get("TreatMissingData") or "missing"
        if state == UNKNOWN:
            return "Insufficient Data: no datapoints were received."
        return f"no datapoints were received for {alarm['EvaluationPeriods']} periods, which are treated as {treated}."
    shown = breaching if state == ALARM and breaching else found
    values = ", ".join(f"{value} ({datetime.fromtimestamp(at, UTC):%d/%m/%y %H:%M:%S})" for at, value in shown[::-1])
    count, last = len(shown), alarm["EvaluationPeriods"]
    was = ("was" if count == 1 else "were") + (" " if state == ALARM else " not ")
    change = "OK -> ALARM" if state == ALARM else "ALARM -> OK"
    to = f"minimum {needed} datapoint{'s' if needed > 1 else ''} for {change}"
    return (
        f"Threshold Crossed: {count} out of the last {last} datapoints [{values}] {was}{words} "
        f"the {threshold} ({to} transition)."
    )


def compile_rule(rule: str) -> Callable[[Mapping[str, str]], bool]:
    """A composite alarm's rule as a function of the states of all alarms, by name."""
    tokens: list[tuple[str, str]] = []
    place = 0
    while place < len(rule.rstrip()):
        match = _TOKEN.match(rule, place)
        if match is None:
            raise AwsError("ValidationError", f"Error in AlarmRule at position {place}: {rule[place : place + 30]!r}")
        tokens.append((match[1] or match[2], match[4] or ""))
        place = match.end()
    parser = _Rule(tokens)
    found = parser.either()
    if parser.tokens:
        raise AwsError("ValidationError", f"Error in AlarmRule: {parser.tokens[0][0]} is not expected there.")
    return found


class _Rule:
    """A parser by descent: OR binds least, then AND, then NOT."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens

    def either(self) -> Callable[[Mapping[str, str]], bool]:
        parts = [self._both()]
        while self._take("OR"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda states: any(part(states) for part in parts)

    def _both(self) -> Callable[[Mapping[str, str]], bool]:
        parts = [self._one()]
        while self._take("AND"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda states: all(part(states) for part in parts)

    def _one(self) -> Callable[[Mapping[str, str]], bool]:
        if self._take("NOT"):
            inner = self._one()
            return lambda states: not inner(states)
        if self._take("("):
            inner = self.either()
            if not self._take(")"):
                raise AwsError("ValidationError", "Error in AlarmRule: a parenthesis is not closed.")
            return inner
        for word, value in (("TRUE", True), ("FALSE", False)):
            if self._take(word):
                return lambda states, value=value: value  # type: ignore[misc]
        if not self.tokens or self.tokens[0][0] not in (ALARM, OK, UNKNOWN):
            raise AwsError("ValidationError", "Error in AlarmRule: ALARM(name), OK(name) or a parenthesis is missing.")
        wanted, name = self.tokens.pop(0)
        plain = name.rpartition(":alarm:")[2]
        return lambda states: states.get(plain, UNKNOWN) == wanted

    def _take(self, word: str) -> bool:
        if self.tokens and self.tokens[0][0] == word:
            self.tokens.pop(0)
            return True
        return False


def children_of(rule: str) -> set[str]:
    """The alarms that a rule names."""
    return {match[4].rpartition(":alarm:")[2] for match in _TOKEN.finditer(rule) if match[4]}
