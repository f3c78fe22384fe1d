"""Files on S3 as data frames: which there are, how each format is read and written."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import boto3
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from .bookmarks import BOOKMARK

Options = Mapping[str, Any]

READ = ("csv", "json", "parquet", "orc")
WRITTEN = ("csv", "json", "parquet", "glueparquet", "orc")
_INFERENCE = "spark.sql.sources.partitionColumnTypeInference.enabled"


def split(path: str) -> tuple[str, str]:
    """Bucket and key of an S3 path. Raises ValueError."""
    scheme, _, rest = path.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in ("s3", "s3a", "s3n") or not bucket:
        raise ValueError(f"{path!r} is not of the form s3://bucket/folder")
    return bucket, key


def listed(path: str) -> Iterable[tuple[str, float]]:
    """The files below a path that hold data, with their times of change in seconds since 1970."""
    bucket, key = split(path)
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
    for page in pages:
        for entry in page.get("Contents", ()):
            relative = entry["Key"][len(key) :]
            inside = not key or key.endswith("/") or relative[:1] in ("", "/")
            hidden = any(part.startswith(("_", ".")) for part in relative.split("/"))
            if inside and not hidden and entry["Size"]:
                yield f"s3://{bucket}/{entry['Key']}", entry["LastModified"].timestamp()


def read(
    spark: SparkSession,
    kind: str,
    paths: list[str],
    options: Options,
    *,
    schema: StructType | None = None,
    base: str = "",
    context: str = "",
    exclusions: Iterable[str] = (),
) -> DataFrame | None:
    """The rows below these paths, of new files only where a bookmark says so; None where there are no files.

    base: the folder below which ``key=value`` folders become columns, of strings.
    """
    if kind not in READ:
        raise ValueError(f"The format {kind!r} is not read here: {', '.join(READ)} are.")
    files: list[str] = []
    for path in paths:
        files += BOOKMARK.new_files(f"{context}|{path}" if context else "", listed(path))
    patterns = list(exclusions)
    files = [file for file in files if not any(fnmatch.fnmatch(file, pattern) for pattern in patterns)]
    if not files:
        return None
    chosen = [*map(_escaped, files)] if (context and BOOKMARK.used) or patterns else [*map(_escaped, paths)]
    reader = spark.read.format(kind).options(**reader_options(kind, options))
    if schema is not None:
        reader = reader.schema(schema)
    if base:
        reader = reader.option("basePath", base)
    elif len(chosen) != len(paths):
        reader = reader.option("basePath", _common(paths))
    reader = reader.option("recursiveFileLookup", "false")
    before = spark.conf.get(_INFERENCE)
    spark.conf.set(_INFERENCE, "false")
    try:
        frame = reader.load(chosen)
    finally:
        spark.conf.set(_INFERENCE, before or "true")
    if kind == "csv" and not _is_true(options.get("withHeader")) and schema is None:
        names = [f"col{name[2:]}" if name.startswith("_c") and name[2:].isdigit() else name for name in frame.columns]
        frame = frame.toDF(*names)
    return frame


def reader_options(kind: str, options: Options) -> dict[str, str]:
    """Spark's options for Glue's format_options. Raises ValueError for one that would be missing."""
    found: dict[str, str] = {}
    if kind == "csv":
        found = {
            "sep": str(options.get("separator", ",")),
            "header": str(_is_true(options.get("withHeader"))).lower(),
            "multiLine": str(_is_true(options.get("multiLine") or options.get("multiline"))).lower(),
            "mode": "PERMISSIVE",
            "escape": str(options.get("escaper", '"')),
        }
        quote = options.get("quoteChar", '"')
        found["quote"] = "" if quote in (-1, "-1") else str(quote)
    elif kind == "json":
        found = {"multiLine": str(_is_true(options.get("multiLine") or options.get("multiline"))).lower()}
    for name in ("jsonPath", "logFormat", "strictCheckForQuoting"):
        if options.get(name):
            raise ValueError(f"The format option {name} is not supported here.")
    return found


def write(frame: DataFrame, kind: str, path: str, options: Options, keys: list[str]) -> None:
    """Add the frame's rows to the files below a path, in ``key=value`` folders by the partition keys."""
    if kind not in WRITTEN:
        raise ValueError(f"The format {kind!r} is not written here: {', '.join(WRITTEN)} are.")
    target = "parquet" if kind == "glueparquet" else kind
    writer = frame.write.mode("append").format(target)
    compression = options.get("compression")
    if compression:
        writer = writer.option("compression", str(compression).lower().replace("uncompressed", "none"))
    if target == "csv":
        writer = writer.option("header", str(_is_true(options.get("writeHeader", True))).lower())
        writer = writer.option("sep", str(options.get("separator", ","))).option("escape", '"')
        quote = options.get("quoteChar", '"')
        writer = writer.option("quote", "\u0000" if quote in (-1, "-1") else str(quote))
    if keys:
        writer = writer.partitionBy(*keys)
    writer.save(path)


def partition_folders(path: str, keys: list[str]) -> list[tuple[list[str], str]]:
    """The partitions below a path that hold files: their values, and where they lie."""
    found: dict[tuple[str, ...], str] = {}
    base = path.rstrip("/") + "/"
    for file, _ in listed(base):
        folders = file[len(base) :].split("/")[:-1]
        pairs = [folder.partition("=") for folder in folders[: len(keys)]]
        if [name.lower() for name, _, _ in pairs] == [key.lower() for key in keys]:
            found[tuple(unquote(value) for _, _, value in pairs)] = base + "/".join(folders[: len(keys)]) + "/"
    return [(list(values), location) for values, location in found.items()]


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _common(paths: list[str]) -> str:
    first = paths[0]
    return first if len(paths) == 1 and first.endswith("/") else first.rpartition("/")[0] + "/"


def _escaped(path: str) -> str:
    """Spark takes paths for patterns."""
    return "".join(f"\\{char}" if char in "{}[]*?\\" else char for char in path)
