"""Make what a build wrote visible: switch a catalog table, or its partitions, to the folders of the new objects.

A statement (``UNLOAD``) writes into a folder of its own, and Athena lists what it wrote in a manifest. Publishing
points the catalog there, so readers see the old rows or the new ones and never half of either, and nobody sees what a
failed attempt left behind. Objects that nothing points to any more are tagged ``superseded``; the bucket's life cycle
removes them after a grace time, so that a query that is still reading them can end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

# What one Glue call may carry.
_CREATE_LIMIT = 100
_DELETE_LIMIT = 25

_S3_URI = re.compile(r"s3://([^/]+)/(.*)", re.DOTALL)
_TABLE_INPUT_FIELDS = {
    "Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys", "TableType", "Parameters",
}  # fmt: skip


def publish_table(
    athena: Any,
    glue: Any,
    s3: Any,
    *,
    database: str,
    table: str,
    statements: Sequence[str],
    partitions: Sequence[str],
    empty: str,
) -> dict[str, int]:
    """Point the table at what the statements wrote.

    statements: Athena query execution ids. partitions: the values that were rebuilt, for a table with one partition
    key; one for which nothing was written is removed. empty: a folder without objects, for a table without rows.
    Returns ``{"objects": n, "partitions": n}``. Raises ValueError where a statement has no manifest.
    """
    written = [uri for statement in statements for uri in _written_by(athena, s3, statement)]
    definition = glue.get_table(DatabaseName=database, Name=table)["Table"]
    if definition.get("PartitionKeys"):
        _switch_partitions(glue, s3, definition, _by_partition(definition, written), partitions)
    else:
        _switch_table(glue, s3, definition, _folder(written[0]) if written else empty)
    return {"objects": len(written), "partitions": len({_folder(uri) for uri in written})}


def _written_by(athena: Any, s3: Any, statement: str) -> list[str]:
    """The s3:// URIs of the objects that a statement wrote, from its manifest."""
    execution = athena.get_query_execution(QueryExecutionId=statement)["QueryExecution"]
    location = execution.get("Statistics", {}).get("DataManifestLocation")
    if not location:
        raise ValueError(
            f"Athena statement {statement} ({execution['Status']['State']}) has no data manifest: "
            "only a succeeded UNLOAD, CTAS or INSERT can be published"
        )
    bucket, key = _parse(location)
    body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return [line.strip().strip('"') for line in body.decode().splitlines() if line.strip()]


def _by_partition(definition: dict[str, Any], written: Sequence[str]) -> dict[str, str]:
    """Partition value → folder, for objects named ``…/<key>=<value>/<object>``."""
    name = definition["PartitionKeys"][0]["Name"]
    folders: dict[str, str] = {}
    for uri in written:
        folder = _folder(uri)
        key, _, value = folder.rstrip("/").rpartition("/")[2].partition("=")
        if key != name:
            raise ValueError(f"{uri} does not lie in a folder {name}=…, so it belongs to no partition of the table")
        if folders.setdefault(value, folder) != folder:
            raise ValueError(f"two folders hold {name}={value}: {folders[value]} and {folder}")
    return folders


def _switch_partitions(
    glue: Any, s3: Any, definition: dict[str, Any], folders: dict[str, str], rebuilt: Sequence[str]
) -> None:
    names = {"DatabaseName": definition["DatabaseName"], "TableName": definition["Name"]}
    pages = glue.get_paginator("get_partitions").paginate(**names)
    known = {p["Values"][0]: p["StorageDescriptor"]["Location"] for page in pages for p in page["Partitions"]}

    def entry(value: str) -> dict[str, Any]:
        return {
            "Values": [value],
            "StorageDescriptor": {**definition["StorageDescriptor"], "Location": folders[value]},
            "Parameters": {},
        }

    for values in _batches([value for value in folders if value not in known], _CREATE_LIMIT):
        _raise_for(glue.batch_create_partition(**names, PartitionInputList=[entry(value) for value in values]))
    for values in _batches([value for value in folders if value in known], _CREATE_LIMIT):
        entries = [{"PartitionValueList": [value], "PartitionInput": entry(value)} for value in values]
        _raise_for(glue.batch_update_partition(**names, Entries=entries))
    gone = [value for value in rebuilt if value in known and value not in folders]
    for values in _batches(gone, _DELETE_LIMIT):
        deletions = [{"Values": [value]} for value in values]
        _raise_for(glue.batch_delete_partition(**names, PartitionsToDelete=deletions))
    for value, location in known.items():
        if value in gone or folders.get(value, location) != location:
            _tag_superseded(s3, location)


def _switch_table(glue: Any, s3: Any, definition: dict[str, Any], folder: str) -> None:
    before = definition["StorageDescriptor"]["Location"]
    if before == folder:
        return
    table_input = {key: value for key, value in definition.items() if key in _TABLE_INPUT_FIELDS}
    table_input["StorageDescriptor"] = {**definition["StorageDescriptor"], "Location": folder}
    glue.update_table(DatabaseName=definition["DatabaseName"], TableInput=table_input)
    _tag_superseded(s3, before)


def _tag_superseded(s3: Any, location: str) -> None:
    bucket, prefix = _parse(location)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            tags = {"TagSet": [{"Key": "superseded", "Value": "true"}]}
            s3.put_object_tagging(Bucket=bucket, Key=item["Key"], Tagging=tags)


def _raise_for(answer: dict[str, Any]) -> None:
    """Glue's batch calls answer 200 with the errors inside."""
    if errors := answer.get("Errors"):
        raise RuntimeError(f"Glue refused {len(errors)} partitions, the first: {errors[0]}")


def _folder(uri: str) -> str:
    return uri.rpartition("/")[0] + "/"


def _parse(uri: str) -> tuple[str, str]:
    match = _S3_URI.fullmatch(uri)
    if not match:
        raise ValueError(f"{uri!r} is not an s3:// URI")
    return match[1], match[2]


def _batches(values: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (values[start : start + size] for start in range(0, len(values), size))
