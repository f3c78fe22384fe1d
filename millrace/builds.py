"""Builds that were written and that readers do not see yet: how they are looked at, and published.

A Spark job leaves a manifest. By it ``catalogue`` gives the build's objects to tables named ``built_<table>``, on which
checks are queried, and ``publish`` switches readers to them. Both may be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from millrace import publish as publishing
from millrace.publish import Values
from millrace.published import Published
from millrace.uploads import Upload

BUILT = "built_"


@dataclass(frozen=True)
class BuiltTable:
    """objects: s3:// URIs in folders named by partition. rebuilt: partitions that are made anew, None for all.

    columns: names of text columns that the uploads have and the table has not yet.
    """

    objects: Sequence[str]
    rebuilt: Sequence[Values] | None
    columns: Sequence[str] = ()


@dataclass(frozen=True)
class Build:
    """What a run wrote. ledger: a row for each upload that it loaded."""

    pipeline: str
    run: str
    tables: Mapping[str, BuiltTable] = field(default_factory=dict)
    ledger: Sequence[Mapping[str, Any]] = ()

    def only(self, tables: Sequence[str] | None) -> Build:
        """The part of it that these tables are, in their order, without the ledger; None for all of it."""
        return self if tables is None else Build(self.pipeline, self.run, {name: self.tables[name] for name in tables})

    def save(self, s3: Any, bucket: str) -> None:
        """Leave the manifest."""
        tables = {name: asdict(table) for name, table in self.tables.items()}
        body = json.dumps({"tables": tables, "ledger": list(self.ledger)}, ensure_ascii=False).encode()
        s3.put_object(Bucket=bucket, Key=_key(self.pipeline, self.run), Body=body, ContentType="application/json")


def load(s3: Any, bucket: str, pipeline: str, run: str) -> Build:
    """The build that a run left."""
    read = json.load(s3.get_object(Bucket=bucket, Key=_key(pipeline, run))["Body"])
    tables = {
        name: BuiltTable(
            table["objects"],
            None if table["rebuilt"] is None else [tuple(values) for values in table["rebuilt"]],
            table["columns"],
        )
        for name, table in read["tables"].items()
    }
    return Build(pipeline, run, tables, read["ledger"])


def catalogue(glue: Any, build: Build, empty: str = "") -> dict[str, int]:
    """Give the build's objects, and no others, to the tables ``built_<table>``; how many objects each has.

    empty: a folder without objects, for a table that has neither partitions nor rows.
    """
    for name, table in build.tables.items():
        definition = glue.get_table(DatabaseName=build.pipeline, Name=name)["Table"]
        storage = _with_columns(definition["StorageDescriptor"], table.columns)
        partitioned = bool(definition.get("PartitionKeys"))
        if not partitioned:
            storage["Location"] = publishing.folder_of(table.objects[0]) if table.objects else empty
        built = {
            "Name": f"{BUILT}{name}",
            "Description": f"A build of {name}, to be checked before readers see it",
            **{key: definition[key] for key in ("TableType", "Parameters", "PartitionKeys") if key in definition},
            "StorageDescriptor": storage,
        }
        try:
            glue.delete_table(DatabaseName=build.pipeline, Name=built["Name"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "EntityNotFoundException":
                raise
        glue.create_table(DatabaseName=build.pipeline, TableInput=built)
        folders = list(publishing.by_partition(definition, table.objects).items()) if partitioned else []
        for start in range(0, len(folders), publishing.CREATE_LIMIT):
            entries = [
                {"Values": list(values), "StorageDescriptor": {**storage, "Location": folder}}
                for values, folder in folders[start : start + publishing.CREATE_LIMIT]
            ]
            answer = glue.batch_create_partition(
                DatabaseName=build.pipeline, TableName=built["Name"], PartitionInputList=entries
            )
            if answer.get("Errors"):
                raise RuntimeError(f"Glue refused {len(answer['Errors'])} partitions: {answer['Errors'][0]}")
    return {name: len(table.objects) for name, table in build.tables.items()}


def publish(glue: Any, s3: Any, processed: str, build: Build) -> dict[str, int]:
    """Let readers see the build, then mark its uploads as published; how many partitions each table has of it."""
    found = {}
    for name, table in build.tables.items():
        _add_columns(glue, build.pipeline, name, table.columns)
        switched = publishing.switch(glue, s3, build.pipeline, name, table.objects, table.rebuilt, "")
        found[name] = switched["partitions"]
    for row in build.ledger:
        upload = Upload(row["key"], row["etag"], row["bytes"], row["upload_date"])
        s3.put_object(Bucket=processed, Key=upload.ledger_key, Body=json.dumps(row, ensure_ascii=False).encode())
    if build.ledger:
        Published(s3, processed, build.pipeline).add([{"key": r["key"], "etag": r["etag"]} for r in build.ledger])
    return found


def _add_columns(glue: Any, database: str, table: str, names: Sequence[str]) -> None:
    definition = glue.get_table(DatabaseName=database, Name=table)["Table"]
    storage = _with_columns(definition["StorageDescriptor"], names)
    if storage != definition["StorageDescriptor"]:
        fields = {key: value for key, value in definition.items() if key in publishing.TABLE_INPUT_FIELDS}
        glue.update_table(DatabaseName=database, TableInput={**fields, "StorageDescriptor": storage})


def _with_columns(storage: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """A table's storage, with text columns of these names too."""
    known = {column["Name"] for column in storage["Columns"]}
    comment = "Came with an upload; in no contract yet"
    added = [{"Name": name, "Type": "string", "Comment": comment} for name in names if name not in known]
    return {**storage, "Columns": [*storage["Columns"], *added]}


def _key(pipeline: str, run: str) -> str:
    return f"_ledger/{pipeline}/_builds/{run}.json"
