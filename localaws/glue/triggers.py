"""Triggers: on demand, by schedule, or when jobs and crawlers that a trigger started have ended.

What a trigger starts is of the chain that began with a trigger on demand or by schedule. As on AWS a conditional
trigger looks at one chain: a job that was started by hand sets off nothing, and yesterday's runs do not count for
today's.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Protocol

from localaws.core import AwsError, World
from localaws.documents import Documents
from localaws.glue.tags import add_tags, arn, remove_tags, tags_of
from localaws.glue.timetable import Timetable
from localaws.glue.trigger_definition import definition, invalid, is_met, kind_of, name_of

Json = dict[str, Any]

_REMEMBERED = 10_000  # runs that triggers started

log = logging.getLogger(__name__)


class Runner(Protocol):
    """What starts jobs, or crawlers."""

    def has(self, name: str) -> bool:
        """Whether there is a job or crawler of that name."""

    def start(self, action: Mapping[str, Any], trigger: str) -> str:
        """Do a trigger's Action; the run's id. Raises AwsError."""


class _Chain:
    """What became of one firing; met are, by trigger, the conditions that were."""

    def __init__(self) -> None:
        self.met: dict[str, set[int]] = {}


class Triggers:
    """All triggers by name; ``runners`` are those of ``job`` and ``crawler``."""

    def __init__(self, world: World, timetable: Timetable, runners: Mapping[str, Runner]) -> None:
        self._catalog = world.catalog
        self._timetable = timetable
        self._runners = runners
        self._kept = Documents(world.data / "glue" / "triggers")
        # Held while runs are started, so that none ends before its chain is known.
        self._lock = threading.RLock()
        self._closed = False
        self._chains: OrderedDict[tuple[str, str], _Chain] = OrderedDict()  # by kind and run, the newest last
        for kept in self._kept.all():
            add_tags(self._catalog, _arn(kept["trigger"]["Name"]), kept["tags"])
            self._schedule(kept["trigger"])

    def close(self) -> None:
        """Fire no more; keep the tags, which moto's API may have changed."""
        with self._lock:
            self._closed = True
            for trigger in self.all():
                self._save(trigger)

    def all(self) -> list[Json]:
        """Every trigger in the Glue API's shape, by name."""
        with self._lock:
            return [dict(kept["trigger"]) for kept in self._kept.all()]

    def get(self, name: str) -> Json:
        """One trigger; raises EntityNotFoundException."""
        with self._lock:
            kept = self._kept.get(name)
            if kept is None:
                raise AwsError("EntityNotFoundException", f"Trigger {name} is not found")
            return dict(kept["trigger"])

    def tags(self, name: str) -> dict[str, str]:
        """A trigger's tags."""
        return tags_of(self._catalog, _arn(name))

    def create(self, given: Mapping[str, Any]) -> None:
        """Add a trigger from the parameters of CreateTrigger."""
        state = "ACTIVATED" if given.get("StartOnCreation") else "CREATED"
        trigger = {**definition(given), "State": state}
        self._check_exist(trigger)
        with self._lock:
            if self._kept.get(trigger["Name"]) is not None:
                raise AwsError("AlreadyExistsException", f"Trigger {trigger['Name']} already exists")
            add_tags(self._catalog, _arn(trigger["Name"]), given.get("Tags"))
            self._save(trigger)
            self._schedule(trigger)

    def update(self, name: str, given: Mapping[str, Any]) -> Json:
        """Replace a trigger's definition by a TriggerUpdate; its type and state stay."""
        with self._lock:
            old = self.get(name)
            trigger = {**definition({**given, "Name": name, "Type": old["Type"]}), "State": old["State"]}
            self._check_exist(trigger)
            self._save(trigger)
            self._schedule(trigger)
            return trigger

    def delete(self, name: str) -> None:
        """Remove a trigger, if there is one; what it started goes on."""
        with self._lock:
            self._kept.delete(name)
            self._timetable.remove(_arn(name))
            remove_tags(self._catalog, _arn(name))

    def start(self, name: str) -> None:
        """Activate a trigger; one that is on demand fires."""
        with self._lock:
            trigger = self.get(name)
            if trigger["Type"] == "ON_DEMAND":
                for error in self._fire(trigger, _Chain())[:1]:
                    raise error
            else:
                self._set_state(trigger, "ACTIVATED")

    def stop(self, name: str) -> None:
        """Deactivate a trigger; what it started goes on."""
        with self._lock:
            trigger = self.get(name)
            if trigger["Type"] == "ON_DEMAND":
                raise invalid(f"Trigger {name} is on demand: it is never active, so it cannot be stopped.")
            self._set_state(trigger, "DEACTIVATED")

    def ended(self, kind: str, name: str, run: str, state: str) -> None:
        """A run has ended: fire the triggers that waited for it."""
        with self._lock:
            # The retries of a job's run are of its chain too; their ids are the first one's with _attempt_1 and so on.
            chain = self._chains.get((kind, run.partition("_attempt_")[0]))
            if chain is None or self._closed:
                return  # not started by a trigger, or ended by the server's end
            for trigger in self.all():
                if trigger["Type"] == "CONDITIONAL" and trigger["State"] == "ACTIVATED":
                    self._consider(trigger, chain, kind, name, state)

    def _consider(self, trigger: Json, chain: _Chain, kind: str, name: str, state: str) -> None:
        predicate = trigger["Predicate"]
        conditions = predicate["Conditions"]
        now_met = {at for at, condition in enumerate(conditions) if is_met(condition, kind, name, state)}
        met = chain.met.setdefault(trigger["Name"], set())
        met |= now_met
        if now_met and (predicate.get("Logical") == "ANY" or len(met) == len(conditions)):
            met.clear()
            self._fire(trigger, chain)

    def _fire(self, trigger: Json, chain: _Chain) -> list[AwsError]:
        """Start all that the trigger starts; what could not be started."""
        errors = []
        for action in trigger["Actions"]:
            kind = kind_of(action)
            try:
                run = self._runners[kind].start(action, trigger["Name"])
            except AwsError as error:
                log.warning("trigger %s did not start %s %s: %s", trigger["Name"], kind, name_of(action), error.message)
                errors.append(error)
            else:
                self._chains[kind, run] = chain
                if len(self._chains) > _REMEMBERED:
                    self._chains.popitem(last=False)
        return errors

    def _fire_scheduled(self, name: str) -> None:
        with self._lock:
            self._fire(self.get(name), _Chain())

    def _set_state(self, trigger: Json, state: str) -> None:
        trigger = {**trigger, "State": state}
        self._save(trigger)
        self._schedule(trigger)

    def _schedule(self, trigger: Json) -> None:
        name = trigger["Name"]
        if trigger["Type"] == "SCHEDULED" and trigger["State"] == "ACTIVATED":
            self._timetable.put(_arn(name), trigger["Schedule"], lambda: self._fire_scheduled(name))
        else:
            self._timetable.remove(_arn(name))

    def _check_exist(self, trigger: Json) -> None:
        for about in (*trigger["Actions"], *trigger.get("Predicate", {}).get("Conditions", ())):
            kind, name = kind_of(about), name_of(about)
            if not self._runners[kind].has(name):
                raise AwsError("EntityNotFoundException", f"{kind.capitalize()} {name} does not exist")

    def _save(self, trigger: Json) -> None:
        self._kept.save(trigger["Name"], {"trigger": trigger, "tags": self.tags(trigger["Name"])})


def _arn(name: str) -> str:
    return arn("trigger", name)
