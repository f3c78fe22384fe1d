"""Refresh schedules of SPICE data sets: kept, and done when they are due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from localaws.core import AwsError, Call
from localaws.events.ticker import Schedule, Ticker
from localaws.quicksight.incremental import check_incremental
from localaws.quicksight.ingestions import Ingestions
from localaws.quicksight.records import Record, now
from localaws.quicksight.shared import (
    Answer,
    Operation,
    Shelf,
    answered,
    arn,
    exists,
    found,
    invalid,
    matching,
    not_found,
    only,
)

log = logging.getLogger(__name__)

KIND = "RefreshSchedule"
_MOST = 5
_FIELDS = ("ScheduleId", "ScheduleFrequency", "StartAfterDateTime", "RefreshType", "Arn")
_OFTEN = {"MINUTE15": 15, "MINUTE30": 30, "HOURLY": 60}  # interval: minutes; one such schedule for each data set


class RefreshSchedules:
    """CreateRefreshSchedule and the operations on what it made. What fell due while stopped is not made up."""

    def __init__(self, shelf: Shelf, ingestions: Ingestions, clock: Callable[[], datetime] = now) -> None:
        self._shelf = shelf
        self._records = shelf.refresh_schedules
        self._ingestions = ingestions
        self._clock = clock
        self.ticker = Ticker(self._due, clock)
        self._set()

    def operations(self) -> dict[str, Operation]:
        """Handlers by the operation's name."""
        return {
            "CreateRefreshSchedule": self.create,
            "UpdateRefreshSchedule": self.update,
            "DescribeRefreshSchedule": self.describe,
            "ListRefreshSchedules": self.list,
            "DeleteRefreshSchedule": self.delete,
        }

    def create(self, call: Call) -> Answer:
        """Keep the schedule; it is first done at its first time after StartAfterDateTime."""
        data_set, given = self._data_set(call), call.params["Schedule"]
        name = matching(r"[\w.-]{1,128}", given["ScheduleId"], "ScheduleId")
        if self._records.get(_key(data_set["DataSetId"], name)):
            raise exists(KIND, name)
        if len(self._of(data_set["DataSetId"])) >= _MOST:
            message = f"{data_set['DataSetId']} has {_MOST} refresh schedules, the most that there may be; delete one"
            raise AwsError("LimitExceededException", message, 409)
        return self._put(data_set, given)

    def update(self, call: Call) -> Answer:
        """Replace the schedule."""
        data_set, given = self._data_set(call), call.params["Schedule"]
        self._found(data_set["DataSetId"], given["ScheduleId"])
        return self._put(data_set, given)

    def describe(self, call: Call) -> Answer:
        """The schedule as it was given, and its ARN."""
        data_set = self._data_set(call)["DataSetId"]
        record = self._found(data_set, call.params["ScheduleId"])
        return answered(200, RefreshSchedule=_shown(record), Arn=record["Arn"])

    def list(self, call: Call) -> Answer:
        """All schedules of a data set."""
        data_set = self._data_set(call)["DataSetId"]
        return answered(200, RefreshSchedules=[_shown(record) for record in self._of(data_set)])

    def delete(self, call: Call) -> Answer:
        """Forget the schedule."""
        data_set = self._data_set(call)["DataSetId"]
        record = self._found(data_set, call.params["ScheduleId"])
        self._records.delete(_key(data_set, record["ScheduleId"]))
        self._set()
        return answered(200, ScheduleId=record["ScheduleId"], Arn=record["Arn"])

    def forget(self, data_set: str) -> None:
        """Delete all schedules of a data set."""
        for record in self._of(data_set):
            self._records.delete(_key(data_set, record["ScheduleId"]))
        self._set()

    def close(self) -> None:
        """Refresh no more."""
        self.ticker.close()

    def _put(self, data_set: Record, given: Mapping[str, Any]) -> Answer:
        only(given, _FIELDS, "Schedule")
        name, owner = given["ScheduleId"], data_set["DataSetId"]
        interval = given["ScheduleFrequency"]["Interval"]
        if data_set["ImportMode"] != "SPICE":
            raise invalid(f"DataSet {owner} is in DIRECT_QUERY mode: it has no SPICE rows to refresh")
        if given["RefreshType"] == "INCREMENTAL_REFRESH":
            check_incremental(self._shelf.refresh_properties.get(owner), owner)
        elif interval in ("MINUTE15", "MINUTE30"):
            raise invalid(f"Interval {interval} is for incremental refreshes only; a full one is hourly at most")
        others = [each["ScheduleFrequency"]["Interval"] for each in self._of(owner) if each["ScheduleId"] != name]
        if interval in _OFTEN and (taken := [other for other in others if other in _OFTEN]):
            raise invalid(
                f"{owner} has a schedule of interval {taken[0]} already; only one may be hourly or more often"
            )
        at = self._clock()
        old = self._records.get(_key(owner, name))
        record = {
            **{field: given[field] for field in _FIELDS if given.get(field) is not None},
            "Arn": arn("dataset", f"{owner}/refresh-schedule/{name}"),
            "DataSetId": owner,
            "CreatedTime": old["CreatedTime"] if old else at,
        }
        if "StartAfterDateTime" in record:
            start = _aware(record["StartAfterDateTime"])
            if start <= at and (old is None or old.get("StartAfterDateTime") != start):
                raise invalid(f"StartAfterDateTime {start:%Y-%m-%dT%H:%M:%S}Z has passed; give a time to come")
            record["StartAfterDateTime"] = start
        schedule_of(record)
        self._records.put(_key(owner, name), record)
        self._set()
        return answered(200 if old else 201, ScheduleId=name, Arn=record["Arn"])

    def _set(self) -> None:
        self.ticker.set_all({key: schedule_of(record) for key, record in self._records.items()})

    def _due(self, key: str, due: datetime) -> None:
        with self._shelf.lock:
            record = self._records.get(key)
            data_set = self._shelf.data_sets.get(record["DataSetId"]) if record else None
            if record is None or data_set is None or data_set["ImportMode"] != "SPICE":
                return
            made = self._ingestions.start(record["DataSetId"], record["RefreshType"], source="SCHEDULED")
        log.info("%s: refresh of %s, ingestion %s", key, due, made["IngestionId"])

    def _of(self, data_set: str) -> tuple[Record, ...]:
        return tuple(record for _, record in self._records.items() if record["DataSetId"] == data_set)

    def _data_set(self, call: Call) -> Record:
        return found(self._shelf.data_sets, call.params["DataSetId"], "DataSet", "Create it with CreateDataSet.")

    def _found(self, data_set: str, name: str) -> Record:
        record = self._records.get(_key(data_set, name))
        if record is None:
            raise not_found(KIND, name, f"ListRefreshSchedules names those of {data_set}.")
        return record


def schedule_of(record: Mapping[str, Any]) -> Schedule:
    """When a refresh schedule is due; InvalidParameterValueException for a frequency that AWS would not take."""
    frequency = record["ScheduleFrequency"]
    interval, day = frequency["Interval"], frequency.get("RefreshOnDay") or {}
    try:
        zone = ZoneInfo(frequency.get("Timezone") or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise invalid(f"Timezone {frequency['Timezone']!r} is not one of the IANA time zones") from None
    start = record.get("StartAfterDateTime")
    hour, minute = _time(frequency, start or record["CreatedTime"], zone)
    if day and interval not in ("WEEKLY", "MONTHLY"):
        raise invalid(f"RefreshOnDay is for WEEKLY and MONTHLY, not for {interval}")
    if interval in _OFTEN:
        step = _OFTEN[interval]
        times = ",".join(str(each) for each in range(minute % step, 60, step))
        return Schedule(f"cron({times} * * * ? *)", zone, start)
    if interval == "DAILY":
        return Schedule(f"cron({minute} {hour} * * ? *)", zone, start)
    if interval == "WEEKLY":
        if "DayOfWeek" not in day or "DayOfMonth" in day:
            raise invalid("WEEKLY needs RefreshOnDay with DayOfWeek alone")
        return Schedule(f"cron({minute} {hour} ? * {day['DayOfWeek'][:3]} *)", zone, start)
    if "DayOfMonth" not in day or "DayOfWeek" in day:
        raise invalid("MONTHLY needs RefreshOnDay with DayOfMonth alone")
    of_month = matching(r"LAST_DAY_OF_MONTH|1[0-9]|2[0-8]|[1-9]", day["DayOfMonth"], "DayOfMonth")
    return Schedule(f"cron({minute} {hour} {'L' if of_month.startswith('L') else of_month} * ? *)", zone, start)


def _time(frequency: Mapping[str, Any], begun: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """Hour and minute of TimeOfTheDay, or else those of the time from which the schedule holds."""
    text = frequency.get("TimeOfTheDay")
    if text is None:
        if frequency["Interval"] not in _OFTEN:
            raise invalid(f"{frequency['Interval']} needs TimeOfTheDay, as in 07:30")
        local = begun.astimezone(zone)
        return local.hour, local.minute
    hour, minute = matching(r"([01][0-9]|2[0-3]):[0-5][0-9]", text, "TimeOfTheDay").split(":")
    return int(hour), int(minute)


def _aware(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _key(data_set: str, schedule: str) -> str:
    return f"{data_set}/{schedule}"


def _shown(record: Record) -> Record:
    return {key: value for key, value in record.items() if key not in ("DataSetId", "CreatedTime")}
