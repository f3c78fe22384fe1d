"""Redshift Serverless: namespaces, workgroups and what they may use."""

from __future__ import annotations

from collections.abc import Sequence

from millrace.kinds import Warehouse
from millrace.provision.account import Account
from millrace.provision.account import make as create

_LIMIT = "serverless-compute"


def make(account: Account, warehouses: Sequence[Warehouse]) -> None:
    """Make the warehouses, or bring their settings up to date; their tables are made by what loads them."""
    for warehouse in warehouses:
        redshift = account.client("redshift-serverless")
        role = account.role(f"warehouse-{warehouse.name}")
        namespace = {"namespaceName": warehouse.name, "defaultIamRoleArn": role, "iamRoles": [role]}
        if not create(redshift.create_namespace, dbName=warehouse.database, **namespace):
            redshift.update_namespace(**namespace)
        workgroup = {"workgroupName": warehouse.name, "baseCapacity": warehouse.rpus}
        if not create(redshift.create_workgroup, namespaceName=warehouse.name, publiclyAccessible=False, **workgroup):
            redshift.update_workgroup(**workgroup)
        _limit(account, warehouse)


def _limit(account: Account, warehouse: Warehouse) -> None:
    redshift = account.client("redshift-serverless")
    arn = redshift.get_workgroup(workgroupName=warehouse.name)["workgroup"]["workgroupArn"]
    known = redshift.list_usage_limits(resourceArn=arn, usageType=_LIMIT)["usageLimits"]
    limit = {"amount": warehouse.rpu_hours, "breachAction": "deactivate"}
    if known:
        redshift.update_usage_limit(usageLimitId=known[0]["usageLimitId"], **limit)
    else:
        redshift.create_usage_limit(resourceArn=arn, usageType=_LIMIT, period="daily", **limit)
