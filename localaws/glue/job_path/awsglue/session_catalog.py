"""``--enable-glue-datacatalog``: Spark SQL reads the Data Catalog's tables by their names, ``database.table``.

A statement is parsed first, and the tables that it names are declared to Spark as the catalog has them at that moment.
Statements that would change the catalog are refused.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pyspark.sql import DataFrame, DataFrameReader, DataFrameWriter, SparkSession

from . import catalog, files, tables

_RELATION = re.compile(r"Unresolved(?:Relation|Table|TableOrView) \[([^\]]+)\]")
_NAMESPACE = re.compile(r"UnresolvedNamespace \[([^\]]+)\]")
_CHANGES = (
    "AddColumns",
    "AddPartitions",
    "AlterColumn",
    "AlterTable",
    "CreateNamespace",
    "CreateTable",
    "DeleteFrom",
    "DropColumns",
    "DropNamespace",
    "DropPartitions",
    "DropTable",
    "InsertInto",
    "LoadData",
    "MergeInto",
    "RecoverPartitions",
    "RenameColumn",
    "RenamePartitions",
    "RenameTable",
    "ReplaceColumns",
    "ReplaceTable",
    "RepairTable",
    "SetNamespace",
    "SetTable",
    "TruncateTable",
    "UpdateTable",
    "UnsetTable",
)
_AT_ONCE = 500  # partitions of one statement

_sql, _table, _read_table = SparkSession.sql, SparkSession.table, DataFrameReader.table
_declared: dict[str, str] = {}


def _declare_named(session: SparkSession, text: str) -> None:
    """Declare what a statement names. Raises NotImplementedError for one that changes the catalog."""
    plan = session._jsparkSession.sessionState().sqlParser().parsePlan(text)
    kind = plan.getClass().getSimpleName()
    shown = plan.toString()
    if kind.startswith(_CHANGES):
        raise NotImplementedError(
            f"A job's SQL cannot change the Data Catalog here ({kind}): write files and register them by getSink with "
            "enableUpdateCatalog, by a crawler, or by boto3."
        )
    if kind in ("ShowNamespaces", "ShowTables", "SetCatalogAndNamespace"):
        _declare_databases(session)
    if kind == "ShowTables":
        for name in _NAMESPACE.findall(shown):
            _declare_all(session, name.split(", ")[-1])
    for name in _RELATION.findall(shown):
        _declare(session, name.split(", "))


def _declare_databases(session: SparkSession) -> None:
    for page in catalog.client().get_paginator("get_databases").paginate():
        for database in page["DatabaseList"]:
            _sql(session, f"CREATE DATABASE IF NOT EXISTS {_quoted(database['Name'])}")


def _declare_all(session: SparkSession, database: str) -> None:
    for page in catalog.client().get_paginator("get_tables").paginate(DatabaseName=database):
        for table in page["TableList"]:
            _declare(session, [database, table["Name"]])


def _declare(session: SparkSession, name: list[str]) -> None:
    """Declare a table of the catalog to Spark, anew if it changed; one that is not in the catalog is let be."""
    if len(name) > 2 and name[0] == "spark_catalog":
        name = name[1:]
    if len(name) == 1:
        name = [session.catalog.currentDatabase(), *name]
    if len(name) != 2 or (table := catalog.find_table(name[0], name[1])) is None:
        return
    keys = table.get("PartitionKeys") or []
    found = catalog.partitions(table) if keys else []
    places = [(one["Values"], one["StorageDescriptor"]["Location"]) for one in found]
    signature = json.dumps([table["StorageDescriptor"], keys, places], default=str)
    full = f"{_quoted(name[0])}.{_quoted(name[1])}"
    if _declared.get(full) == signature:
        session.catalog.refreshTable(full)
        return
    kind = tables.format_of(table)
    columns = [f"{_quoted(one['Name'])} {one['Type']}" for one in [*table["StorageDescriptor"]["Columns"], *keys]]
    options = files.reader_options(kind, tables.text_options(table, kind))
    given = ", ".join(f"{_text(key)} {_text(value)}" for key, value in options.items())
    _sql(session, f"CREATE DATABASE IF NOT EXISTS {_quoted(name[0])}")
    _sql(session, f"DROP TABLE IF EXISTS {full}")
    _sql(
        session,
        f"CREATE TABLE {full} ({', '.join(columns)}) USING {kind}"
        + (f" OPTIONS ({given})" if given else "")
        + (f" PARTITIONED BY ({', '.join(_quoted(key['Name']) for key in keys)})" if keys else "")
        + f" LOCATION {_text(table['StorageDescriptor']['Location'])}",
    )
    for start in range(0, len(places), _AT_ONCE):
        _sql(
            session, f"ALTER TABLE {full} ADD " + " ".join(_partition(keys, *one) for one in places[start:][:_AT_ONCE])
        )
    _declared[full] = signature


def _partition(keys: list[Any], values: list[str], location: str) -> str:
    pairs = [f"{_quoted(key['Name'])} = {_text(value)}" for key, value in zip(keys, values, strict=True)]
    return f"PARTITION ({', '.join(pairs)}) LOCATION {_text(location)}"


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _text(value: str) -> str:
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _session_sql(self: SparkSession, sqlQuery: str, *args: Any, **kwargs: Any) -> DataFrame:
    _declare_named(self, sqlQuery)
    return _sql(self, sqlQuery, *args, **kwargs)


def _session_table(self: SparkSession, tableName: str) -> DataFrame:
    _declare_named(self, f"SELECT * FROM {tableName}")
    return _table(self, tableName)


def _reader_table(self: DataFrameReader, tableName: str) -> DataFrame:
    _declare_named(SparkSession.builder.getOrCreate(), f"SELECT * FROM {tableName}")
    return _read_table(self, tableName)


def _refused(self: DataFrameWriter, *_: Any, **__: Any) -> None:
    raise NotImplementedError(
        "saveAsTable and insertInto are not supported here: write files by save and register them by getSink with "
        "enableUpdateCatalog, by a crawler, or by boto3."
    )


SparkSession.sql = _session_sql
SparkSession.table = _session_table
DataFrameReader.table = _reader_table
DataFrameWriter.saveAsTable = DataFrameWriter.insertInto = _refused
