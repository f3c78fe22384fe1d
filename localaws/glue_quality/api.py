"""The API of Glue Data Quality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.core import AwsError, Call, Handler, World
from localaws.glue.paging import page
from localaws.glue_quality.rulesets import Rulesets, datetime_of, within
from localaws.glue_quality.runs import Runs

Json = dict[str, Any]

_TIMES = ("StartedOn", "LastModifiedOn", "CompletedOn")


class DataQuality:
    """Rulesets, their evaluation runs and results. Recommendations, statistics and anomalies are refused."""

    def __init__(self, world: World) -> None:
        self._rulesets = Rulesets(world)
        self._runs = Runs(world, self._rulesets)
        self.operations: Mapping[str, Handler] = {
            **self._rulesets.operations,
            "StartDataQualityRulesetEvaluationRun": self._start,
            "GetDataQualityRulesetEvaluationRun": self._get,
            "ListDataQualityRulesetEvaluationRuns": self._list,
            "CancelDataQualityRulesetEvaluationRun": self._cancel,
            "GetDataQualityResult": self._result,
            "BatchGetDataQualityResult": self._batch,
            "ListDataQualityResults": self._results,
        }

    def close(self) -> None:
        """End what runs, keep what was made."""
        self._runs.close()
        self._rulesets.close()

    def _start(self, call: Call) -> Json:
        return {"RunId": self._runs.start(dict(call.params))}

    def _get(self, call: Call) -> Json:
        run = _timed(self._runs.find(call.params["RunId"]))
        shown = {name: value for name, value in run.items() if name != "ClientToken"}
        return shown if shown["ResultIds"] else {name: value for name, value in shown.items() if name != "ResultIds"}

    def _list(self, call: Call) -> Json:
        wanted = call.params.get("Filter") or {}
        found = [
            run
            for run in self._runs.runs.all()
            if wanted.get("RulesetName") in (None, *run["RulesetNames"]) and _matches(run, wanted)
        ]
        shown, more = page(sorted(found, key=lambda run: -run["StartedOn"]), call.params)
        fields = ("RunId", "Status", "StartedOn", "DataSource")
        return {"Runs": [_timed({field: run[field] for field in fields}) for run in shown], **more}

    def _cancel(self, call: Call) -> Json:
        self._runs.cancel(call.params["RunId"])
        return {}

    def _result(self, call: Call) -> Json:
        result = self._runs.results.get(call.params["ResultId"])
        if result is None:
            raise AwsError("EntityNotFoundException", f"Data quality result {call.params['ResultId']} was not found.")
        return _timed(result)

    def _batch(self, call: Call) -> Json:
        names = call.params["ResultIds"]
        found = {name: self._runs.results.get(name) for name in names}
        missing = [name for name, result in found.items() if result is None]
        results = [_timed(result) for result in found.values() if result is not None]
        return {"Results": results, **({"ResultsNotFound": missing} if missing else {})}

    def _results(self, call: Call) -> Json:
        wanted = call.params.get("Filter") or {}
        of_jobs = wanted.get("JobName") or wanted.get("JobRunId")
        found = [result for result in self._runs.results.all() if not of_jobs and _matches(result, wanted)]
        shown, more = page(sorted(found, key=lambda result: -result["StartedOn"]), call.params)
        fields = ("ResultId", "DataSource", "StartedOn")
        return {"Results": [_timed({field: result[field] for field in fields}) for result in shown], **more}


def _matches(record: Json, wanted: Mapping[str, Any]) -> bool:
    source = wanted.get("DataSource")
    if source and _table(source) != _table(record["DataSource"]):
        return False
    return within(record["StartedOn"], wanted.get("StartedAfter"), wanted.get("StartedBefore"))


def _table(source: Mapping[str, Any]) -> tuple[str, str]:
    table = source.get("GlueTable") or source["DataQualityGlueTable"]
    return table["DatabaseName"], table["TableName"]


def _timed(record: Json) -> Json:
    return {name: datetime_of(value) if name in _TIMES else value for name, value in record.items()}
