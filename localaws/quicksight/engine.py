"""The QuickSight engine: which operation is whose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from localaws.core import Call, Handler, Page, World
from localaws.quicksight.dashboards import Dashboards
from localaws.quicksight.datasets import DataSets
from localaws.quicksight.embedding import Embedding
from localaws.quicksight.incremental import RefreshProperties
from localaws.quicksight.ingestions import Ingestions
from localaws.quicksight.permissions import Permissions, Tags
from localaws.quicksight.records import now
from localaws.quicksight.refresh import RefreshSchedules
from localaws.quicksight.shared import Answer, Operation, Part, Shelf, own_account
from localaws.quicksight.site import Site
from localaws.quicksight.sources import DataSources
from localaws.quicksight.users import Users


class QuickSightEngine:
    """QuickSight over Athena: rows are really ingested, definitions are really drawn."""

    service = "quicksight"

    def __init__(self, world: World, clock: Callable[[], datetime] = now) -> None:
        shelf = Shelf(world)
        self._shelf = shelf
        self._ingestions = Ingestions(shelf)
        self.schedules = RefreshSchedules(shelf, self._ingestions, clock)
        dashboards = Dashboards(shelf)
        embedding = Embedding(shelf)
        parts: tuple[Part, ...] = (
            DataSources(shelf),
            DataSets(shelf, self._ingestions, self.schedules),
            self._ingestions,
            self.schedules,
            RefreshProperties(shelf),
            dashboards,
            Users(shelf),
            embedding,
            *(Permissions(shelf, kind) for kind in ("Dashboard", "DataSet", "DataSource")),
            Tags(shelf),
        )
        self.operations: Mapping[str, Handler] = {
            name: self._guarded(operation) for part in parts for name, operation in part.operations().items()
        }
        site = Site(shelf, dashboards, embedding)
        self.pages: Mapping[str, Page] = {"quicksight": site.answer}

    def close(self) -> None:
        """Let running ingestions end, begin no more by schedule."""
        self.schedules.close()
        self._ingestions.close()

    def _guarded(self, operation: Operation) -> Handler:
        def handler(call: Call) -> Answer:
            if "AwsAccountId" in call.params:
                own_account(call)
            with self._shelf.lock:
                answer = operation(call)
            # The response has no place for a field without a value.
            return {name: value for name, value in answer.items() if value is not None}

        return handler
