"""GlueContext: where a job's frames come from and go to."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from pyspark import SparkContext
from pyspark.sql import DataFrame, SparkSession, SQLContext

from . import catalog, files, jdbc, tables
from .dynamicframe import DynamicFrame
from .types import catalog_columns

Options = Mapping[str, Any]

_RETENTION_HOURS = 168


class GlueContext(SQLContext):  # type: ignore[misc]  # pyspark is not there where this is checked
    """Made of a SparkContext; ``spark_session`` is its session."""

    def __init__(self, sparkContext: SparkContext, **options: Any) -> None:
        session = SparkSession.builder.getOrCreate()
        super().__init__(sparkContext, session)
        self.create_dynamic_frame = _Source(self._frame_from_catalog, self._frame_from_options)
        self.create_data_frame = _DataFrameSource(self._frame_from_catalog, self._frame_from_options)
        self.write_dynamic_frame = _Sink(self)
        self.write_data_frame = _Sink(self)

    @property
    def spark_session(self) -> SparkSession:
        """The Spark session."""
        return self.sparkSession

    def get_logger(self) -> logging.Logger:
        """A logger to the run's error log, with info, warn, error and debug."""
        logger = logging.getLogger("GlueLogger")
        if not logger.handlers:
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(
                logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%y/%m/%d %H:%M:%S")
            )
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
            logger.propagate = False
        return logger

    # Sources

    def create_dynamic_frame_from_catalog(self, database: str, table_name: str, **options: Any) -> DynamicFrame:
        """The rows of a table of the catalog."""
        return self._frame_from_catalog(database, table_name, **options)

    def create_dynamic_frame_from_options(self, connection_type: str, **options: Any) -> DynamicFrame:
        """The rows of files or of a database's table."""
        return self._frame_from_options(connection_type, **options)

    def create_data_frame_from_catalog(self, database: str, table_name: str, **options: Any) -> DataFrame:
        """The rows of a table of the catalog, as a DataFrame."""
        return self._frame_from_catalog(database, table_name, **options).toDF()

    def _frame_from_catalog(
        self,
        database: str,
        table_name: str,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        additional_options: Options | None = None,
        catalog_id: str | None = None,
        **_: Any,
    ) -> DynamicFrame:
        more = dict(additional_options or {})
        expression = str(more.pop("catalogPartitionPredicate", ""))
        frame = tables.read(
            self.spark_session,
            catalog.get_table(database, table_name),
            predicate=push_down_predicate,
            expression=expression,
            context=transformation_ctx,
            options=more,
        )
        return DynamicFrame(frame, self, table_name)

    def _frame_from_options(
        self,
        connection_type: str,
        connection_options: Options | None = None,
        format: str | None = None,
        format_options: Options | None = None,
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        **_: Any,
    ) -> DynamicFrame:
        given = dict(connection_options or {})
        if connection_type != "s3":
            return DynamicFrame(jdbc.read(self.spark_session, connection_type, given, transformation_ctx), self)
        paths = given.get("paths") or ([given["path"]] if given.get("path") else [])
        paths = [paths] if isinstance(paths, str) else list(paths)
        if not paths or format is None:
            raise ValueError("A source of s3 needs connection_options['paths'] and a format.")
        exclusions = given.get("exclusions") or ()
        if isinstance(exclusions, str):
            import json

            exclusions = json.loads(exclusions)
        frame = files.read(
            self.spark_session,
            format,
            paths,
            dict(format_options or {}),
            context=transformation_ctx,
            exclusions=exclusions,
        )
        if frame is None:
            frame = self.spark_session.createDataFrame([], "struct<>")
        return DynamicFrame(frame.where(push_down_predicate) if push_down_predicate else frame, self)

    # Sinks

    def getSink(self, connection_type: str, format: str | None = None, **options: Any) -> Sink:
        """A sink of files that may bring the catalog up to date."""
        if connection_type != "s3":
            raise NotImplementedError(f"getSink of {connection_type!r} is not supported here: s3 is.")
        sink = Sink(self, options)
        if format:
            sink.setFormat(format)
        return sink

    # Others

    def extract_jdbc_conf(self, connection_name: str, catalog_id: str | None = None) -> dict[str, str]:
        """What a connection of the catalog says: url, fullUrl, vendor, host, port, database, user, password."""
        found = jdbc.connection(connection_name)
        return {**found, "enforceSSL": "false", "skipCustomJDBCCertValidation": "false"}

    def purge_s3_path(self, s3_path: str, options: Options | None = None, transformation_ctx: str = "") -> None:
        """Delete the files below a path that are older than ``retentionPeriod`` hours, a week unless given."""
        given = options or {}
        if given.get("excludeStorageClasses"):
            raise NotImplementedError("excludeStorageClasses is not supported here.")
        hours = float(given.get("retentionPeriod", _RETENTION_HOURS))
        before = datetime.now(UTC) - timedelta(hours=hours)
        bucket, key = files.split(s3_path)
        s3 = boto3.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key):
            old = [{"Key": one["Key"]} for one in page.get("Contents", ()) if one["LastModified"] <= before]
            if old:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": old})

    def purge_table(
        self, database: str, table_name: str, options: Options | None = None, transformation_ctx: str = ""
    ) -> None:
        """``purge_s3_path`` of a table's location."""
        self.purge_s3_path(catalog.get_table(database, table_name)["StorageDescriptor"]["Location"], options)

    def begin_transaction(self, *_: Any, **__: Any) -> Any:
        """Not supported."""
        raise NotImplementedError("Governed tables and their transactions are not supported here.")

    def forEachBatch(self, *_: Any, **__: Any) -> Any:
        """Not supported."""
        raise NotImplementedError("Streaming jobs are not supported here.")


class Sink:
    """``getSink``: format, catalog and then ``writeFrame``."""

    def __init__(self, context: GlueContext, options: Options) -> None:
        self._context = context
        self._options = dict(options)
        self._kind = ""
        self._format_options: Options = {}
        self._database = self._table = ""

    def setFormat(self, format: str, **options: Any) -> None:
        """The files' format."""
        self._kind, self._format_options = format, options

    def setCatalogInfo(self, catalogDatabase: str, catalogTableName: str, catalogId: str = "") -> None:
        """The table that is brought up to date."""
        self._database, self._table = catalogDatabase, catalogTableName

    def writeFrame(self, dynamic_frame: DynamicFrame | DataFrame, info: str = "") -> DynamicFrame | DataFrame:
        """Write the rows, then bring the catalog up to date if asked to."""
        frame = dynamic_frame.toDF() if isinstance(dynamic_frame, DynamicFrame) else dynamic_frame
        path = str(self._options["path"]).rstrip("/") + "/"
        keys = list(self._options.get("partitionKeys") or ())
        how = {"compression": self._options.get("compression"), **self._format_options}
        files.write(frame, self._kind, path, how, keys)
        if self._options.get("enableUpdateCatalog") and self._database:
            change = self._options.get("updateBehavior", "UPDATE_IN_DATABASE") == "UPDATE_IN_DATABASE"
            _register(frame, self._kind, how, path, keys, self._database, self._table, change=change)
        return dynamic_frame

    write = writeFrame


def _register(
    frame: DataFrame, kind: str, how: Options, path: str, keys: list[str], database: str, table: str, *, change: bool
) -> None:
    """Make the table of what was written, or bring it up to date, with its partitions."""
    known = "parquet" if kind == "glueparquet" else kind
    columns = {column["Name"]: column for column in catalog_columns(frame.schema)}
    partition_keys = [columns.pop(key.lower()) for key in keys]
    header = known == "csv" and str(how.get("writeHeader", True)).lower() == "true"
    described = catalog.storage(known, path, list(columns.values()), header=header)
    catalog.put_table(database.lower(), table.lower(), described, partition_keys, known, change=change)
    if keys:
        catalog.add_partitions(database.lower(), table.lower(), described, files.partition_folders(path, keys))


class _Source:
    """``create_dynamic_frame.from_catalog`` and ``.from_options``."""

    def __init__(self, from_catalog: Callable[..., DynamicFrame], from_options: Callable[..., DynamicFrame]) -> None:
        self.from_catalog = from_catalog
        self.from_options = from_options

    def from_rdd(self, *_: Any, **__: Any) -> Any:
        """Not supported."""
        raise NotImplementedError("from_rdd is not supported here: use createDataFrame and DynamicFrame.fromDF.")


class _DataFrameSource:
    """``create_data_frame.from_catalog`` and ``.from_options``."""

    def __init__(self, from_catalog: Callable[..., DynamicFrame], from_options: Callable[..., DynamicFrame]) -> None:
        self._from_catalog = from_catalog
        self._from_options = from_options

    def from_catalog(self, *args: Any, **kwargs: Any) -> DataFrame:
        """The rows of a table of the catalog."""
        return self._from_catalog(*args, **kwargs).toDF()

    def from_options(self, *args: Any, **kwargs: Any) -> DataFrame:
        """The rows of files or of a database's table."""
        return self._from_options(*args, **kwargs).toDF()


class _Sink:
    """``write_dynamic_frame.from_options``, ``.from_catalog`` and ``.from_jdbc_conf``."""

    def __init__(self, context: GlueContext) -> None:
        self._context = context

    def from_options(
        self,
        frame: DynamicFrame | DataFrame,
        connection_type: str,
        connection_options: Options | None = None,
        format: str | None = None,
        format_options: Options | None = None,
        transformation_ctx: str = "",
        **_: Any,
    ) -> DynamicFrame | DataFrame:
        """Add the rows to files below a path of S3, or to a database's table."""
        given = dict(connection_options or {})
        rows = frame.toDF() if isinstance(frame, DynamicFrame) else frame
        if connection_type != "s3":
            jdbc.write(rows, connection_type, given)
            return frame
        sink = Sink(self._context, given)
        sink.setFormat(format or "json", **dict(format_options or {}))
        sink.writeFrame(rows)
        return frame

    def from_catalog(
        self,
        frame: DynamicFrame | DataFrame,
        database: str,
        table_name: str,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        additional_options: Options | None = None,
        catalog_id: str | None = None,
        **_: Any,
    ) -> DynamicFrame | DataFrame:
        """Add the rows to a table of the catalog, at its location and in its format."""
        table = catalog.get_table(database, table_name)
        rows = frame.toDF() if isinstance(frame, DynamicFrame) else frame
        keys = [key["Name"] for key in table.get("PartitionKeys") or ()]
        given = {
            "partitionKeys": keys,
            "path": table["StorageDescriptor"]["Location"],
            **dict(additional_options or {}),
        }
        sink = Sink(self._context, given)
        kind = tables.format_of(table)
        header = table.get("Parameters", {}).get("skip.header.line.count", "0") != "0"
        sink.setFormat(kind, **({"writeHeader": header} if kind == "csv" else {}))
        sink.setCatalogInfo(database, table_name)
        sink.writeFrame(rows)
        return frame

    def from_jdbc_conf(
        self,
        frame: DynamicFrame | DataFrame,
        catalog_connection: str,
        connection_options: Options | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        catalog_id: str | None = None,
    ) -> DynamicFrame | DataFrame:
        """Add the rows to a table of the database of a connection."""
        given = dict(connection_options or {})
        known = jdbc.connection(catalog_connection)
        url = f"{known['url']}/{given.pop('database', known['database'])}"
        rows = frame.toDF() if isinstance(frame, DynamicFrame) else frame
        jdbc.write(rows, "jdbc", {**given, "url": url, "user": known["user"], "password": known["password"]})
        return frame
