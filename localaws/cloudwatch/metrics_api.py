"""The operations that put and read metrics."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from localaws.cloudwatch.expressions import Points, evaluate
from localaws.cloudwatch.series import STATISTICS, Bucket, Key, Metrics, dimensions_of, invalid, percentile_of
from localaws.core import AwsError, Call, Handler, NotSupported

_MAX_POINTS = 1440


class MetricsApi:
    """Handlers of requests about metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.operations: Mapping[str, Handler] = {
            "PutMetricData": self.put,
            "GetMetricStatistics": self.statistics,
            "GetMetricData": self.data,
            "ListMetrics": self.list_metrics,
        }

    def put(self, call: Call) -> None:
        """PutMetricData."""
        namespace = call.params["Namespace"]
        if call.params.get("EntityMetricData"):
            raise NotSupported("EntityMetricData is refused: give MetricData, entities are not kept.")
        if namespace.startswith("AWS/"):
            raise invalid("The value AWS/ for parameter Namespace is invalid.")
        data = call.params.get("MetricData") or ()
        if not 1 <= len(data) <= 1000:
            raise invalid("MetricData must hold 1 to 1000 members.")
        # All are read before one is kept: a request that is refused leaves nothing behind.
        read = [_datum(number, datum) for number, datum in enumerate(data, 1)]
        for datum, moment, bucket in read:
            key = (namespace, datum["MetricName"], dimensions_of(datum.get("Dimensions")))
            self._metrics.record(key, moment, bucket, fine=datum.get("StorageResolution") == 1)

    def statistics(self, call: Call) -> Mapping[str, Any]:
        """GetMetricStatistics."""
        params = call.params
        names = [*(params.get("Statistics") or ()), *(params.get("ExtendedStatistics") or ())]
        if not names:
            raise AwsError(
                "InvalidParameterCombination", "At least one of Statistics or ExtendedStatistics must be given."
            )
        start, end = _span(params)
        period = checked_period(params["Period"])
        if (end - start) / period > _MAX_POINTS:
            message = f"You have requested up to {(end - start) / period:.0f} datapoints, which exceeds the limit of "
            raise AwsError("InvalidParameterCombination", f"{message}{_MAX_POINTS}. You may reduce the datapoints.")
        key = (params["Namespace"], params["MetricName"], dimensions_of(params.get("Dimensions")))
        found = self._metrics.read(key, _aligned(start, period), end, period, params.get("Unit"))
        points = []
        for moment, bucket in found.items():
            point: dict[str, Any] = {"Timestamp": datetime.fromtimestamp(moment, UTC), "Unit": bucket.unit}
            point |= {name: bucket.statistic(name) for name in names if name in STATISTICS}
            extended = {name: bucket.statistic(name) for name in names if name not in STATISTICS}
            if extended:
                point["ExtendedStatistics"] = {name: value for name, value in extended.items() if value is not None}
            points.append(point)
        return {"Label": params["MetricName"], "Datapoints": points}

    def data(self, call: Call) -> Mapping[str, Any]:
        """GetMetricData: metrics, and arithmetic over them."""
        start, end = _span(call.params)
        queries = call.params["MetricDataQueries"]
        known = self.query(queries, start, end)
        newest_first = call.params.get("ScanBy") != "TimestampAscending"
        results = []
        for query in queries:
            if query.get("ReturnData") is False:
                continue
            points = sorted(known[query["Id"]].items(), reverse=newest_first)
            stat = query.get("MetricStat")
            results.append(
                {
                    "Id": query["Id"],
                    "Label": query.get("Label") or (stat["Metric"]["MetricName"] if stat else query["Id"]),
                    "Timestamps": [datetime.fromtimestamp(moment, UTC) for moment, _ in points],
                    "Values": [value for _, value in points],
                    "StatusCode": "Complete",
                }
            )
        return {"MetricDataResults": results, "Messages": []}

    def query(self, queries: Sequence[Mapping[str, Any]], start: float, end: float) -> dict[str, Points]:
        """The points of each query by its id."""
        found: dict[str, Points] = {}
        for query in queries:
            if stat := query.get("MetricStat"):
                found[query["Id"]] = self.points(key_of(stat["Metric"]), stat["Stat"], start, end, stat["Period"])
        # An expression may name another that stands before or behind it.
        waiting = [query for query in queries if not query.get("MetricStat")]
        while waiting:
            ready = [each for each in waiting if not _names(each, waiting)]
            if not ready:
                raise AwsError("ValidationError", "The expressions of the request name each other in a circle.")
            for query in ready:
                found[query["Id"]] = evaluate(query.get("Expression") or "", found)
            waiting = [each for each in waiting if each not in ready]
        return found

    def points(self, key: Key, stat: str, start: float, end: float, period: int, unit: str | None = None) -> Points:
        """The values of one statistic by the start of each period."""
        period = checked_period(period)
        read = self._metrics.read(key, _aligned(start, period), end, period, unit)
        values = {moment: bucket.statistic(stat) for moment, bucket in read.items()}
        return {moment: value for moment, value in values.items() if value is not None}

    def list_metrics(self, call: Call) -> Mapping[str, Any]:
        """ListMetrics."""
        params = call.params
        wanted = [(each["Name"], each.get("Value")) for each in params.get("Dimensions") or ()]
        found = []
        for namespace, name, dimensions in self._metrics.all():
            held = dict(dimensions)
            if params.get("Namespace") not in (None, namespace) or params.get("MetricName") not in (None, name):
                continue
            if all(key in held and value in (None, held[key]) for key, value in wanted):
                shown = [{"Name": key, "Value": value} for key, value in dimensions]
                found.append({"Namespace": namespace, "MetricName": name, "Dimensions": shown})
        first = int(params.get("NextToken") or 0)
        answer: dict[str, Any] = {"Metrics": found[first : first + 500]}
        return answer if len(found) <= first + 500 else {**answer, "NextToken": str(first + 500)}


def key_of(metric: Mapping[str, Any]) -> Key:
    """The series that a metric in the API's shape names."""
    return metric["Namespace"], metric["MetricName"], dimensions_of(metric.get("Dimensions"))


def check_statistic(name: str) -> None:
    """Raise where a statistic is not computed."""
    if name not in STATISTICS:
        percentile_of(name)


def checked_period(period: int) -> int:
    """The period, if it is one that CloudWatch has."""
    if period not in (1, 5, 10, 20, 30) and (period < 60 or period % 60):
        raise invalid(f"The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60, not {period}.")
    return period


def _datum(number: int, datum: Mapping[str, Any]) -> tuple[Mapping[str, Any], float, Bucket]:
    """A datum with its time and its values."""
    where = f"MetricData.member.{number}"
    bucket = Bucket(unit=datum.get("Unit") or "None")
    if datum.get("Value") is not None:
        bucket.add(_number(datum["Value"], where))
    elif values := datum.get("Values"):
        counts = datum.get("Counts") or [1.0] * len(values)
        if len(counts) != len(values):
            raise invalid(f"The parameters {where}.Values and {where}.Counts must be of the same size.")
        for value, times in zip(values, counts, strict=True):
            bucket.add(_number(value, where), float(times))
    elif given := datum.get("StatisticValues"):
        bucket.count, bucket.total = float(given["SampleCount"]), float(given["Sum"])
        bucket.least, bucket.most = float(given["Minimum"]), float(given["Maximum"])
    else:
        raise AwsError("MissingParameter", f"The parameter {where}.Value is required.")
    if datum.get("StorageResolution") not in (None, 1, 60):
        raise invalid(f"The value {datum['StorageResolution']} for {where}.StorageResolution must be 1 or 60.")
    if len(datum.get("Dimensions") or ()) > 30:
        raise invalid(f"The collection {where}.Dimensions must not have a size greater than 30.")
    moment = datum.get("Timestamp")
    return datum, moment.timestamp() if moment else time.time(), bucket


def _number(value: float, where: str) -> float:
    if not math.isfinite(value):
        raise invalid(f"The value {value} for parameter {where}.Value is invalid.")
    return float(value)


def _span(params: Mapping[str, Any]) -> tuple[float, float]:
    start, end = params["StartTime"].timestamp(), params["EndTime"].timestamp()
    if start >= end:
        raise AwsError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    return start, end


def _aligned(start: float, period: int) -> float:
    return start // min(period, 60) * min(period, 60)


def _names(query: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an expression names another of these."""
    words = set(re.findall(r"\w+", query.get("Expression") or ""))
    return any(other["Id"] in words for other in others)
