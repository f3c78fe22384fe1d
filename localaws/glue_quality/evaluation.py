"""Evaluates a ruleset: which rule types there are, what each takes, and composites."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from localaws.core import AwsError, NotSupported
from localaws.glue_quality.asking import Execute, MissingColumn, Outcome, Steps, Subject, answered
from localaws.glue_quality.language import AnyRule, Composite, Rule
from localaws.glue_quality.parser import parse
from localaws.glue_quality.references import referential_integrity, row_count_match
from localaws.glue_quality.rules import SINGLE, joined

KINDS = {
    **SINGLE,
    "ReferentialIntegrity": (referential_integrity, range(2, 3), True, frozenset({"where"})),
    "RowCountMatch": (row_count_match, range(1, 2), True, frozenset[str]()),
}
_REFUSED = {
    "AggregateMatch": "write it as CustomSql",
    "AllStatistics": "it is an analyzer",
    "DatasetMatch": "write it as CustomSql",
    "SchemaMatch": "write ColumnExists for each column",
    "DetectAnomalies": "it learns from former runs",
    "DetectPII": "there is no detector of personal data here",
    "FileFreshness": "write DataFreshness of a column",
    "FileMatch": "files are not read here, tables are",
    "FileSize": "files are not read here, tables are",
    "FileUniqueness": "files are not read here, tables are",
}


def read(text: str) -> list[AnyRule]:
    """The rules of a ruleset, each checked. Raises InvalidInputException, or NotSupported for what is not done here."""
    rules = parse(text, lambda name: name in KINDS or name in _REFUSED)
    for rule in rules:
        _check(rule)
    return rules


def evaluate(rules: Sequence[AnyRule], subject: Subject, execute: Execute, pause: Callable[[], None]) -> list[Outcome]:
    """The outcomes of the rules, in their order."""
    return answered([_steps(rule, subject) for rule in rules], subject.table, execute, pause)


def _steps(rule: AnyRule, subject: Subject) -> Steps:
    if isinstance(rule, Rule):
        return (yield from KINDS[rule.kind][0](rule, subject))
    outcomes = []
    for part in rule.parts:
        try:
            outcomes.append((yield from _steps(part, subject)))
        except MissingColumn as missing:
            outcomes.append(Outcome("FAIL", message=str(missing)))
        except (AwsError, ValueError) as error:
            outcomes.append(Outcome("ERROR", message=str(error)))
    whole = joined(outcomes)
    if rule.operator == "or" and any(outcome.result == "PASS" for outcome in outcomes):
        return Outcome("PASS", whole.metrics)
    return whole


def _check(rule: AnyRule) -> None:
    if isinstance(rule, Composite):
        for part in rule.parts:
            _check(part)
        return
    if rule.kind in _REFUSED:
        raise NotSupported(f"DQDL: {rule.kind} is not done by the embedded Glue ({_REFUSED[rule.kind]})")
    _, parameters, conditional, more = KINDS[rule.kind]
    if len(rule.parameters) not in parameters:
        few, many = parameters[0], parameters[-1]
        wanted = str(few) if few == many else f"{few} to {many}"
        raise _wrong(rule, f"has {len(rule.parameters)} parameters in quotation marks; it takes {wanted}")
    if conditional is not None and conditional != (rule.condition is not None):
        raise _wrong(rule, "needs a condition" if conditional else "takes no condition")
    if rule.where is not None and "where" not in more:
        raise _wrong(rule, "takes no where")
    if rule.threshold is not None and "threshold" not in more:
        raise _wrong(rule, "takes no threshold")


def _wrong(rule: Rule, what: str) -> AwsError:
    return AwsError("InvalidInputException", f"Parsing Error: {rule.kind} {what}: {rule.text}")
