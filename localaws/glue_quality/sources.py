"""The tables that a run is about: looked up in the catalog, with the partitions that were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.core import ACCOUNT_ID, AwsError, NotSupported
from localaws.glue.catalog import Catalog
from localaws.glue_quality.asking import Table

_PREDICATES = ("pushDownPredicate", "catalogPartitionPredicate")


def table_of(catalog: Catalog, source: Mapping[str, Any]) -> Table:
    """The table that a DataSource names. Raises EntityNotFoundException, InvalidInputException, NotSupported."""
    given = source.get("GlueTable") or source.get("DataQualityGlueTable")
    if not given:
        raise AwsError("InvalidInputException", "The data source names no GlueTable.")
    if given.get("CatalogId", ACCOUNT_ID) != ACCOUNT_ID:
        raise AwsError("InvalidInputException", f"There is no catalog but {ACCOUNT_ID}.")
    for field in ("ConnectionName", "PreProcessingQuery"):
        if given.get(field):
            raise NotSupported(f"DataSource: {field} is not done by the embedded Glue; name a table of the catalog")
    options = dict(given.get("AdditionalOptions") or {})
    predicates = [options.pop(name) for name in _PREDICATES if options.get(name)]
    if options:
        raise NotSupported(
            f"AdditionalOptions: {', '.join(sorted(options))} is not done; {' and '.join(_PREDICATES)} are"
        )
    table = catalog.get_table(given["DatabaseName"], given["TableName"])
    columns = [*table["StorageDescriptor"].get("Columns", ()), *table.get("PartitionKeys", ())]
    return Table(
        database=given["DatabaseName"].lower(),
        name=given["TableName"].lower(),
        columns={column["Name"].lower(): column.get("Type", "string") for column in columns},
        predicate=" AND ".join(f"({predicate})" for predicate in predicates) or None,
    )
