"""QuickSight: the data source, a pipeline's data sets and its dashboard."""

from __future__ import annotations

import json
import re
from typing import Any

from millrace import resources
from millrace.kinds import DataSet
from millrace.provision.account import Account
from millrace.provision.account import make as create
from millrace.resources import Common, Pipeline


def make_source(account: Account, declared: Common) -> None:
    """Make Athena known to QuickSight, and the reader for whom dashboards are embedded."""
    create(
        account.client("quicksight").create_data_source,
        AwsAccountId=account.names.account,
        DataSourceId=declared.data_source["id"],
        Name=declared.data_source["name"],
        Type="ATHENA",
        DataSourceParameters={"AthenaParameters": {"WorkGroup": declared.workgroup.name}},
    )
    create(
        account.client("quicksight").register_user,
        AwsAccountId=account.names.account,
        Namespace="default",
        IdentityType="QUICKSIGHT",
        UserName=declared.reader["name"],
        Email=declared.reader["email"],
        UserRole="READER",
    )


def make(account: Account, declared: Pipeline) -> None:
    """Make the data sets and, if there is one, the dashboard."""
    source = resources.common().data_source["id"]
    for data_set in declared.data_sets:
        _data_set(account, data_set, declared.query(data_set.query), account.arn("quicksight", f"datasource/{source}"))
    if (resources.ROOT / "dashboards" / f"{declared.slug}.json").exists():
        make_dashboard(account, declared.slug)


def _data_set(account: Account, data_set: DataSet, query: str, source: str) -> None:
    physical = {
        "CustomSql": {
            "DataSourceArn": source,
            "Name": data_set.query,
            "SqlQuery": query,
            "Columns": [{"Name": name, "Type": kind} for name, kind in data_set.columns.items()],
        }
    }
    definition = {
        "AwsAccountId": account.names.account,
        "DataSetId": data_set.id,
        "Name": data_set.name,
        "PhysicalTableMap": {data_set.query.replace("_", "-"): physical},  # which takes no underscore
        "ImportMode": "SPICE",
    }
    quicksight = account.client("quicksight")
    if not create(quicksight.create_data_set, **definition):
        quicksight.update_data_set(**definition)


def make_dashboard(account: Account, slug: str) -> None:
    """Deploy ``dashboards/<slug>.json``, in which ``${dataset_arn:ID}`` stands for the ARN of a data set."""
    path = resources.ROOT / "dashboards" / f"{slug}.json"
    arn = account.arn("quicksight", "dataset/")
    text = re.sub(r"\$\{dataset_arn:([\w-]+)\}", lambda match: arn + match[1], path.read_text(encoding="utf-8"))
    document: dict[str, Any] = json.loads(text)
    definition = {
        "AwsAccountId": account.names.account,
        "DashboardId": document["DashboardId"],
        "Name": document["Name"],
        "Definition": document["Definition"],
    }
    quicksight = account.client("quicksight")
    if not create(quicksight.create_dashboard, **definition):
        version = quicksight.update_dashboard(**definition)["VersionArn"].rpartition("/")[2]
        quicksight.update_dashboard_published_version(
            AwsAccountId=account.names.account, DashboardId=document["DashboardId"], VersionNumber=int(version)
        )
