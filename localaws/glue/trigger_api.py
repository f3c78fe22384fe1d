"""The triggers' API, over the registry of triggers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.core import Call, Handler
from localaws.glue.paging import page
from localaws.glue.triggers import Triggers

Json = dict[str, Any]


class TriggerApi:
    """The operations on triggers."""

    def __init__(self, triggers: Triggers) -> None:
        self._triggers = triggers
        self.operations: Mapping[str, Handler] = {
            "CreateTrigger": self._create,
            "GetTrigger": self._get,
            "GetTriggers": self._get_all,
            "ListTriggers": self._list,
            "BatchGetTriggers": self._batch_get,
            "UpdateTrigger": self._update,
            "DeleteTrigger": self._delete,
            "StartTrigger": self._start,
            "StopTrigger": self._stop,
        }

    def _create(self, call: Call) -> Json:
        self._triggers.create(call.params)
        return {"Name": call.params["Name"]}

    def _get(self, call: Call) -> Json:
        return {"Trigger": self._triggers.get(call.params["Name"])}

    def _get_all(self, call: Call) -> Json:
        triggers, more = page(self._of_job(call.params), call.params)
        return {"Triggers": triggers, **more}

    def _list(self, call: Call) -> Json:
        wanted = (call.params.get("Tags") or {}).items()
        names = [trigger["Name"] for trigger in self._of_job(call.params)]
        names, more = page([name for name in names if wanted <= self._triggers.tags(name).items()], call.params)
        return {"TriggerNames": names, **more}

    def _batch_get(self, call: Call) -> Json:
        known = {trigger["Name"]: trigger for trigger in self._triggers.all()}
        names = call.params["TriggerNames"]
        return {
            "Triggers": [known[name] for name in names if name in known],
            "TriggersNotFound": [name for name in names if name not in known],
        }

    def _update(self, call: Call) -> Json:
        return {"Trigger": self._triggers.update(call.params["Name"], call.params["TriggerUpdate"])}

    def _delete(self, call: Call) -> Json:
        self._triggers.delete(call.params["Name"])
        return {"Name": call.params["Name"]}

    def _start(self, call: Call) -> Json:
        self._triggers.start(call.params["Name"])
        return {"Name": call.params["Name"]}

    def _stop(self, call: Call) -> Json:
        self._triggers.stop(call.params["Name"])
        return {"Name": call.params["Name"]}

    def _of_job(self, params: Mapping[str, Any]) -> list[Json]:
        """The triggers that start DependentJobName or, as on AWS, all where none does."""
        triggers = self._triggers.all()
        job = params.get("DependentJobName")
        found = [one for one in triggers if job and any(job == action.get("JobName") for action in one["Actions"])]
        return found or triggers
