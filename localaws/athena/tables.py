"""A Glue table as the engine reads it: columns, format, and the DuckDB query over the objects that hold its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os.path import commonprefix
from typing import Any

from localaws.athena.errors import QueryError
from localaws.athena.locations import Location, is_hidden
from localaws.athena.partitions import Partition
from localaws.athena.types import Type, literal, parse
from localaws.s3.store import ObjectInfo, Store

PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
OPENX_JSON = "org.openx.data.jsonserde.JsonSerDe"
HIVE_JSON = "org.apache.hive.hcatalog.data.JsonSerDe"
HIVE_JSON_3 = "org.apache.hadoop.hive.serde2.JsonSerDe"
FORMATS = {
    PARQUET: "parquet",
    LAZY: "text",
    OPEN_CSV: "csv",
    OPENX_JSON: "json",
    HIVE_JSON: "json",
    HIVE_JSON_3: "json",
}


# Columns that every table has and ``*`` does not show.
HIDDEN = (("$path", parse("varchar")), ("$file_size", parse("bigint")))

# So many partitions are listed one by one.
FEW = 16


@dataclass(frozen=True)
class TableFile:
    """One object of a table with the texts of its partition's values."""

    info: ObjectInfo
    values: tuple[str, ...]

    @property
    def uri(self) -> str:
        """Its S3 URI."""
        return f"s3://{self.info.bucket}/{self.info.key}"

    def hidden(self, name: str) -> str:
        """The SQL literal of one of the HIDDEN columns in this object's rows."""
        return literal(self.uri) if name == "$path" else str(self.info.size)


@dataclass(frozen=True)
class Table:
    """What the catalog says of a table: typed columns, partition keys, format and where it is."""

    database: str
    name: str
    columns: tuple[tuple[str, Type], ...]
    keys: tuple[tuple[str, Type], ...]
    serde: str
    serde_properties: Mapping[str, str]
    properties: Mapping[str, str]
    location: str
    definition: Mapping[str, Any] = field(repr=False)

    @property
    def format(self) -> str:
        """``parquet``, ``text``, ``csv`` or ``json``; raises QueryError for any other."""
        if self.properties.get("table_type", "").upper() == "ICEBERG":
            raise QueryError("NOT_SUPPORTED", f"{self.database}.{self.name} is an Iceberg table; not supported here")
        if self.serde not in FORMATS:
            known = ", ".join(sorted(FORMATS))
            raise QueryError(
                "HIVE_UNSUPPORTED_FORMAT",
                f"{self.database}.{self.name} has SerDe {self.serde or '(none)'}; supported here: {known}",
            )
        return FORMATS[self.serde]


def table(definition: Mapping[str, Any], database: str) -> Table:
    """Read a table of the Glue API's shape."""
    storage = definition.get("StorageDescriptor") or {}
    serde = storage.get("SerdeInfo") or {}
    return Table(
        database,
        definition["Name"],
        tuple((column["Name"].lower(), parse(column["Type"])) for column in storage.get("Columns") or ()),
        tuple((column["Name"].lower(), parse(column["Type"])) for column in definition.get("PartitionKeys") or ()),
        serde.get("SerializationLibrary") or "",
        serde.get("Parameters") or {},
        definition.get("Parameters") or {},
        storage.get("Location") or "",
        definition,
    )


def files(store: Store, partitions: Sequence[Partition]) -> list[TableFile]:
    """All files of these partitions (an unpartitioned table is one partition without values)."""
    if len(partitions) <= FEW:
        return [TableFile(info, one.values) for one in partitions for info in objects(store, one.location)]
    found: list[TableFile] = []
    for bucket in dict.fromkeys(one.location.bucket for one in partitions):
        own: dict[str, list[Partition]] = {}
        for one in partitions:
            if one.location.bucket == bucket:
                own.setdefault(one.location.prefix, []).append(one)
        found += _walk(store, bucket, own)
    return found


def objects(store: Store, location: Location) -> Iterator[ObjectInfo]:
    """The objects at a location that hold rows."""
    for info in store.list(location.bucket, location.prefix):
        if info.size and not is_hidden(info.key, location.prefix):
            yield info


def _walk(store: Store, bucket: str, partitions: Mapping[str, Sequence[Partition]]) -> list[TableFile]:
    """The files of many partitions in one listing; given up for single ones if too much else lies in between."""
    found: list[TableFile] = []
    others = 0
    for info in store.list(bucket, commonprefix(list(partitions))):
        before = len(found)
        slash = info.key.rfind("/")
        while slash >= 0:
            prefix = info.key[: slash + 1]
            if prefix in partitions and info.size and not is_hidden(info.key, prefix):
                found += [TableFile(info, one.values) for one in partitions[prefix]]
            slash = info.key.rfind("/", 0, slash)
        others += len(found) == before
        if others > 4 * len(partitions):
            singles = [one for same in partitions.values() for one in same]
            return [TableFile(info, one.values) for one in singles for info in objects(store, one.location)]
    return found
