"""What is wrong with a definition: errors as AWS reports them, and what is refused because it is not drawn here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Problems:
    """Collects the problems of one definition.

    errors: DashboardError shapes, with which AWS would make a version in CREATION_FAILED.
    refusals: parts that AWS would draw and the embedded QuickSight does not.
    """

    def __init__(self) -> None:
        self.errors: list[dict[str, Any]] = []
        self.refusals: list[str] = []

    def __len__(self) -> int:
        return len(self.errors) + len(self.refusals)

    def error(self, kind: str, message: str, path: str) -> None:
        """A DashboardErrorType, what is wrong, and where in the definition."""
        error = {"Type": kind, "Message": f"{path}: {message}", "ViolatedEntities": [{"Path": path}]}
        if error not in self.errors:
            self.errors.append(error)

    def refuse(self, reasons: Iterable[str]) -> None:
        """Parts that are not drawn, each with its path."""
        # A filter is read once for each visual, and would be refused as often.
        self.refusals.extend(reason for reason in reasons if reason not in self.refusals)
