"""The EventBridge service of the embedded AWS."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, Handler, World
from localaws.events.delivery import Delivery
from localaws.events.registry import DEFAULT, Registry

log = logging.getLogger(__name__)


class EventsEngine:
    """Buses, rules and targets, kept in ``world.data/events``; matching and delivery are real."""

    service = "events"

    def __init__(self, world: World) -> None:
        self._registry = Registry(world.data / "events" / "buses")
        self._delivery = Delivery(world, self._registry)
        self.operations: Mapping[str, Handler] = {}

    def put(self, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str] = ()) -> None:
        """Put an event of a service on the default bus; returns at once and raises nothing."""
        try:
            if not self._delivery.put(DEFAULT, new_event(source, detail_type, detail, resources)):
                log.error("an event %s of %s is lost: too many wait", detail_type, source)
        except Exception:
            log.exception("an event %s of %s is lost", detail_type, source)

    def close(self) -> None:
        """Stop delivering; what waits is kept."""
        self._delivery.close()


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
