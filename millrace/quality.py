"""Rules of Glue Data Quality, judged: a broken rule stops a load, unless its ruleset only warns, as its name says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WARNS = "_warns"


def stops(ruleset: str) -> bool:
    """Whether nothing is published where a rule of this ruleset is broken: not if its name ends in ``_warns``."""
    return not ruleset.endswith(_WARNS)


def checks(glue: Any, run: str) -> list[dict[str, str]]:
    """The rules that an evaluation run looked at, as data checks: check_name, severity, ok, detail."""
    ids = glue.get_data_quality_ruleset_evaluation_run(RunId=run)["ResultIds"]
    results = glue.batch_get_data_quality_result(ResultIds=ids)["Results"]
    return [_check(result["RulesetName"], rule) for result in results for rule in result["RuleResults"]]


def _check(ruleset: str, rule: Mapping[str, Any]) -> dict[str, str]:
    measured = ", ".join(f"{name} {value:g}" for name, value in sorted(rule.get("EvaluatedMetrics", {}).items()))
    detail = "; ".join(filter(None, (rule.get("EvaluationMessage"), measured)))
    return {
        "check_name": rule["Description"],
        "severity": "error" if stops(ruleset) else "warning",
        "ok": "true" if rule["Result"] == "PASS" else "false",
        "detail": detail or rule["Result"].lower(),
    }
