"""What a data set reads: its one physical table, the columns that it declares, and the transforms that follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from localaws.core import NotSupported
from localaws.quicksight.columns import Column, declared, output_columns
from localaws.quicksight.records import Records
from localaws.quicksight.shared import invalid


def physical_table(tables: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind (RelationalTable or CustomSql) and the details of the only physical table."""
    if len(tables) != 1:
        raise NotSupported(f"PhysicalTableMap has {len(tables)} tables; one is supported: join them in the SQL")
    (table,) = tables.values()
    ((kind, details),) = table.items()
    if kind not in ("RelationalTable", "CustomSql"):
        raise NotSupported(f"PhysicalTableMap: {kind} is not read here; use RelationalTable or CustomSql on Athena")
    return kind, details


def inputs(physical: Mapping[str, Any], logical: Mapping[str, Any]) -> tuple[list[Column], list[Any]]:
    """The columns that the physical table declares, and the transforms that follow."""
    kind, details = physical_table(physical)
    columns = declared(details.get("InputColumns") or details.get("Columns") or [], kind)
    return columns, transforms_of(physical, logical)


def transforms_of(physical: Mapping[str, Any], logical: Mapping[str, Any]) -> list[Any]:
    """The transforms of the only logical table; none where there is no logical table."""
    if not logical:
        return []
    if len(logical) != 1:
        raise NotSupported(f"LogicalTableMap has {len(logical)} tables; one is supported: join them in the SQL")
    (table,) = logical.values()
    source = table["Source"]
    if list(source) != ["PhysicalTableId"]:
        raise NotSupported(f"LogicalTableMap: a source by {sorted(source)} is not read here; use PhysicalTableId")
    if source["PhysicalTableId"] not in physical:
        raise invalid(f"LogicalTableMap names the physical table {source['PhysicalTableId']!r}, which is not there")
    return list(table.get("DataTransforms") or [])


def schemas_of(data_sets: Records, names: Iterable[str]) -> dict[str, list[Column] | None]:
    """The output columns of data sets by id; None for one that is not there."""
    schemas: dict[str, list[Column] | None] = {}
    for name in names:
        record = data_sets.get(name)
        if record is None:
            schemas[name] = None
        else:
            schemas[name] = output_columns(*inputs(record["PhysicalTableMap"], record["LogicalTableMap"]))
    return schemas
