"""What the Data API says of databases, schemas and tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import duckdb

from localaws.core import AwsError, Call, Handler
from localaws.redshift import results
from localaws.redshift.catalog import PUBLIC, Catalog

Json = dict[str, Any]


class Metadata:
    """The operations; ``place`` gives a request's workgroup, database and session."""

    def __init__(self, serverless: Any, place: Callable[[Mapping[str, Any]], tuple[str, str, str | None]]) -> None:
        self._serverless = serverless
        self._place = place
        self.operations: Mapping[str, Handler] = {
            "ListDatabases": self._list_databases,
            "ListSchemas": self._list_schemas,
            "ListTables": self._list_tables,
            "DescribeTable": self._describe_table,
        }

    def _catalog(self, call: Call) -> tuple[Json, Catalog, duckdb.DuckDBPyConnection]:
        workgroup, name, _ = self._place({**call.params, "SessionKeepAliveSeconds": 0})
        namespace, database = self._serverless.database(workgroup)
        if name != namespace["dbName"]:
            raise AwsError("ValidationException", f'FATAL: database "{name}" does not exist')
        connection = database.session()
        return namespace, Catalog(connection), connection

    def _list_databases(self, call: Call) -> Json:
        namespace, _, connection = self._catalog(call)
        connection.close()
        return paged("Databases", [namespace["dbName"]], call.params)

    def _list_schemas(self, call: Call) -> Json:
        _, catalog, connection = self._catalog(call)
        with connection:
            names = [name for name in catalog.schemas() if _like(name, call.params.get("SchemaPattern"))]
        return paged("Schemas", names, call.params)

    def _list_tables(self, call: Call) -> Json:
        _, catalog, connection = self._catalog(call)
        with connection:
            found = [
                {"name": one.name, "type": "VIEW" if "VIEW" in one.kind else "TABLE", "schema": one.schema}
                for one in catalog.all()
                if _like(one.schema, call.params.get("SchemaPattern"))
                and _like(one.name, call.params.get("TablePattern"))
            ]
        return paged("Tables", found, call.params)

    def _describe_table(self, call: Call) -> Json:
        schema, table = call.params.get("Schema") or PUBLIC, call.params.get("Table")
        if not table:
            raise AwsError("ValidationException", "Table must be given.")
        _, catalog, connection = self._catalog(call)
        with connection:
            relation = catalog.find(schema.lower(), table.lower())
        if relation is None:
            return {"TableName": table, "ColumnList": []}
        columns = [
            results.column_metadata(
                column.name,
                column.kind,
                nullable=int(column.nullable),
                schemaName=relation.schema,
                tableName=relation.name,
                columnDefault=column.default if not column.identity else f'"identity"({column.default})',
            )
            for column in relation.columns
        ]
        return {"TableName": relation.name, **paged("ColumnList", columns, call.params)}


def _like(name: str, pattern: str | None) -> bool:
    if not pattern:
        return True
    text = "".join({"%": ".*", "_": "."}.get(one, re.escape(one)) for one in pattern)
    return re.fullmatch(text, name, re.IGNORECASE | re.DOTALL) is not None


def paged(name: str, items: list[Any], given: Mapping[str, Any]) -> Json:
    """A page of a list, by MaxResults and NextToken."""
    token = given.get("NextToken") or "0"
    if not token.isdigit():
        raise AwsError("ValidationException", "The NextToken is not one that this operation gave.")
    start = int(token)
    end = start + (given.get("MaxResults") or 1000)
    return {name: items[start:end], **({"NextToken": str(end)} if end < len(items) else {})}
