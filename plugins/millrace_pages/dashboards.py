"""The dashboards that QuickSight has, and the addresses that show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from millrace_pages import aws


@dataclass(frozen=True)
class Dashboard:
    """One published dashboard."""

    id: str
    name: str
    published: datetime


def published() -> list[Dashboard]:
    """All published dashboards, by name. Raises botocore's ClientError where QuickSight refuses."""
    pages = aws.client("quicksight").get_paginator("list_dashboards").paginate(AwsAccountId=aws.account())
    found = (
        Dashboard(item["DashboardId"], item["Name"], item["LastPublishedTime"])
        for page in pages
        for item in page["DashboardSummaryList"]
        if item.get("PublishedVersionNumber")
    )
    return sorted(found, key=lambda dashboard: dashboard.name)


def showing(data_set: str) -> Dashboard | None:
    """The first published dashboard that shows a data set."""
    for dashboard in published():
        found = aws.client("quicksight").describe_dashboard(AwsAccountId=aws.account(), DashboardId=dashboard.id)
        if any(arn.endswith(f":dataset/{data_set}") for arn in found["Dashboard"]["Version"].get("DataSetArns", [])):
            return dashboard
    return None


def embed_url(dashboard: str, origin: str) -> str:
    """An address that shows the dashboard once, within five minutes, in a frame of a page of `origin`."""
    answer: dict[str, Any] = aws.client("quicksight").generate_embed_url_for_registered_user(
        AwsAccountId=aws.account(),
        UserArn=aws.quicksight_user(),
        ExperienceConfiguration={"Dashboard": {"InitialDashboardId": dashboard}},
        AllowedDomains=[origin],
    )
    return str(answer["EmbedUrl"])
