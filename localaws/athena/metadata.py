"""The data catalog as Athena's own API shows it: one catalog, AwsDataCatalog, on Glue."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from localaws.athena.saved import Json, listed, page
from localaws.core import ACCOUNT_ID, AwsError, Call
from localaws.glue.catalog import Catalog

NAME = "AwsDataCatalog"


class Metadata:
    """Data catalogs, databases and tables, to be read only."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.operations = {
            "ListDataCatalogs": self.list_catalogs,
            "GetDataCatalog": self.get_catalog,
            "ListDatabases": self.list_databases,
            "GetDatabase": self.get_database,
            "ListTableMetadata": self.list_tables,
            "GetTableMetadata": self.get_table,
        }

    def list_catalogs(self, call: Call) -> Json:
        """ListDataCatalogs."""
        return {"DataCatalogsSummary": [{"CatalogName": NAME, "Type": "GLUE"}]}

    def get_catalog(self, call: Call) -> Json:
        """GetDataCatalog."""
        _check(call.params["Name"])
        return {"DataCatalog": {"Name": NAME, "Type": "GLUE", "Parameters": {"catalog-id": ACCOUNT_ID}}}

    def list_databases(self, call: Call) -> Json:
        """ListDatabases."""
        _check(call.params["CatalogName"])
        own = {database["Name"]: database for database in self._catalog.databases()}
        names, token = page(sorted(own), call.params)
        return listed("DatabaseList", [_database(own[name]) for name in names], token)

    def get_database(self, call: Call) -> Json:
        """GetDatabase."""
        _check(call.params["CatalogName"])
        return {"Database": _database(_found(self._catalog.get_database, call.params["DatabaseName"]))}

    def list_tables(self, call: Call) -> Json:
        """ListTableMetadata; Expression is a regular expression for names."""
        _check(call.params["CatalogName"])
        database = call.params["DatabaseName"]
        _found(self._catalog.get_database, database)
        own = {table["Name"]: table for table in self._catalog.tables(database)}
        pattern = call.params.get("Expression")
        try:
            names = sorted(name for name in own if not pattern or re.fullmatch(pattern, name))
        except re.error as error:
            raise AwsError("InvalidRequestException", f"Expression {pattern!r} is not a pattern: {error}") from error
        names, token = page(names, call.params)
        return listed("TableMetadataList", [_table(own[name]) for name in names], token)

    def get_table(self, call: Call) -> Json:
        """GetTableMetadata."""
        _check(call.params["CatalogName"])
        found = _found(self._catalog.get_table, call.params["DatabaseName"], call.params["TableName"])
        return {"TableMetadata": _table(found)}


def _check(name: str) -> None:
    if name.lower() != NAME.lower():
        raise AwsError("InvalidRequestException", f"DataCatalog {name} was not found: only {NAME} is here")


def _found(get: Any, *names: str) -> Json:
    try:
        return dict(get(*names))
    except AwsError as error:
        if error.code != "EntityNotFoundException":
            raise
        raise AwsError("MetadataException", f"EntityNotFoundException: {error.message}") from error


def _database(database: Mapping[str, Any]) -> Json:
    found = {"Name": database["Name"], "Parameters": database.get("Parameters") or {}}
    return found | ({"Description": database["Description"]} if database.get("Description") else {})


def _table(table: Mapping[str, Any]) -> Json:
    storage = table.get("StorageDescriptor") or {}
    serde = storage.get("SerdeInfo") or {}
    parameters = dict(table.get("Parameters") or {})
    parameters |= {f"serde.param.{key}": value for key, value in (serde.get("Parameters") or {}).items()}
    for name, value in (
        ("inputformat", storage.get("InputFormat")),
        ("location", storage.get("Location")),
        ("outputformat", storage.get("OutputFormat")),
        ("serde.serialization.lib", serde.get("SerializationLibrary")),
    ):
        if value:
            parameters[name] = value
    found = {
        "Name": table["Name"],
        "TableType": table.get("TableType") or "EXTERNAL_TABLE",
        "Columns": [_column(column) for column in storage.get("Columns") or ()],
        "PartitionKeys": [_column(column) for column in table.get("PartitionKeys") or ()],
        "Parameters": parameters,
    }
    return found | ({"CreateTime": table["CreateTime"]} if table.get("CreateTime") else {})


def _column(column: Mapping[str, Any]) -> Json:
    return {name: column[name] for name in ("Name", "Type", "Comment") if column.get(name)}
