"""What follows when an alarm changes its state: its actions, and an event on EventBridge."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, World
from localaws.lambda_.permissions import Sender
from localaws.messaging.courier import Courier, Parcel, Undelivered, compact, service_of

ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_REGION_NAME = "US East (N. Virginia)"

log = logging.getLogger(__name__)


class Actor:
    """Tells SNS topics, functions and EventBridge of changes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._courier = Courier(world)

    def changed(self, alarm: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        """Act on a change; ``before`` is the alarm as it was."""
        event = _event_detail(alarm, before)
        engine: Any = self._world.engines["events"]
        engine.put("aws.cloudwatch", "CloudWatch Alarm State Change", event, [alarm["AlarmArn"]])
        if not alarm["ActionsEnabled"]:
            return
        for arn in alarm[ACTIONS[alarm["StateValue"]]]:
            try:
                self._courier.send(arn, _parcel(arn, alarm, before, event))
            except Undelivered as error:
                log.error("the alarm %s could not tell %s: %s", alarm["AlarmName"], arn, error.message)


def _parcel(arn: str, alarm: Mapping[str, Any], before: Mapping[str, Any], event: Mapping[str, Any]) -> Parcel:
    if service_of(arn) == "lambda":
        payload = {
            "source": "aws.cloudwatch",
            "alarmArn": alarm["AlarmArn"],
            "accountId": ACCOUNT_ID,
            "time": _time(alarm["StateUpdatedTimestamp"]),
            "region": REGION,
            "alarmData": event,
        }
        return Parcel(compact(payload), sender=Sender("lambda.alarms.cloudwatch.amazonaws.com", alarm["AlarmArn"]))
    subject = f'{alarm["StateValue"]}: "{alarm["AlarmName"]}" in {_REGION_NAME}'
    return Parcel(json.dumps(_message(alarm, before)), subject=subject[:100])


def _message(alarm: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What a topic gets."""
    message = {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription"),
        "AWSAccountId": ACCOUNT_ID,
        "AlarmConfigurationUpdatedTimestamp": _time(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": alarm["StateValue"],
        "NewStateReason": alarm["StateReason"],
        "StateChangeTime": _time(alarm["StateUpdatedTimestamp"]),
        "Region": _REGION_NAME,
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": before["StateValue"],
        "OKActions": alarm["OKActions"],
        "AlarmActions": alarm["AlarmActions"],
        "InsufficientDataActions": alarm["InsufficientDataActions"],
    }
    if "AlarmRule" in alarm:
        return {**message, "AlarmRule": alarm["AlarmRule"]}
    trigger = {
        "Period": alarm.get("Period"),
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        "DatapointsToAlarm": alarm.get("DatapointsToAlarm"),
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": alarm["Threshold"],
        "TreatMissingData": alarm.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": "",
    }
    if "Metrics" in alarm:
        trigger = {**{key: value for key, value in trigger.items() if key != "Period"}, "Metrics": alarm["Metrics"]}
    else:
        dimensions = [{"value": each["Value"], "name": each["Name"]} for each in alarm.get("Dimensions") or ()]
        statistic = alarm.get("Statistic")
        kind = {"StatisticType": "Statistic", "Statistic": statistic.upper()} if statistic else {}
        kind = kind or {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": alarm["ExtendedStatistic"]}
        about = {"MetricName": alarm["MetricName"], "Namespace": alarm["Namespace"], **kind}
        trigger = {**about, "Unit": alarm.get("Unit"), "Dimensions": dimensions, **trigger}
    return {**message, "Trigger": trigger}


def _event_detail(alarm: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What EventBridge and functions get."""
    configuration: dict[str, Any] = {"description": alarm.get("AlarmDescription") or ""}
    if "AlarmRule" in alarm:
        configuration["alarmRule"] = alarm["AlarmRule"]
    elif "Metrics" in alarm:
        configuration["metrics"] = [_query(query) for query in alarm["Metrics"]]
    else:
        metric = {"namespace": alarm["Namespace"], "name": alarm["MetricName"]}
        stat = alarm.get("Statistic") or alarm["ExtendedStatistic"]
        dimensions = {each["Name"]: each["Value"] for each in alarm.get("Dimensions") or ()}
        described = {"metric": {**metric, "dimensions": dimensions}, "period": alarm["Period"], "stat": stat}
        configuration["metrics"] = [{"id": "m1", "metricStat": described, "returnData": True}]
    detail = {"alarmName": alarm["AlarmName"], "state": _state(alarm), "previousState": _state(before)}
    return {**detail, "configuration": configuration}


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
    if query.get("Expression"):
        return {**shown, "expression": query["Expression"], "label": query.get("Label", "")}
    stat = query["MetricStat"]
    dimensions = {each["Name"]: each["Value"] for each in stat["Metric"].get("Dimensions") or ()}
    metric = {"namespace": stat["Metric"]["Namespace"], "name": stat["Metric"]["MetricName"], "dimensions": dimensions}
    return {**shown, "metricStat": {"metric": metric, "period": stat["Period"], "stat": stat["Stat"]}}


def _state(alarm: Mapping[str, Any]) -> dict[str, Any]:
    shown = {"value": alarm["StateValue"], "reason": alarm["StateReason"]}
    if alarm.get("StateReasonData"):
        shown["reasonData"] = alarm["StateReasonData"]
    return {**shown, "timestamp": _time(alarm["StateUpdatedTimestamp"])}


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
