"""The EventBridge service of the embedded AWS."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, Call, Handler, World
from localaws.events.buses_api import BusApi
from localaws.events.delivery import Delivery
from localaws.events.putting import match_event, put_events
from localaws.events.registry import DEFAULT, Registry, rule_arn
from localaws.events.rules_api import RuleApi
from localaws.events.ticker import Schedule, Ticker

log = logging.getLogger(__name__)


class EventsEngine:
    """Buses, rules and targets, kept in ``world.data/events``; matching, schedules and delivery are real."""

    service = "events"

    def __init__(self, world: World) -> None:
        self._registry = Registry(world.data / "events" / "buses")
        self._delivery = Delivery(world, self._registry)
        self._ticker = Ticker(self._due)
        self.operations: Mapping[str, Handler] = {
            **BusApi(self._registry).operations,
            **RuleApi(self._registry, self._reschedule).operations,
            "PutEvents": self._put_events,
            "TestEventPattern": match_event,
        }
        self._reschedule()

    def put(self, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str] = ()) -> None:
        """Put an event of a service on the default bus; returns at once and raises nothing."""
        try:
            if not self._delivery.put(DEFAULT, new_event(source, detail_type, detail, resources)):
                log.error("an event %s of %s is lost: too many wait", detail_type, source)
        except Exception:
            log.exception("an event %s of %s is lost", detail_type, source)

    def put_on(self, bus: str, event: Mapping[str, Any]) -> bool:
        """Put an event in EventBridge's shape on a bus; False where too many wait."""
        return self._delivery.put(bus, event)

    def close(self) -> None:
        """Stop schedules and deliveries; what waits is kept."""
        self._ticker.close()
        self._delivery.close()

    def _put_events(self, call: Call) -> Mapping[str, Any]:
        def put(bus: str, entry: Mapping[str, Any]) -> str | None:
            event = new_event(
                entry["Source"], entry["DetailType"], entry["Detail"], entry.get("Resources") or (), entry.get("Time")
            )
            return event["id"] if self._delivery.put(bus, event) else None

        return put_events(call, self._registry, put)

    def _reschedule(self) -> None:
        """Have the ticker hold the enabled rules' schedules."""
        self._ticker.set_all(
            {
                name: Schedule(rule["ScheduleExpression"])
                for name, rule in self._registry.bus(DEFAULT)["rules"].items()
                if rule["State"] != "DISABLED" and rule.get("ScheduleExpression")
            }
        )

    def _due(self, name: str, moment: datetime) -> None:
        rule = self._registry.bus(DEFAULT)["rules"].get(name)
        if rule is None or rule["State"] == "DISABLED":
            return
        arn = rule_arn(DEFAULT, name)
        event = new_event("aws.events", "Scheduled Event", {}, [arn], moment)
        self._delivery.send(arn, event, list(rule["targets"].values()))


def new_event(
    source: str,
    detail_type: str,
    detail: Mapping[str, Any],
    resources: Sequence[str] = (),
    moment: datetime | None = None,
) -> dict[str, Any]:
    """An event in EventBridge's shape."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT_ID,
        "time": (moment or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": list(resources),
        "detail": dict(detail),
    }
