"""INSERT INTO, CREATE TABLE AS and UNLOAD: a query's rows become objects, then the catalog learns of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from localaws.athena import projection, storage
from localaws.athena import statements as st
from localaws.athena.errors import QueryError
from localaws.athena.lake import Lake, is_view
from localaws.athena.locations import Location
from localaws.athena.locations import parse as parse_location
from localaws.athena.partitions import path_of
from localaws.athena.results import Columns
from localaws.athena.tables import Table
from localaws.athena.types import Type, quote
from localaws.athena.types import parse as parse_type
from localaws.athena.writing import Output, Written, checked_columns, output_of, remove, write
from localaws.core import AwsError

WIDENING = ("tinyint", "smallint", "integer", "bigint", "decimal", "real", "double")


@dataclass
class Writing:
    """What writing takes: the lake, the statement's cursor and folder, and the execution's marks."""

    lake: Lake
    cursor: duckdb.DuckDBPyConnection
    folder: Path
    mark: Callable[[str], None]
    enforced: bool

    def write(
        self, sql: str, columns: Columns, keys: int, output: Output, place: Callable[[tuple[str, ...]], Location]
    ) -> Written:
        """Write rows, all or none."""
        return write(self.cursor, self.lake.store, self.folder, sql, columns, keys, output, place)

    def query(self, sql: str) -> tuple[str, Columns]:
        """A query's SQL and typed columns."""
        found = self.lake.translate(sql)
        self.mark("planned")
        return found.sql, [(column.name, parse_type(column.type)) for column in found.columns]


def unload(statement: st.Unload, writing: Writing) -> Written:
    """Write a query's rows to an empty location."""
    output, keys = output_of({"format": "PARQUET", **statement.properties}, unload=True)
    place = parse_location(statement.location)
    sql, columns = writing.query(statement.sql)
    columns = checked_columns(columns, keys, named=False)
    _need_empty(writing.lake, place)
    return writing.write(
        sql, columns, len(keys), output, lambda values: Location(place.bucket, place.prefix + path_of(keys, values))
    )


def _need_empty(lake: Lake, place: Location) -> None:
    if next(iter(lake.store.list(place.bucket, place.prefix)), None) is not None:
        raise QueryError("HIVE_PATH_ALREADY_EXISTS", f"Target directory for table already exists: {place.uri}")


def create_table_as(statement: st.CreateTableAs, writing: Writing, default: str) -> Written:
    """Make a table of a query's rows, at its external_location or at ``default``."""
    lake = writing.lake
    database, name = statement.name.database or lake.database, statement.name.table
    lake.need_database(database)
    if any(one["Name"] == name for one in lake.catalog.tables(database)):
        if statement.if_not_exists:
            return Written(0, (), ())
        raise QueryError("TABLE_ALREADY_EXISTS", f"line 1:1: Table 'awsdatacatalog.{database}.{name}' already exists")
    output, keys = output_of(statement.properties)
    keys = [key.lower() for key in keys]
    external = statement.properties.get("external_location")
    if external and writing.enforced:
        raise AwsError(
            "InvalidRequestException",
            "The Create Table As Select query failed because it was submitted with an 'external_location' property to "
            "an Athena Workgroup that enforces a centralized output location for all queries. Please remove it.",
        )
    place = parse_location(str(external or default))
    sql, columns = writing.query(statement.sql)
    columns = checked_columns(columns, keys)
    _need_empty(lake, place)
    if not statement.with_data:
        sql = f"SELECT * FROM ({sql}) AS athena_empty WHERE false"
    written = writing.write(
        sql, columns, len(keys), output, lambda values: Location(place.bucket, place.prefix + path_of(keys, values))
    )
    try:
        _register(lake, database, name, columns, keys, output, place, written)
    except BaseException:
        remove(lake.store, written.objects)
        raise
    return written


def _register(
    lake: Lake,
    database: str,
    name: str,
    columns: Columns,
    keys: list[str],
    output: Output,
    place: Location,
    made: Written,
) -> None:
    glue = [{"Name": label, "Type": kind.hive} for label, kind in columns]
    count = len(glue) - len(keys)
    stored_as = {"parquet": "parquet", "text": "textfile", "json": "json"}[output.format]
    properties = {"field.delim": output.delimiter} if output.format == "text" else {}
    given = {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "StorageDescriptor": storage.descriptor(stored_as, glue[:count], place.uri, properties),
        "PartitionKeys": glue[count:],
        "Parameters": {"EXTERNAL": "TRUE", "has_encrypted_data": "false", "classification": stored_as},
    }
    lake.catalog.create_table(database, given)
    inputs = [storage.partition_input(given, values, place.uri + path_of(keys, values)) for values in made.partitions]
    if inputs:
        lake.catalog.create_partitions(database, name, inputs)


def insert(statement: st.Insert, writing: Writing) -> Written:
    """Add a query's rows to a table as new objects; partitions that are new are registered."""
    lake = writing.lake
    database = statement.name.database or lake.database
    if is_view(lake.definition(database, statement.name.table)):
        raise QueryError("NOT_SUPPORTED", "Inserting into views is not supported")
    table = lake.table(database, statement.name.table)
    sql, given = writing.query(statement.sql)
    columns = (*table.columns, *table.keys)
    sql = _in_order(sql, given, columns, statement.columns)
    keys = [name for name, _ in table.keys]
    known = {} if projection.enabled(table) else {one.values: one.location for one in lake.partitions(table)}
    root = parse_location(table.location)

    def place(values: tuple[str, ...]) -> Location:
        return known.get(values) or Location(root.bucket, root.prefix + path_of(keys, values))

    written = writing.write(sql, columns, len(keys), _output(table), place)
    new = [values for values in written.partitions if values not in known]
    if new and not projection.enabled(table):
        inputs = [storage.partition_input(table.definition, values, place(values).uri) for values in new]
        try:
            lake.catalog.create_partitions(table.database, table.name, inputs)
        except BaseException:
            remove(lake.store, written.objects)
            raise
    return written


def _output(table: Table) -> Output:
    """How the table's own format is written."""
    if table.format == "csv":
        raise QueryError("NOT_SUPPORTED", f"INSERT INTO {table.name}: tables of OpenCSVSerDe can only be read here")
    if table.format == "parquet":
        name = table.properties.get("parquet.compression") or table.properties.get("parquet.compress") or "SNAPPY"
        return Output("parquet", name.upper().replace("UNCOMPRESSED", "NONE"))
    compression = table.properties.get("write.compression", "GZIP").upper()
    if table.format == "json":
        return Output("json", compression)
    properties = table.serde_properties
    if properties.get("escape.delim"):
        raise QueryError(
            "NOT_SUPPORTED", f"INSERT INTO {table.name}: a text table with an escape can only be read here"
        )
    default = properties.get("serialization.format", "1")
    delimiter = properties.get("field.delim", "\x01" if default == "1" else default)
    return Output("text", compression, delimiter, properties.get("serialization.null.format", "\\N"))


def _in_order(sql: str, given: Columns, columns: tuple[tuple[str, Type], ...], named: tuple[str, ...]) -> str:
    """The query with the table's columns in the table's types; columns that are not named are NULL."""
    wanted = dict(columns)
    targets = named or tuple(wanted)
    for name in targets:
        if name not in wanted:
            raise QueryError("COLUMN_NOT_FOUND", f"Insert column name does not exist in target table: {name}")
    kinds = [wanted[name] for name in targets]
    fits = len(kinds) == len(given) and all(coercible(kind, to) for (_, kind), to in zip(given, kinds, strict=False))
    if not fits:
        table_types = ", ".join(kind.athena for kind in kinds)
        query_types = ", ".join(kind.athena for _, kind in given)
        raise QueryError(
            "TYPE_MISMATCH",
            f"Insert query has mismatched column types: Table: [{table_types}], Query: [{query_types}]",
        )
    at = {name: f"CAST(c{index} AS {wanted[name].duckdb})" for index, name in enumerate(targets)}
    fields = ", ".join(f"{at.get(name, f'CAST(NULL AS {kind.duckdb})')} AS {quote(name)}" for name, kind in columns)
    names = ", ".join(f"c{index}" for index in range(len(given)))
    return f"SELECT {fields} FROM ({sql}) AS athena_given({names})"


def coercible(given: Type, wanted: Type) -> bool:
    """Whether Trino puts a value of one type into a column of the other by itself."""
    if given == wanted or given.base == "unknown":
        return True
    if given.base in WIDENING and wanted.base in WIDENING:
        if given.base == wanted.base == "decimal":
            whole = given.args[0] - given.args[1] <= wanted.args[0] - wanted.args[1]
            return whole and given.args[1] <= wanted.args[1]
        return WIDENING.index(given.base) <= WIDENING.index(wanted.base)
    if given.base == "date" and wanted.base == "timestamp":
        return True
    if given.base in ("varchar", "char") and wanted.base in ("varchar", "char"):
        return not wanted.args or bool(given.args and given.args[0] <= wanted.args[0])
    if given.base != wanted.base or len(given.fields) != len(wanted.fields):
        return False
    pairs = zip(given.fields, wanted.fields, strict=True)
    return all(coercible(own[1], other[1]) for own, other in pairs)
