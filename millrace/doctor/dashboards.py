"""What QuickSight has: a subscription, the data source, data sets, dashboards, the reader of Airflow's page."""

from __future__ import annotations

import json
from collections.abc import Iterator

from botocore.exceptions import ClientError

from millrace import resources
from millrace.doctor.finding import Finding, missing, note, ok, there
from millrace.doctor.place import Place

_SUBSCRIBE = "sign up for QuickSight (Enterprise) in the account's console, in this region, then deploy again"


def look(place: Place) -> Iterator[Finding]:
    """Look at all that the dashboards need; where QuickSight is switched off, say so."""
    if "dashboard" not in place.parts:
        yield ok("QuickSight", "switched off (with.dashboard)")
        return
    account = {"AwsAccountId": place.names.account}
    common = resources.common()
    try:
        sources = place.pages("quicksight", "list_data_sources", "DataSources", **account)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ResourceNotFoundException", "UnsupportedUserEditionException"):
            yield missing("QuickSight", "the account is not subscribed to it", _SUBSCRIBE)
            return
        raise
    sets = place.pages("quicksight", "list_data_sets", "DataSetSummaries", **account)
    shown = place.pages("quicksight", "list_dashboards", "DashboardSummaryList", **account)
    users = place.pages("quicksight", "list_users", "UserList", **account, Namespace="default")
    dashboards = [
        json.loads(path.read_text(encoding="utf-8"))["DashboardId"]
        for pipeline in place.pipelines
        if (path := resources.ROOT / "dashboards" / f"{pipeline.slug}.json").exists()
    ]
    yield from there(
        "QuickSight's source", [common.data_source["id"]], [it["DataSourceId"] for it in sources], place.make
    )
    yield from there(
        "data sets", [it.id for it in place.declared("data_sets")], [it["DataSetId"] for it in sets], place.make
    )
    yield from there("dashboards", dashboards, [it["DashboardId"] for it in shown], place.make)
    if common.reader["name"] not in [user["UserName"] for user in users]:
        yield note(
            "QuickSight's reader", f"{common.reader['name']} is not there, so Airflow's page shows no dashboards"
        )
