"""From an event to one readable message: what, where, since when, what to do next, and a link.

Events are EventBridge's: of Glue's jobs, crawlers and data quality, of functions that failed in the background, of
CloudWatch's alarms, and our own (source ``millrace``: Airflow's callbacks, ``millrace.callbacks``). What is no cause
for alarm gives no alert. Nothing here does I/O.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from millrace import quality

SOURCE = "millrace"
_SUBJECT = 100  # characters, all ASCII: what SNS takes
_WHAT = 1500
# What differs from one occurrence of the same fault to the next: ids, times, numbers, what is quoted.
_VARYING = re.compile(r"[0-9a-f]{8,}|\d+|\"[^\"]*\"|'[^']*'")


@dataclass(frozen=True)
class Alert:
    """One message. kind and where say whose fault it is; what happened and since when (ISO 8601, UTC).

    next_step: what to do about it. link: where to see it. over: the fault that was told before has ended.
    """

    kind: str
    where: str
    what: str
    since: str
    next_step: str
    link: str
    over: bool = False

    @property
    def fingerprint(self) -> str:
        """Equal for alerts that tell the same again, whatever numbers and ids they name."""
        same = f"{self.kind}\n{self.where}"
        if self.kind != "Alarm":  # an alarm's reason is other numbers each time, and its end must find its begin
            same += "\n" + _VARYING.sub("#", self.what)
        return hashlib.sha256(same.encode()).hexdigest()[:24]

    def subject(self, again: int = 0) -> str:
        """The message's subject; again: how often it happened since it was last told."""
        repeated = f" (again, {again} times)" if again > 1 else " (again)" if again else ""
        text = f"{'Over: ' if self.over else ''}{self.kind}: {self.where}"
        room = _SUBJECT - len(repeated)
        return _ascii(text if len(text) <= room else text[: room - 3] + "...") + repeated

    def text(self, again: int = 0, first: str | None = None) -> str:
        """The message; again: as in ``subject``; first: when it happened for the first time."""
        lines = [f"What:  {self.what}", f"Where: {self.where}", f"Since: {first or self.since}"]
        if again:
            lines.append(
                f"Again: {again} {'times' if again > 1 else 'time'} since it was last told, latest {self.since}"
            )
        lines += [f"Next:  {self.next_step}", f"Link:  {self.link}"]
        return "\n".join(lines) + "\n"


def read(event: Mapping[str, Any]) -> Alert | None:
    """The alert of an event; None where there is nothing to tell. ValueError for an event of no known kind."""
    kind = (str(event.get("source")), str(event.get("detail-type")))
    if kind not in _READERS:
        raise ValueError(f"no alert is known for events of {kind}; the rules that send them are in infra/resources")
    return _READERS[kind](event)


def _job(event: Mapping[str, Any]) -> Alert | None:
    detail = event["detail"]
    if detail["state"] not in ("FAILED", "TIMEOUT", "ERROR"):
        return None
    name, run = detail["jobName"], detail["jobRunId"]
    return Alert(
        kind="Glue job failed",
        where=name,
        what=_short(detail.get("message") or detail["state"]),
        since=event["time"],
        next_step=f"Read the run's log, mend what it names, and start the job again; a load that was cut off leaves"
        f" nothing half published. aws glue get-job-run --job-name {name} --run-id {run}",
        link=_console(event, f"gluestudio/home?region={event['region']}#/job/{name}/run/{run}"),
    )


def _crawler(event: Mapping[str, Any]) -> Alert | None:
    detail = event["detail"]
    if detail["state"] != "Failed":
        return None
    name = detail["crawlerName"]
    return Alert(
        kind="Glue crawler failed",
        where=name,
        what=_short(detail.get("errorMessage") or detail.get("message") or "The crawl failed."),
        since=event["time"],
        next_step="Tables show no new partitions until a crawl succeeds: mend what the log names, then"
        f" aws glue start-crawler --name {name}",
        link=detail.get("cloudWatchLogLink")
        or _console(event, f"glue/home?region={event['region']}#/v2/data-catalog/crawlers/view/{name}"),
    )


def _quality(event: Mapping[str, Any]) -> Alert | None:
    detail = event["detail"]
    if detail["state"] != "FAILED":
        return None
    context, failed = detail["context"], detail["numRulesFailed"]
    every = failed + detail["numRulesSucceeded"]
    table = ".".join(filter(None, (context.get("databaseName"), context.get("tableName")))) or context.get("jobName")
    broken = "; ".join(detail.get("failedRules") or ())
    held = any(map(quality.stops, detail["rulesetNames"]))
    return Alert(
        kind="Data quality" if held else "Data quality warns",
        where=f"{table} by {', '.join(detail['rulesetNames'])}",
        what=_short(f"{failed} of {every} rules failed{': ' + broken if broken else ''}."),
        since=event["time"],
        next_step="See which rules failed and by how much; "
        + ("nothing of this load was published." if held else "the load was published all the same.")
        + f" aws glue get-data-quality-result --result-id {detail['resultId']}",
        link=_console(
            event,
            f"gluestudio/home?region={event['region']}#/data-catalog/tables/evaluation-run-details/{table}",
        ),
    )


def _function(event: Mapping[str, Any]) -> Alert:
    detail = event["detail"]
    name = detail["requestContext"]["functionArn"].split(":function:")[1].partition(":")[0]
    answer = detail.get("responsePayload") or {}
    error = answer.get("errorMessage") if isinstance(answer, dict) else None
    tries = detail["requestContext"]["approximateInvokeCount"]
    return Alert(
        kind="Function failed",
        where=name,
        what=_short(f"{error or detail['requestContext']['condition']} ({tries} tries)"),
        since=detail.get("timestamp") or event["time"],
        next_step="The event was not done. Read the log, mend the cause, and send the event again:"
        f" aws lambda invoke --function-name {name}, with the payload that the log shows",
        link=_console(
            event,
            f"cloudwatch/home?region={event['region']}#logsV2:log-groups/log-group/$252Faws$252Flambda$252F{name}",
        ),
    )


def _alarm(event: Mapping[str, Any]) -> Alert | None:
    detail = event["detail"]
    state, name = detail["state"], detail["alarmName"]
    if state["value"] not in ("ALARM", "OK"):
        return None
    described = (detail.get("configuration") or {}).get("description")
    return Alert(
        kind="Alarm",
        where=name,
        what=_short(f"{described + '. ' if described else ''}{state['reason']}"),
        since=state.get("timestamp") or event["time"],
        next_step="Nothing." if state["value"] == "OK" else "Look at the metric and at what it counts.",
        link=_console(event, f"cloudwatch/home?region={event['region']}#alarmsV2:alarm/{name}"),
        over=state["value"] == "OK",
    )


# Tasks by which a pipeline holds back what is not right: what it is called, and what to do about it.
_GUARDS = {
    "reconcile": ("Rows are missing", "The load is not published. Mend or remove the files that are named, run again."),
    "ledger": ("Rows are missing", "The load is not published. Look at the run's ledger rows, mend, run again."),
    "gate": ("Data check failed", "Nothing was refreshed. Look at the rows that the check names, mend, run again."),
    "rules": ("Data check failed", "Nothing was published. Look at the rows that break the rule, mend, run again."),
    "same_numbers": (
        "Numbers differ",
        "Athena has what was published. Delete the partitions that are named from loaded_partitions in Redshift; the"
        " next run loads them again.",
    ),
}


def _task(event: Mapping[str, Any]) -> Alert:
    detail = event["detail"]
    kind, next_step = _GUARDS.get(
        detail["task"],
        ("Task failed", "Read the task's log, mend the cause, and clear the task: no row is loaded twice."),
    )
    return Alert(
        kind=kind,
        where=f"{detail['dag']}.{detail['task']}",
        what=_short(f"{detail['error']} (run {detail['run']}, try {detail['try']})"),
        since=detail["since"],
        next_step=next_step,
        link=detail["link"],
    )


def _late(event: Mapping[str, Any]) -> Alert:
    detail = event["detail"]
    return Alert(
        kind="Run is late",
        where=detail["dag"],
        what=_short(f"The run {detail['run']} has not ended by its deadline, {detail['deadline']}."),
        since=detail["deadline"],
        next_step="Look at which task it is in: whether it runs, waits for files, or waits for a free slot.",
        link=detail["link"],
    )


def _told(event: Mapping[str, Any]) -> Alert:
    """Our own events that are alerts already, such as those of the watch on freshness and volume."""
    detail = event["detail"]
    return Alert(
        kind=detail["kind"],
        where=detail["where"],
        what=_short(detail["what"]),
        since=detail["since"],
        next_step=detail["next"],
        link=detail.get("link") or _console(event, f"athena/home?region={event['region']}#/query-editor"),
        over=detail.get("over", False),
    )


_READERS: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], Alert | None]] = {
    ("aws.glue", "Glue Job State Change"): _job,
    ("aws.glue", "Glue Crawler State Change"): _crawler,
    ("aws.glue-dataquality", "Data Quality Evaluation Results Available"): _quality,
    ("lambda", "Lambda Function Invocation Result - Failure"): _function,
    ("aws.cloudwatch", "CloudWatch Alarm State Change"): _alarm,
    (SOURCE, "Task Failed"): _task,
    (SOURCE, "Run Late"): _late,
    (SOURCE, "Alert"): _told,
}


def _console(event: Mapping[str, Any], page: str) -> str:
    return f"https://{event['region']}.console.aws.amazon.com/{page}"


def _short(text: str) -> str:
    text = " ".join(str(text).split())
    return text if len(text) <= _WHAT else text[: _WHAT - 4] + " ..."


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()
