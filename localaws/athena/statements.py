"""What a statement may be: one class for each kind, holding what the statement says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class Name:
    """A table, view or database's table as it was written; database None means the query's own."""

    database: str | None
    table: str

    def text(self, database: str) -> str:
        """``database.table``."""
        return f"{self.database or database}.{self.table}"


@dataclass(frozen=True)
class ColumnSpec:
    """A column of a CREATE TABLE: its Hive type text and comment."""

    name: str
    type: str
    comment: str | None = None

    def glue(self) -> dict[str, str]:
        """As the Glue catalog keeps it."""
        return {"Name": self.name, "Type": self.type} | ({"Comment": self.comment} if self.comment else {})


@dataclass(frozen=True)
class Statement:
    """Any statement. ``statement_type`` and ``substatement_type`` are what GetQueryExecution says of it.

    ending: what the result object's name has behind the execution's id.
    """

    statement_type: ClassVar[str] = "DDL"
    substatement_type: ClassVar[str] = ""
    ending: ClassVar[str] = ".txt"


@dataclass(frozen=True)
class Select(Statement):
    """A query."""

    statement_type = "DML"
    substatement_type = "SELECT"
    ending = ".csv"
    sql: str


@dataclass(frozen=True)
class Explain(Statement):
    """EXPLAIN of a query."""

    statement_type = "UTILITY"
    substatement_type = "EXPLAIN"
    sql: str
    format: str


@dataclass(frozen=True)
class Insert(Statement):
    """INSERT INTO a table, by its columns' order or by the columns named."""

    statement_type = "DML"
    substatement_type = "INSERT"
    ending = ""
    name: Name
    columns: tuple[str, ...]
    sql: str


@dataclass(frozen=True)
class Unload(Statement):
    """UNLOAD of a query to a location; properties hold literals or lists of them."""

    statement_type = "DML"
    substatement_type = "UNLOAD"
    ending = ""
    sql: str
    location: str
    properties: Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True)
class CreateTableAs(Statement):
    """CREATE TABLE AS a query."""

    substatement_type = "CREATE_TABLE_AS_SELECT"
    ending = ""
    name: Name
    sql: str
    properties: Mapping[str, str | tuple[str, ...]]
    if_not_exists: bool
    with_data: bool


@dataclass(frozen=True)
class CreateView(Statement):
    """CREATE VIEW."""

    substatement_type = "CREATE_VIEW"
    name: Name
    sql: str
    replace: bool


@dataclass(frozen=True)
class CreateTable(Statement):
    """CREATE EXTERNAL TABLE, Hive's way."""

    substatement_type = "CREATE_TABLE"
    name: Name
    columns: tuple[ColumnSpec, ...]
    partition_keys: tuple[ColumnSpec, ...]
    comment: str | None
    serde: str | None
    serde_properties: Mapping[str, str]
    stored_as: str | None
    input_format: str | None
    output_format: str | None
    location: str
    properties: Mapping[str, str]
    if_not_exists: bool


@dataclass(frozen=True)
class DropTable(Statement):
    """DROP TABLE or DROP VIEW."""

    substatement_type = "DROP_TABLE"
    name: Name
    if_exists: bool
    view: bool


@dataclass(frozen=True)
class CreateDatabase(Statement):
    """CREATE DATABASE or SCHEMA."""

    substatement_type = "CREATE_DATABASE"
    name: str
    if_not_exists: bool
    comment: str | None = None
    location: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DropDatabase(Statement):
    """DROP DATABASE or SCHEMA."""

    substatement_type = "DROP_DATABASE"
    name: str
    if_exists: bool
    cascade: bool


PartitionSpec = Mapping[str, str | None]


@dataclass(frozen=True)
class AddPartitions(Statement):
    """ALTER TABLE ADD PARTITION: each with its location, if one was written."""

    substatement_type = "ALTER_TABLE_ADD_PARTITION"
    name: Name
    partitions: tuple[tuple[PartitionSpec, str | None], ...]
    if_not_exists: bool


@dataclass(frozen=True)
class DropPartitions(Statement):
    """ALTER TABLE DROP PARTITION."""

    substatement_type = "ALTER_TABLE_DROP_PARTITION"
    name: Name
    partitions: tuple[PartitionSpec, ...]
    if_exists: bool


@dataclass(frozen=True)
class RenamePartition(Statement):
    """ALTER TABLE PARTITION RENAME TO PARTITION."""

    substatement_type = "ALTER_TABLE_RENAME_PARTITION"
    name: Name
    old: PartitionSpec
    new: PartitionSpec


@dataclass(frozen=True)
class SetLocation(Statement):
    """ALTER TABLE [PARTITION] SET LOCATION."""

    substatement_type = "ALTER_TABLE_SET_LOCATION"
    name: Name
    partition: PartitionSpec | None
    location: str


@dataclass(frozen=True)
class SetProperties(Statement):
    """ALTER TABLE SET TBLPROPERTIES."""

    substatement_type = "ALTER_TABLE_SET_PROPERTIES"
    name: Name
    properties: Mapping[str, str]


@dataclass(frozen=True)
class AddColumns(Statement):
    """ALTER TABLE ADD or REPLACE COLUMNS."""

    substatement_type = "ALTER_TABLE_ADD_COLUMNS"
    name: Name
    columns: tuple[ColumnSpec, ...]
    replace: bool


@dataclass(frozen=True)
class Repair(Statement):
    """MSCK REPAIR TABLE."""

    substatement_type = "MSCK_REPAIR_TABLE"
    name: Name


@dataclass(frozen=True)
class Show(Statement):
    """SHOW and DESCRIBE: ``what`` is TABLES, DATABASES, VIEWS, PARTITIONS, COLUMNS, CREATE TABLE, … or DESCRIBE."""

    statement_type = "UTILITY"
    what: str
    name: Name | None = None
    database: str | None = None
    like: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Prepare(Statement):
    """PREPARE a statement under a name."""

    substatement_type = "PREPARE"
    name: str
    sql: str


@dataclass(frozen=True)
class Execute(Statement):
    """EXECUTE a prepared statement with literals."""

    statement_type = "DML"
    ending = ".csv"
    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Deallocate(Statement):
    """DEALLOCATE PREPARE."""

    substatement_type = "DEALLOCATE_PREPARE"
    name: str


@dataclass(frozen=True)
class RowChange(Statement):
    """DELETE, UPDATE, MERGE, OPTIMIZE and VACUUM, which only Iceberg tables take; ``verb`` is the first word."""

    statement_type = "DML"
    verb: str
    name: Name
