"""COPY … FROM 's3://…': Parquet by position, CSV and delimited text with Redshift's rules for bad rows."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from localaws.athena.types import quote
from localaws.redshift import copying_text
from localaws.redshift.casts import assign
from localaws.redshift.catalog import Column, Relation
from localaws.redshift.errors import SqlError, Unsupported
from localaws.redshift.parsing import Reader
from localaws.redshift.s3_places import objects
from localaws.redshift.scope import Typed
from localaws.redshift.types import Type, text
from localaws.redshift.work import Work
from localaws.s3.objects import ObjectInfo

BATCH_ROWS = 100_000
_IGNORED = ("COMPUPDATE", "STATUPDATE")


@dataclass
class Options:
    """What a COPY says beside its table and its place."""

    form: str = "TEXT"
    delimiter: str = ""
    quote: str = '"'
    skip: int = 0
    compression: str = ""
    max_errors: int = 0
    manifest: bool = False
    null: str = "\\N"
    empty_as_null: bool = False
    blanks_as_null: bool = False
    truncate: bool = False
    trim: bool = False
    explicit_ids: bool = False
    fill: bool = False
    role: bool = False


def read_options(reader: Reader) -> Options:
    """The options behind FROM '…', in any order."""
    found = Options()
    while not reader.done:
        _read_option(reader, found)
    if not found.role:
        raise SqlError("COPY needs IAM_ROLE: the credentials by which Redshift reads S3")
    if found.form == "PARQUET":
        given = found.delimiter or found.skip or found.compression or found.max_errors or found.empty_as_null
        if given:
            raise SqlError("These options are not valid for COPY from columnar files")
    elif found.fill:
        raise Unsupported("FILLRECORD of COPY from text")
    found.delimiter = found.delimiter or ("," if found.form == "CSV" else "|")
    if len(found.delimiter) != 1:
        raise SqlError("COPY delimiter must be a single character")
    return found


def _read_option(reader: Reader, found: Options) -> None:
    if reader.take("IAM_ROLE"):
        found.role = True
        if not reader.take("DEFAULT"):
            reader.string()
    elif reader.take("FORMAT"):
        reader.take("AS")
        _form(reader, found)
    elif reader.word in ("CSV", "PARQUET", "ORC", "AVRO", "JSON", "FIXEDWIDTH", "SHAPEFILE"):
        _form(reader, found)
    elif reader.take("DELIMITER"):
        reader.take("AS")
        found.delimiter = reader.string().replace("\\t", "\t")
    elif reader.take("QUOTE"):
        reader.take("AS")
        found.quote = reader.string()
    elif reader.take("IGNOREHEADER"):
        reader.take("AS")
        found.skip = reader.whole()
    elif reader.take("MAXERROR"):
        reader.take("AS")
        found.max_errors = reader.whole()
        if found.max_errors > 100_000:
            raise SqlError("MAXERROR must be from 0 to 100000")
    elif reader.take("NULL"):
        reader.take("AS")
        found.null = reader.string().replace("\\0", "\0").replace("\\\\", "\\")
    elif reader.word in ("GZIP", "BZIP2", "ZSTD", "LZOP"):
        found.compression = reader.next().text.upper()
        if found.compression == "LZOP":
            raise Unsupported("LZOP")
    elif reader.take("REGION"):
        reader.take("AS")
        reader.string()
    elif reader.take("DATEFORMAT") or reader.take("TIMEFORMAT"):
        reader.take("AS")
        if (given := reader.string()) not in ("auto", "YYYY-MM-DD", "YYYY-MM-DD HH:MI:SS"):
            raise Unsupported(f"DATEFORMAT or TIMEFORMAT {given!r}; ISO dates are read")
    elif reader.word in _IGNORED:
        reader.next()
        if reader.word in ("ON", "OFF", "TRUE", "FALSE", "PRESET"):
            reader.next()
    else:
        _read_flag(reader, found)


def _read_flag(reader: Reader, found: Options) -> None:
    flags = {
        "MANIFEST": "manifest",
        "EMPTYASNULL": "empty_as_null",
        "BLANKSASNULL": "blanks_as_null",
        "TRUNCATECOLUMNS": "truncate",
        "TRIMBLANKS": "trim",
        "EXPLICIT_IDS": "explicit_ids",
        "FILLRECORD": "fill",
    }
    if reader.word not in flags:
        known = (
            "ACCEPTINVCHARS",
            "ESCAPE",
            "REMOVEQUOTES",
            "CREDENTIALS",
            "ENCODING",
            "ENCRYPTED",
            "NOLOAD",
            "ROUNDEC",
            "SERIALIZETOJSON",
            "SSH",
            "READRATIO",
            "IGNOREBLANKLINES",
            "IGNOREALLERRORS",
            "ACCEPTANYDATE",
            "ACCESS_KEY_ID",
            "MASTER_SYMMETRIC_KEY",
        )
        raise Unsupported(f"{reader.word} of COPY") if reader.word in known else reader.unexpected()
    setattr(found, flags[reader.next().text.upper()], True)


def _form(reader: Reader, found: Options) -> None:
    name = reader.next().text.upper()
    if name not in ("CSV", "PARQUET"):
        raise Unsupported(f"COPY of the format {name}")
    found.form = name


def copy(work: Work, reader: Reader) -> int:
    """COPY; the number of rows loaded."""
    relation = work.catalog.get(*reader.qualified())
    if relation.kind != "TABLE":
        raise SqlError(f'cannot copy to {relation.kind.lower()} "{relation.name}"')
    names = reader.names() if reader.word == "(" else []
    reader.need("FROM")
    place = reader.string()
    if not place.startswith("s3://"):
        raise Unsupported(f"COPY from {place.partition(':')[0] or 'there'}; only s3:// is read")
    options = read_options(reader)
    columns = _columns(relation, names, options)
    columnar = options.form == "PARQUET"
    found = objects(work.world.store, place, manifest=options.manifest, sized=columnar)
    if columnar:
        return sum(_parquet(work, relation, columns, info, fill=options.fill) for info in found)
    return copying_text.load(work, relation, columns, found, options)


def _columns(relation: Relation, names: list[str], options: Options) -> list[Column]:
    """The columns that a file's fields go to, in order."""
    by_name = {column.name: column for column in relation.columns}
    for name in names:
        if name not in by_name:
            raise SqlError(f'column "{name}" of relation "{relation.name}" does not exist')
        if by_name[name].identity == "always" and not options.explicit_ids:
            raise SqlError("Column mappings cannot contain an identity column without EXPLICIT_IDS")
    if names:
        return [by_name[name] for name in names]
    return [column for column in relation.columns if not column.identity or options.explicit_ids]


def _parquet(work: Work, relation: Relation, columns: list[Column], info: ObjectInfo, *, fill: bool) -> int:
    """Load one file; fill: columns at the end that it lacks become null."""
    uri = f"s3://{info.bucket}/{info.key}"
    try:
        file = pq.ParquetFile(info.path)
    except (pa.ArrowInvalid, OSError) as error:
        raise SqlError(f"Spectrum Scan Error: File '{uri}' is not a valid Parquet file") from error
    with file:
        schema = file.schema_arrow
        if fill and len(schema) < len(columns):
            columns = columns[: len(schema)]
        if len(schema) != len(columns):
            raise SqlError(
                "Spectrum Scan Error: Unmatched number of columns between table and file. Table columns: "
                f"{len(columns)}, Data columns: {len(schema)}, File name: {uri}"
            )
        items = []
        for place, (field, column) in enumerate(zip(schema, columns, strict=True)):
            kind = _parquet_type(field.type)
            if kind is None or not _fits(kind, column.kind):
                raise SqlError(
                    f"Spectrum Scan Error: File '{uri}' has an incompatible Parquet schema for column "
                    f"'{relation.name}.{column.name}'. Column type: {str(column.kind).upper()}, "
                    f"Parquet schema: {field.type}"
                )
            items.append(f"{assign(Typed(quote(f'c{place}'), kind), column.kind).sql} AS {quote(column.name)}")
        named = pa.schema([field.with_name(f"c{place}") for place, field in enumerate(schema)])
        batches = (pa.RecordBatch.from_arrays(batch.columns, schema=named) for batch in file.iter_batches(BATCH_ROWS))
        source = work.fresh_name()
        work.connection.register(source, pa.RecordBatchReader.from_batches(named, batches))
        try:
            into = ", ".join(quote(column.name) for column in columns)
            return work.count(
                f"INSERT INTO {relation.sql} ({into}) SELECT {', '.join(items)} FROM temp.main.{quote(source)}"
            )
        finally:
            work.connection.unregister(source)


def _parquet_type(kind: pa.DataType) -> Type | None:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_decimal(kind):
        return Type("numeric", (kind.precision, kind.scale)) if kind.scale >= 0 else None
    if pa.types.is_timestamp(kind):
        return Type("timestamp")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return text(65_535)
    names = {
        "bool": "bool",
        "int8": "int2",
        "int16": "int2",
        "int32": "int4",
        "int64": "int8",
        "uint8": "int2",
        "uint16": "int4",
        "uint32": "int8",
        "float": "float4",
        "double": "float8",
        "date32[day]": "date",
        "null": "null",
    }
    found = names.get(str(kind))
    return Type(found) if found else None


def _fits(kind: Type, column: Type) -> bool:
    """Whether Redshift loads a Parquet column of this type into that column: it widens, but does not narrow."""
    if kind.name == "null" or (kind.is_text and column.is_text):
        return True
    order = ("int2", "int4", "int8")
    if kind.name in order:
        return column.name in order[order.index(kind.name) :]
    if kind.name in ("float4", "float8"):
        return column.name == kind.name or (kind.name, column.name) == ("float4", "float8")
    if kind.name == "numeric" and column.name == "numeric":
        return kind.args[1] <= column.args[1] and kind.args[0] - kind.args[1] <= column.args[0] - column.args[1]
    return kind.name == column.name
