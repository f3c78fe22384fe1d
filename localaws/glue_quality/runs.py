"""Evaluation runs: each in a thread of its own, their results kept on disk and told as events."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from localaws.core import ACCOUNT_ID, AwsError, NotSupported, World
from localaws.documents import Documents
from localaws.glue_quality.asking import Outcome, Subject
from localaws.glue_quality.evaluation import evaluate, read
from localaws.glue_quality.language import AnyRule
from localaws.glue_quality.rulesets import Rulesets
from localaws.glue_quality.sources import table_of

Json = dict[str, Any]

ENDED = ("STOPPED", "SUCCEEDED", "FAILED", "TIMEOUT")
_DAYS_2 = 2880  # minutes: the timeout where none is given
_MESSAGE = 2048

log = logging.getLogger(__name__)


class _Ended(Exception):
    """The run is to end before its rules are through; the argument is its status."""


class Runs:
    """The runs and results by id; times in records are seconds since 1970."""

    def __init__(self, world: World, rulesets: Rulesets) -> None:
        self._world = world
        self._rulesets = rulesets
        self.runs = Documents(world.data / "glue" / "quality_runs")
        self.results = Documents(world.data / "glue" / "quality_results")
        self._lock = threading.RLock()
        self._threads: dict[str, threading.Thread] = {}
        self._stopping: set[str] = set()
        for run in self.runs.all():
            if run["Status"] not in ENDED:
                self._change(run["RunId"], Status="FAILED", ErrorString="The embedded AWS ended during the run.")

    def start(self, given: Json) -> str:
        """Begin a run. Raises EntityNotFoundException for a table or ruleset that is not there."""
        options = given.get("AdditionalRunOptions") or {}
        for name in ("ResultsS3Prefix", "CustomLogGroupPrefix"):
            if options.get(name):
                raise NotSupported(f"AdditionalRunOptions: {name} is not done by the embedded Glue; ask for the result")
        if options.get("CloudWatchMetricsEnabled"):
            raise NotSupported("CloudWatchMetricsEnabled: no metrics are sent; take the event of the result")
        if options.get("CompositeRuleEvaluationMethod", "COLUMN") != "COLUMN":
            raise NotSupported("CompositeRuleEvaluationMethod: composites are evaluated by COLUMN only, not by ROW")
        table_of(self._world.catalog, given["DataSource"])
        for source in (given.get("AdditionalDataSources") or {}).values():
            table_of(self._world.catalog, source)
        names = given["RulesetNames"]
        texts = {name: self._rulesets.find(name)["Ruleset"] for name in names}
        with self._lock:
            token = given.get("ClientToken")
            same = next((run for run in self.runs.all() if token and run.get("ClientToken") == token), None)
            if same:
                return str(same["RunId"])
            run_id = f"dqrun-{hashlib.sha1(uuid.uuid4().bytes, usedforsecurity=False).hexdigest()}"
            fields = ("DataSource", "Role", "NumberOfWorkers", "AdditionalRunOptions", "AdditionalDataSources")
            now = time.time()
            run = {
                **{field: given[field] for field in fields if given.get(field)},
                "RunId": run_id,
                "ClientToken": token,
                "Timeout": given.get("Timeout") or _DAYS_2,
                "Status": "STARTING",
                "StartedOn": now,
                "LastModifiedOn": now,
                "RulesetNames": list(names),
                "ResultIds": [],
            }
            self.runs.save(run_id, run)
            thread = threading.Thread(target=self._run, args=(run_id, texts), name=f"glue-{run_id[:12]}", daemon=True)
            self._threads[run_id] = thread
        thread.start()
        return run_id

    def find(self, run_id: str) -> Json:
        """The run. Raises EntityNotFoundException."""
        run = self.runs.get(run_id)
        if run is None:
            raise AwsError("EntityNotFoundException", f"Data quality ruleset evaluation run {run_id} was not found.")
        return run

    def cancel(self, run_id: str) -> None:
        """Let a run end before its next statement; one that has ended stays as it is."""
        with self._lock:
            if self.find(run_id)["Status"] not in ENDED:
                self._stopping.add(run_id)
                self._change(run_id, Status="STOPPING")

    def close(self) -> None:
        """End the runs that are under way."""
        with self._lock:
            threads = list(self._threads.values())
            for run_id in self._threads:
                self._stopping.add(run_id)
        for thread in threads:
            thread.join(10)

    def _run(self, run_id: str, texts: dict[str, str]) -> None:
        try:
            with self._lock:
                if run_id not in self._stopping:
                    self._change(run_id, Status="RUNNING")
            results = [self._evaluate(run_id, name, text) for name, text in texts.items()]
            with self._lock:
                for result in results:
                    self.results.save(result["ResultId"], result)
                self._end(run_id, "SUCCEEDED", ResultIds=[result["ResultId"] for result in results])
            for result in results:
                self._tell(result)
        except _Ended as ended:
            self._end(run_id, str(ended))
        except Exception as error:
            log.exception("data quality run %s", run_id)
            self._end(run_id, "FAILED", ErrorString=f"{type(error).__name__}: {error}")
        finally:
            with self._lock:
                self._threads.pop(run_id, None)
                self._stopping.discard(run_id)

    def _evaluate(self, run_id: str, name: str, text: str) -> Json:
        run, started = self.find(run_id), time.time()
        deadline = run["StartedOn"] + 60 * run["Timeout"]

        def pause() -> None:
            if run_id in self._stopping:
                raise _Ended("STOPPED")
            if time.time() > deadline:
                raise _Ended("TIMEOUT")

        catalog = self._world.catalog
        references = {alias: table_of(catalog, each) for alias, each in run.get("AdditionalDataSources", {}).items()}
        table = table_of(catalog, run["DataSource"])
        rules = read(text)
        subject = Subject(table, references, datetime.now(UTC))
        outcomes = evaluate(rules, subject, lambda sql: self._query(sql, table.database), pause)
        passed = sum(outcome.result == "PASS" for outcome in outcomes)
        return {
            "ResultId": f"dqresult-{hashlib.sha1(f'{run_id}/{name}'.encode(), usedforsecurity=False).hexdigest()}",
            "Score": passed / len(outcomes),
            "DataSource": run["DataSource"],
            "RulesetName": name,
            "StartedOn": started,
            "CompletedOn": time.time(),
            "RulesetEvaluationRunId": run_id,
            "RuleResults": rule_results(rules, outcomes),
            "AggregatedMetrics": {
                "TotalRulesProcessed": float(len(outcomes)),
                "TotalRulesPassed": float(passed),
                "TotalRulesFailed": float(len(outcomes) - passed),
            },
        }

    def _query(self, sql: str, database: str) -> Sequence[Sequence[Any]]:
        athena: Any = self._world.engines["athena"]
        return list(athena.execute(sql, database).rows)

    def _tell(self, result: Json) -> None:
        source = result["DataSource"].get("GlueTable") or result["DataSource"]["DataQualityGlueTable"]
        counts = {
            kind: sum(each["Result"] == kind for each in result["RuleResults"]) for kind in ("PASS", "FAIL", "ERROR")
        }
        detail = {
            "resultId": result["ResultId"],
            "context": {
                "contextType": "GLUE_DATA_CATALOG",
                "catalogId": source.get("CatalogId", ACCOUNT_ID),
                "databaseName": source["DatabaseName"],
                "tableName": source["TableName"],
                "runId": result["RulesetEvaluationRunId"],
            },
            "rulesetNames": [result["RulesetName"]],
            "state": "SUCCEEDED" if counts["PASS"] == len(result["RuleResults"]) else "FAILED",
            "score": result["Score"],
            "numRulesSucceeded": counts["PASS"],
            "numRulesFailed": counts["FAIL"] + counts["ERROR"],
            "numRulesSkipped": 0,
        }
        events: Any = self._world.engines["events"]
        events.put("aws.glue-dataquality", "Data Quality Evaluation Results Available", detail)

    def _end(self, run_id: str, status: str, **fields: Any) -> None:
        with self._lock:
            now = time.time()
            seconds = round(now - self.find(run_id)["StartedOn"])
            self._change(run_id, Status=status, CompletedOn=now, ExecutionTime=seconds, **fields)

    def _change(self, run_id: str, **fields: Any) -> None:
        with self._lock:
            self.runs.save(run_id, {**self.find(run_id), **fields, "LastModifiedOn": time.time()})


def rule_results(rules: Sequence[AnyRule], outcomes: Sequence[Outcome]) -> list[Json]:
    """The outcomes in the shape of GetDataQualityResult."""
    shown = []
    for number, (rule, outcome) in enumerate(zip(rules, outcomes, strict=True), 1):
        result: Json = {
            "Name": f"Rule_{number}",
            "Description": rule.text[:_MESSAGE],
            "Result": outcome.result,
            "EvaluatedMetrics": dict(outcome.metrics),
            "EvaluatedRule": rule.text[:_MESSAGE],
        }
        if outcome.message:
            result["EvaluationMessage"] = outcome.message[:_MESSAGE]
        shown.append(result)
    return shown
