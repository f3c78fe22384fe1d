"""JSON to Parquet by a table of the Glue catalog."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from localaws.athena.types import parse
from localaws.core import ACCOUNT_ID, REGION, AwsError, NotSupported
from localaws.firehose.json_values import ValueProblem, arrow_type, converter
from localaws.firehose.records import Failure, Record, conversion_failed
from localaws.firehose.timestamps_in import compile_format
from localaws.glue.catalog import Catalog

ROW_GROUP = 100_000
_COMPRESSIONS: Mapping[str, Literal["none", "snappy", "gzip"]] = {
    "UNCOMPRESSED": "none",
    "SNAPPY": "snappy",
    "GZIP": "gzip",
}
_DECODER = json.JSONDecoder()


class SchemaProblem(Exception):
    """The table cannot be used: what its records wait for."""


def check_conversion(given: Mapping[str, Any]) -> None:
    """Raise unless a DataFormatConversionConfiguration can be carried out."""
    schema = given.get("SchemaConfiguration") or {}
    for name in ("RoleARN", "DatabaseName", "TableName"):
        if not schema.get(name):
            raise _invalid(f"DataFormatConversionConfiguration.SchemaConfiguration.{name} must be given.")
    if schema.get("VersionId", "LATEST") != "LATEST":
        raise NotSupported("A SchemaConfiguration with a VersionId is refused: the newest version is used, LATEST.")
    if schema.get("Region", REGION) != REGION:
        raise NotSupported(f"A SchemaConfiguration in {schema['Region']} is refused: the catalog is in {REGION}.")
    readers = (given.get("InputFormatConfiguration") or {}).get("Deserializer") or {}
    if len(readers) != 1:
        raise _invalid("InputFormatConfiguration.Deserializer must be one of OpenXJsonSerDe, HiveJsonSerDe.")
    for form in (readers.get("HiveJsonSerDe") or {}).get("TimestampFormats") or ():
        try:
            if form != "millis":
                compile_format(form)
        except ValueError as error:
            raise NotSupported(f"HiveJsonSerDe: {error}.") from error
    writers = (given.get("OutputFormatConfiguration") or {}).get("Serializer") or {}
    if writers.keys() == {"OrcSerDe"}:
        raise NotSupported("OrcSerDe is refused: the embedded AWS converts to Parquet only. Use ParquetSerDe.")
    if writers.keys() != {"ParquetSerDe"}:
        raise _invalid("OutputFormatConfiguration.Serializer must be one of ParquetSerDe, OrcSerDe.")
    if (compression := writers["ParquetSerDe"].get("Compression", "SNAPPY")) not in _COMPRESSIONS:
        raise _invalid(f"ParquetSerDe.Compression {compression!r} is none of {', '.join(_COMPRESSIONS)}.")


class Conversion:
    """Converts records by the table as it is now. Raises SchemaProblem when the table cannot be used."""

    def __init__(self, given: Mapping[str, Any], catalog: Catalog) -> None:
        schema = given["SchemaConfiguration"]
        self._table = {
            "catalogId": schema.get("CatalogId", ACCOUNT_ID),
            "databaseName": schema["DatabaseName"],
            "tableName": schema["TableName"],
            "region": schema.get("Region", REGION),
            "versionId": schema.get("VersionId", "LATEST"),
        }
        reader = given["InputFormatConfiguration"]["Deserializer"]
        self._openx = reader.get("OpenXJsonSerDe")
        self._insensitive = self._openx is None or self._openx.get("CaseInsensitive", True)
        self._dots = bool((self._openx or {}).get("ConvertDotsInJsonKeysToUnderscores"))
        self._writer = given["OutputFormatConfiguration"]["Serializer"]["ParquetSerDe"]
        formats = tuple((reader.get("HiveJsonSerDe") or {}).get("TimestampFormats") or ())
        if self._openx is None and not formats:
            formats = ("yyyy-MM-dd HH:mm:ss.S",)
        try:
            found = catalog.get_table(schema["DatabaseName"], schema["TableName"])
            columns = [(one["Name"], parse(one["Type"])) for one in found["StorageDescriptor"]["Columns"]]
            self._schema = pa.schema([pa.field(name.lower(), arrow_type(kind)) for name, kind in columns])
            self._columns = [(name, self._key(name), converter(kind, formats)) for name, kind in columns]
        except (AwsError, KeyError, ValueProblem) as error:
            reason = getattr(error, "message", str(error))
            name = f"{schema['DatabaseName']}.{schema['TableName']}"
            raise SchemaProblem(f"The schema of {name} cannot be used: {reason}") from error
        if not columns:
            raise SchemaProblem(f"The table {schema['DatabaseName']}.{schema['TableName']} has no columns.")

    def rows(self, record: Record) -> list[list[Any]] | Failure:
        """The record's rows, one for each JSON object in it, or what to write to the error prefix."""
        try:
            documents = _documents(record.data)
        except (ValueError, RecursionError) as error:
            message = f"Encountered malformed JSON. {error}"
            return conversion_failed(record, "DataFormatConversion.ParseError", message, self._table)
        try:
            return [self._row(document) for document in documents]
        except ValueProblem as error:
            message = f"The data does not match the schema. {error}"
            return conversion_failed(record, "DataFormatConversion.MalformedData", message, self._table)

    def write(self, rows: Iterable[list[Any]], file: Path) -> None:
        """Write rows to a Parquet file."""
        columns = list(zip(*rows, strict=True))
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self._schema, strict=True)]
        pq.write_table(
            pa.Table.from_arrays(arrays, schema=self._schema),
            file,
            compression=_COMPRESSIONS[self._writer.get("Compression", "SNAPPY")],
            use_dictionary=bool(self._writer.get("EnableDictionaryCompression", False)),
            data_page_version="2.0" if self._writer.get("WriterVersion") == "V2" else "1.0",
            data_page_size=self._writer.get("PageSizeBytes", 1 << 20),
            row_group_size=ROW_GROUP,
            use_deprecated_int96_timestamps=True,  # as Hive's writer, which Firehose uses
        )

    def _key(self, column: str) -> str:
        """The JSON key that a column's value is under."""
        mapped = str(((self._openx or {}).get("ColumnToJsonKeyMappings") or {}).get(column, column))
        return mapped.lower() if self._insensitive else mapped

    def _row(self, document: Mapping[str, Any]) -> list[Any]:
        named = {self._named(key): value for key, value in document.items()}
        row = []
        for name, key, convert in self._columns:
            try:
                row.append(convert(named.get(key)))
            except ValueProblem as error:
                raise ValueProblem(f"Column {name}: {error}") from error
        return row

    def _named(self, key: str) -> str:
        if self._dots:
            key = key.replace(".", "_")
        return key.lower() if self._insensitive else key


def _documents(data: bytes) -> list[dict[str, Any]]:
    """The JSON objects in a record, which may hold several."""
    text = data.decode()
    found, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        document, at = _DECODER.raw_decode(text, at)
        if not isinstance(document, dict):
            raise ValueError("It is not a JSON object.")
        found.append(document)
    if not found:
        raise ValueError("It is empty.")
    return found


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidArgumentException", message)
