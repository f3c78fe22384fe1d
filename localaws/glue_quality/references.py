"""The rule types of DQDL that compare the table with others, named by alias in the run's additional data sources."""

from __future__ import annotations

import re

from localaws.glue_quality.asking import Query, Steps, Subject, Table
from localaws.glue_quality.conditions import wrong
from localaws.glue_quality.language import Rule
from localaws.glue_quality.rules import judged, ratio

_SIDE = re.compile(r"\s*([\w-]+)\.(?:\{([^}]*)\}|(.+))\s*")


def referential_integrity(rule: Rule, subject: Subject) -> Steps:
    """``ReferentialIntegrity "a,b" "alias.{x,y}" = 1.0``: the ratio of rows whose columns are found in the other."""
    match = _SIDE.fullmatch(rule.parameters[1])
    if match is None:
        raise wrong(f"{rule.parameters[1]!r} is not of the form alias.column or alias.{{column,column}}.")
    other = _reference(subject, match[1])
    own = [subject.table.column(name.strip()) for name in rule.parameters[0].split(",")]
    theirs = [other.column(name.strip()) for name in (match[2] or match[3]).split(",")]
    if len(own) != len(theirs):
        raise wrong(f"{rule.parameters[0]!r} and {rule.parameters[1]!r} do not have as many columns.")
    keys = ", ".join(f"{column} AS k{number}" for number, column in enumerate(theirs))
    shown = ", ".join(f"{column} AS c{number}" for number, column in enumerate(own))
    equal = " AND ".join(f"p.c{number} = r.k{number}" for number in range(len(own)))
    row = yield Query(
        f"SELECT count(r.k0), count(*) FROM (SELECT {shown} {subject.table.rows(rule.where)}) AS p"
        f" LEFT JOIN (SELECT DISTINCT {keys} {other.rows()}) AS r ON {equal}"
    )
    return judged(f"Column.{match[1]}.ReferentialIntegrity", ratio(*row), rule.condition)


def row_count_match(rule: Rule, subject: Subject) -> Steps:
    """``RowCountMatch "alias" = 1.0``: the ratio of the numbers of rows."""
    alias = rule.parameters[0]
    other = _reference(subject, alias)
    row = yield Query(f"SELECT (SELECT count(*) {subject.table.rows()}), (SELECT count(*) {other.rows()})")
    return judged(f"Dataset.{alias}.RowCountMatch", ratio(*row), rule.condition)


def _reference(subject: Subject, alias: str) -> Table:
    if alias not in subject.references:
        raise wrong(f"There is no data source {alias!r}; name it in AdditionalDataSources of the run.")
    return subject.references[alias]
