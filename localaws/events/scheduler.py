"""EventBridge Scheduler: schedules by at, rate and cron in any time zone, with a target each."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from localaws.core import ACCOUNT_ID, REGION, AwsError, Call, Handler, NotSupported, World
from localaws.documents import Documents
from localaws.events.engine import new_event
from localaws.events.paging import page
from localaws.events.registry import DEFAULT, bus_name
from localaws.events.scheduled_sends import ScheduledSends
from localaws.events.ticker import Schedule, Ticker
from localaws.messaging.courier import service_of
from localaws.schedule import ScheduleError, next_time

_NAME = re.compile(r"[0-9a-zA-Z\-_.]{1,64}")
_REACHED = ("lambda", "sqs", "sns", "events", "kinesis", "firehose")
_KEPT = (
    "Name Description ScheduleExpression ScheduleExpressionTimezone StartDate EndDate State Target FlexibleTimeWindow "
    "ActionAfterCompletion"
)

log = logging.getLogger(__name__)


class SchedulerEngine:
    """Schedules and their groups, kept in ``world.data/scheduler``."""

    service = "scheduler"

    def __init__(self, world: World) -> None:
        root = world.data / "scheduler"
        self._lock = threading.RLock()
        self._schedules = Documents(root / "schedules")
        self._groups = Documents(root / "groups")
        if self._groups.get(DEFAULT) is None:
            self._groups.save(DEFAULT, _new_group(DEFAULT, {}))
        self._sends = ScheduledSends(world, root / "waiting.json")
        self._ticker = Ticker(self._due)
        self.operations: Mapping[str, Handler] = {
            "CreateSchedule": self._create,
            "GetSchedule": self._get,
            "UpdateSchedule": self._update,
            "DeleteSchedule": self._delete,
            "ListSchedules": self._list,
            "CreateScheduleGroup": self._create_group,
            "GetScheduleGroup": lambda call: _shown_group(self._group(call.params["Name"])),
            "DeleteScheduleGroup": self._delete_group,
            "ListScheduleGroups": self._list_groups,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }
        self._reschedule()

    def close(self) -> None:
        """Stop schedules and sends; what waits is kept."""
        self._ticker.close()
        self._sends.close()

    def _create(self, call: Call) -> Mapping[str, Any]:
        document = self._checked(call.params)
        with self._lock:
            if self._schedules.get(document["key"]):
                raise AwsError("ConflictException", f"Schedule {document['Name']} already exists.", 409)
            self._schedules.save(document["key"], {**document, "CreationDate": time.time()})
        self._reschedule()
        return {"ScheduleArn": _arn(document)}

    def _update(self, call: Call) -> Mapping[str, Any]:
        document = self._checked(call.params)
        with self._lock:
            before = self._found(call.params)
            self._schedules.save(document["key"], {**document, "CreationDate": before["CreationDate"]})
        self._reschedule()
        return {"ScheduleArn": _arn(document)}

    def _get(self, call: Call) -> Mapping[str, Any]:
        found = self._found(call.params)
        return {key: value for key, value in found.items() if key != "key"} | {"Arn": _arn(found)}

    def _delete(self, call: Call) -> None:
        with self._lock:
            self._schedules.delete(self._found(call.params)["key"])
        self._reschedule()

    def _list(self, call: Call) -> Mapping[str, Any]:
        params = call.params
        prefix = params.get("NamePrefix") or ""
        found = [
            {
                **{key: each[key] for key in ("Name", "GroupName", "State", "CreationDate", "LastModificationDate")},
                "Arn": _arn(each),
                "Target": {"Arn": each["Target"]["Arn"]},
            }
            for each in self._schedules.all()
            if params.get("GroupName") in (None, each["GroupName"])
            and params.get("State") in (None, each["State"])
            and each["Name"].startswith(prefix)
        ]
        return page("Schedules", found, params, "MaxResults")

    def _create_group(self, call: Call) -> Mapping[str, Any]:
        name = call.params["Name"]
        if not _NAME.fullmatch(name):
            raise _invalid(f"Value '{name}' at 'name' failed to satisfy constraint: {_NAME.pattern}")
        with self._lock:
            if self._groups.get(name):
                raise AwsError("ConflictException", f"Schedule group {name} already exists.", 409)
            tags = {tag["Key"]: tag["Value"] for tag in call.params.get("Tags") or ()}
            self._groups.save(name, _new_group(name, tags))
        return {"ScheduleGroupArn": _group_arn(name)}

    def _delete_group(self, call: Call) -> None:
        name = call.params["Name"]
        if name == DEFAULT:
            raise _invalid("The default schedule group can't be deleted.")
        with self._lock:
            self._group(name)
            for schedule in self._schedules.all():
                if schedule["GroupName"] == name:
                    self._schedules.delete(schedule["key"])
            self._groups.delete(name)
        self._reschedule()

    def _list_groups(self, call: Call) -> Mapping[str, Any]:
        prefix = call.params.get("NamePrefix") or ""
        found = [_shown_group(each) for each in self._groups.all() if each["Name"].startswith(prefix)]
        return page("ScheduleGroups", found, call.params, "MaxResults")

    def _tag(self, call: Call) -> None:
        group = self._group(call.params["ResourceArn"].rpartition("/")[2])
        given = {tag["Key"]: tag["Value"] for tag in call.params["Tags"]}
        self._groups.save(group["Name"], {**group, "Tags": {**group["Tags"], **given}})

    def _untag(self, call: Call) -> None:
        group = self._group(call.params["ResourceArn"].rpartition("/")[2])
        kept = {key: value for key, value in group["Tags"].items() if key not in call.params["TagKeys"]}
        self._groups.save(group["Name"], {**group, "Tags": kept})

    def _list_tags(self, call: Call) -> Mapping[str, Any]:
        tags = self._group(call.params["ResourceArn"].rpartition("/")[2])["Tags"]
        return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}

    def _group(self, name: str) -> dict[str, Any]:
        found = self._groups.get(name)
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Schedule group {name} does not exist.", 404)
        return found

    def _found(self, params: Mapping[str, Any]) -> dict[str, Any]:
        found = self._schedules.get(f"{params.get('GroupName') or DEFAULT}/{params['Name']}")
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Schedule {params['Name']} does not exist.", 404)
        return found

    def _checked(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """A schedule's document. Raises ValidationException, ResourceNotFoundException or NotSupported."""
        if not _NAME.fullmatch(params["Name"]):
            raise _invalid(f"Value '{params['Name']}' at 'name' failed to satisfy constraint: {_NAME.pattern}")
        if params["FlexibleTimeWindow"]["Mode"] != "OFF" and not params["FlexibleTimeWindow"].get(
            "MaximumWindowInMinutes"
        ):
            raise _invalid("A MaximumWindowInMinutes must be provided for a FLEXIBLE window.")
        if params.get("KmsKeyArn"):
            raise NotSupported("KmsKeyArn is refused: schedules are kept in the clear, leave it out.")
        _check_target(params["Target"])
        group = params.get("GroupName") or DEFAULT
        self._group(group)
        document = {key: params[key] for key in _KEPT.split() if params.get(key) is not None}
        for name in ("StartDate", "EndDate"):
            if name in document:
                document[name] = document[name].timestamp()
        document = {
            "State": "ENABLED",
            "ScheduleExpressionTimezone": "UTC",
            "ActionAfterCompletion": "NONE",
            **document,
        }
        document |= {"GroupName": group, "key": f"{group}/{params['Name']}", "LastModificationDate": time.time()}
        try:
            next_time(
                document["ScheduleExpression"], datetime.now(UTC), ZoneInfo(document["ScheduleExpressionTimezone"])
            )
        except (ScheduleError, ZoneInfoNotFoundError, ValueError) as error:
            raise _invalid(f"Invalid Schedule Expression {document['ScheduleExpression']}. {error}") from None
        return document

    def _reschedule(self) -> None:
        def moment(seconds: float | None) -> datetime | None:
            return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

        self._ticker.set_all(
            {
                each["key"]: Schedule(
                    each["ScheduleExpression"],
                    ZoneInfo(each["ScheduleExpressionTimezone"]),
                    moment(each.get("StartDate")),
                    moment(each.get("EndDate")),
                )
                for each in self._schedules.all()
                if each["State"] == "ENABLED"
            }
        )

    def _due(self, key: str, moment: datetime) -> None:
        schedule = self._schedules.get(key)
        if schedule is None or schedule["State"] != "ENABLED":
            return
        arn = _arn(schedule)
        target = schedule["Target"]
        if service_of(target["Arn"]) == "events":
            about = target["EventBridgeParameters"]
            detail = ScheduledSends.filled(target.get("Input") or "{}", arn, moment)
            event = new_event(about["Source"], about["DetailType"], detail, (), moment)
            self._sends.put_event(bus_name(target["Arn"]), event)
        else:
            self._sends.send(arn, target, moment)
        last = schedule["ScheduleExpression"].startswith("at(")
        if last and schedule["ActionAfterCompletion"] == "DELETE":
            with self._lock:
                self._schedules.delete(key)


def _check_target(target: Mapping[str, Any]) -> None:
    arn = target["Arn"]
    if ":aws-sdk:" in arn or service_of(arn) not in _REACHED:
        raise NotSupported(f"The target {arn} is refused: {', '.join(_REACHED)} are reached, no universal targets.")
    for name in ("EcsParameters", "SageMakerPipelineParameters"):
        if target.get(name):
            raise NotSupported(f"{name} is refused: no such target is reached here.")
    if service_of(arn) == "events" and not target.get("EventBridgeParameters"):
        raise _invalid("EventBridgeParameters are required for the target of an event bus.")
    if arn.endswith(".fifo") and not target.get("SqsParameters", {}).get("MessageGroupId"):
        raise _invalid("SqsParameters are required for the target of a FIFO queue.")


def _new_group(name: str, tags: Mapping[str, str]) -> dict[str, Any]:
    now = time.time()
    return {"Name": name, "CreationDate": now, "LastModificationDate": now, "Tags": dict(tags)}


def _shown_group(group: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in group.items() if key != "Tags"}
    return {**shown, "Arn": _group_arn(group["Name"]), "State": "ACTIVE"}


def _arn(schedule: Mapping[str, Any]) -> str:
    return f"arn:aws:scheduler:{REGION}:{ACCOUNT_ID}:schedule/{schedule['GroupName']}/{schedule['Name']}"


def _group_arn(name: str) -> str:
    return f"arn:aws:scheduler:{REGION}:{ACCOUNT_ID}:schedule-group/{name}"


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
