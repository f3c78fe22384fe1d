"""The rulesets: checked when they are made, kept on disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from localaws.core import AwsError, Call, Handler, World
from localaws.documents import Documents
from localaws.glue.paging import page
from localaws.glue.tags import add_tags, arn, remove_tags, tags_of
from localaws.glue_quality.evaluation import read

Json = dict[str, Any]


class Rulesets:
    """The rulesets by name, and the operations on them; times in records are seconds since 1970."""

    def __init__(self, world: World) -> None:
        self._catalog = world.catalog
        self._kept = Documents(world.data / "glue" / "quality_rulesets")
        self._lock = threading.RLock()
        for kept in self._kept.all():
            add_tags(self._catalog, _arn(kept["ruleset"]["Name"]), kept["tags"])
        self.operations: Mapping[str, Handler] = {
            "CreateDataQualityRuleset": self._create,
            "UpdateDataQualityRuleset": self._update,
            "GetDataQualityRuleset": self._get,
            "ListDataQualityRulesets": self._list,
            "DeleteDataQualityRuleset": self._delete,
        }

    def find(self, name: str) -> Json:
        """The ruleset. Raises EntityNotFoundException."""
        with self._lock:
            kept = self._kept.get(name)
        if kept is None:
            raise AwsError("EntityNotFoundException", f"Data quality ruleset {name} was not found.")
        found: Json = kept["ruleset"]
        return found

    def close(self) -> None:
        """Keep the tags, which moto's API may have changed."""
        with self._lock:
            for kept in self._kept.all():
                self._save(kept["ruleset"])

    def _create(self, call: Call) -> Json:
        given = call.params
        name = given["Name"]
        read(given["Ruleset"])
        with self._lock:
            kept = self._kept.get(name)
            if kept is not None:
                if given.get("ClientToken") and kept["token"] == given["ClientToken"]:
                    return {"Name": name}
                raise AwsError("AlreadyExistsException", f"Data quality ruleset {name} already exists.")
            add_tags(self._catalog, _arn(name), given.get("Tags"))
            now = time.time()
            fields = ("Name", "Description", "Ruleset", "TargetTable", "DataQualitySecurityConfiguration")
            ruleset = {field: given[field] for field in fields if given.get(field)}
            self._save({**ruleset, "CreatedOn": now, "LastModifiedOn": now}, given.get("ClientToken"))
        return {"Name": name}

    def _update(self, call: Call) -> Json:
        given = call.params
        if given.get("Ruleset"):
            read(given["Ruleset"])
        with self._lock:
            old = self.find(given["Name"])
            changed = {field: given[field] for field in ("Description", "Ruleset") if given.get(field) is not None}
            new = {**old, **changed, "LastModifiedOn": time.time()}
            self._save(new)
        return {field: new[field] for field in ("Name", "Description", "Ruleset") if field in new}

    def _get(self, call: Call) -> Json:
        found = self.find(call.params["Name"])
        return {**found, **{field: datetime_of(found[field]) for field in ("CreatedOn", "LastModifiedOn")}}

    def _list(self, call: Call) -> Json:
        wanted = call.params.get("Filter") or {}
        tags = (call.params.get("Tags") or {}).items()
        with self._lock:
            every = [kept["ruleset"] for kept in self._kept.all()]
        found = [
            one
            for one in every
            if tags <= tags_of(self._catalog, _arn(one["Name"])).items()
            and wanted.get("Name", one["Name"]) == one["Name"]
            and wanted.get("Description", one.get("Description")) == one.get("Description")
            and _same_table(wanted.get("TargetTable"), one.get("TargetTable"))
            and within(one["CreatedOn"], wanted.get("CreatedAfter"), wanted.get("CreatedBefore"))
            and within(one["LastModifiedOn"], wanted.get("LastModifiedAfter"), wanted.get("LastModifiedBefore"))
        ]
        shown, more = page(found, call.params)
        return {"Rulesets": [_summary(one) for one in shown], **more}

    def _delete(self, call: Call) -> Json:
        with self._lock:
            name = self.find(call.params["Name"])["Name"]
            self._kept.delete(name)
            remove_tags(self._catalog, _arn(name))
        return {}

    def _save(self, ruleset: Json, token: str | None = None) -> None:
        name = ruleset["Name"]
        old = self._kept.get(name) or {}
        tags = tags_of(self._catalog, _arn(name))
        self._kept.save(name, {"ruleset": ruleset, "tags": tags, "token": token or old.get("token")})


def datetime_of(seconds: float) -> datetime:
    """An aware time, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def within(seconds: float, after: datetime | None, before: datetime | None) -> bool:
    """Whether a time is later than the one and earlier than the other, where they are given."""
    return (after is None or seconds > after.timestamp()) and (before is None or seconds < before.timestamp())


def _summary(ruleset: Json) -> Json:
    fields: Sequence[str] = ("Name", "Description", "TargetTable")
    return {
        **{field: ruleset[field] for field in fields if field in ruleset},
        **{field: datetime_of(ruleset[field]) for field in ("CreatedOn", "LastModifiedOn")},
        "RuleCount": len(read(ruleset["Ruleset"])),
    }


def _same_table(wanted: Json | None, table: Json | None) -> bool:
    fields = ("DatabaseName", "TableName")
    return not wanted or (table is not None and all(wanted[field] == table[field] for field in fields))


def _arn(name: str) -> str:
    return arn("dataQualityRuleset", name)
