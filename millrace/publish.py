"""Make what a build wrote visible: switch a catalog table, or its partitions, to the folders of the new objects.

A writer (Athena's ``UNLOAD``, a Spark job) writes into a folder of its own. Publishing
points the catalog there, so readers see the old rows or the new ones and never half of either, and nobody sees what a
failed attempt left behind. Objects that nothing points to any more are tagged ``superseded``; the bucket's life cycle
removes them after a grace time, so that a query that is still reading them can end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

# A partition's values in the order of the table's partition keys.
Values = tuple[str, ...]

# What one Glue call may carry.
CREATE_LIMIT = 100
_DELETE_LIMIT = 25

_S3_URI = re.compile(r"s3://([^/]+)/(.*)", re.DOTALL)
TABLE_INPUT_FIELDS = {
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
    rebuilt: Mapping[str, Sequence[str]] | None,
    empty: str,
) -> dict[str, int]:
    """Point the table at what the statements wrote.

    statements: Athena query execution ids. rebuilt: partition key → values; the partitions with these values are made
    anew, and one of them for which nothing was written is removed. None: all that there are. empty: a folder without
    objects, for a table without rows.
    Returns ``{"objects": n, "partitions": n}``. Raises ValueError where a statement has no manifest.
    """
    written = written_by(athena, s3, statements)
    anew = None if rebuilt is None else _partitions_with(glue, database, table, rebuilt)
    return switch(glue, s3, database, table, written, anew, empty)


def switch(
    glue: Any, s3: Any, database: str, table: str, written: Sequence[str], rebuilt: Iterable[Values] | None, empty: str
) -> dict[str, int]:
    """Point the table at objects, given as ``s3://`` URIs whose folders are named ``<key>=<value>`` by partition.

    rebuilt: the partitions that are made anew; one of them for which nothing was written is removed. None: all that
    there are. empty: a folder without objects, for a table without rows. Returns ``{"objects": n, "partitions": n}``.
    """
    definition = glue.get_table(DatabaseName=database, Name=table)["Table"]
    if definition.get("PartitionKeys"):
        _switch_partitions(glue, s3, definition, by_partition(definition, written), rebuilt)
    else:
        _switch_table(glue, s3, definition, folder_of(written[0]) if written else empty)
    return {"objects": len(written), "partitions": len({folder_of(uri) for uri in written})}


def partitions_of(glue: Any, database: str, table: str) -> dict[Values, str]:
    """The table's partitions: their values → where they lie."""
    pages = glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=table)
    return {tuple(p["Values"]): p["StorageDescriptor"]["Location"] for page in pages for p in page["Partitions"]}


def _partitions_with(glue: Any, database: str, table: str, values: Mapping[str, Sequence[str]]) -> list[Values]:
    """Those of the table's partitions whose keys have one of the values given for them."""
    names = [key["Name"] for key in glue.get_table(DatabaseName=database, Name=table)["Table"]["PartitionKeys"]]
    return [
        partition
        for partition in partitions_of(glue, database, table)
        if all(partition[names.index(name)] in wanted for name, wanted in values.items())
    ]


def written_by(athena: Any, s3: Any, statements: Iterable[str]) -> list[str]:
    """The s3:// URIs of the objects that Athena statements wrote, from their manifests."""
    return [uri for statement in statements for uri in _written_by(athena, s3, statement)]


def _written_by(athena: Any, s3: Any, statement: str) -> list[str]:
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


def by_partition(definition: dict[str, Any], written: Sequence[str]) -> dict[Values, str]:
    """Partition values → folder, for objects named ``…/<key>=<value>/…/<object>``."""
    names = [key["Name"] for key in definition["PartitionKeys"]]
    folders: dict[Values, str] = {}
    for uri in written:
        folder = folder_of(uri)
        parts = [part.partition("=") for part in folder.rstrip("/").split("/")[-len(names) :]]
        if [key for key, _, _ in parts] != names:
            wanted = "/".join(f"{name}=…" for name in names)
            raise ValueError(f"{uri} does not lie in a folder {wanted}, so it belongs to no partition of the table")
        values = tuple(unquote(value) for _, _, value in parts)
        if folders.setdefault(values, folder) != folder:
            raise ValueError(
                f"two folders hold {'/'.join(map('='.join, zip(names, values, strict=True)))}: "
                f"{folders[values]} and {folder}"
            )
    return folders


def _switch_partitions(
    glue: Any, s3: Any, definition: dict[str, Any], folders: dict[Values, str], rebuilt: Iterable[Values] | None
) -> None:
    names = {"DatabaseName": definition["DatabaseName"], "TableName": definition["Name"]}
    known = partitions_of(glue, definition["DatabaseName"], definition["Name"])

    def entry(values: Values) -> dict[str, Any]:
        return {
            "Values": list(values),
            "StorageDescriptor": {**definition["StorageDescriptor"], "Location": folders[values]},
            "Parameters": {},
        }

    for batch in _batches([values for values in folders if values not in known], CREATE_LIMIT):
        _raise_for(glue.batch_create_partition(**names, PartitionInputList=[entry(values) for values in batch]))
    for batch in _batches(
        [values for values in folders if known.get(values, folders[values]) != folders[values]], CREATE_LIMIT
    ):
        entries = [{"PartitionValueList": list(values), "PartitionInput": entry(values)} for values in batch]
        _raise_for(glue.batch_update_partition(**names, Entries=entries))
    gone = [values for values in (known if rebuilt is None else rebuilt) if values in known and values not in folders]
    for batch in _batches(gone, _DELETE_LIMIT):
        _raise_for(glue.batch_delete_partition(**names, PartitionsToDelete=[{"Values": list(v)} for v in batch]))
    left = [known[values] for values in known if values in gone or folders.get(values, known[values]) != known[values]]
    for location in left:
        _tag_folder_superseded(s3, location)
    if left or not folders.keys() <= known.keys():
        _update(glue, definition)  # as it was: the catalog notes the time at which the table's data changed


def _switch_table(glue: Any, s3: Any, definition: dict[str, Any], folder: str) -> None:
    before = definition["StorageDescriptor"]["Location"]
    if before == folder:
        return
    _update(glue, {**definition, "StorageDescriptor": {**definition["StorageDescriptor"], "Location": folder}})
    _tag_folder_superseded(s3, before)


def _update(glue: Any, definition: dict[str, Any]) -> None:
    fields = {key: value for key, value in definition.items() if key in TABLE_INPUT_FIELDS}
    glue.update_table(DatabaseName=definition["DatabaseName"], TableInput=fields, SkipArchive=True)


def _tag_folder_superseded(s3: Any, location: str) -> None:
    bucket, prefix = _parse(location)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            tag_superseded(s3, f"s3://{bucket}/{item['Key']}")


def tag_superseded(s3: Any, uri: str) -> None:
    """Leave an object to the bucket's life cycle."""
    bucket, key = _parse(uri)
    tags = {"TagSet": [{"Key": "superseded", "Value": "true"}]}
    s3.put_object_tagging(Bucket=bucket, Key=key, Tagging=tags)


def _raise_for(answer: dict[str, Any]) -> None:
    """Glue's batch calls answer 200 with the errors inside."""
    if errors := answer.get("Errors"):
        raise RuntimeError(f"Glue refused {len(errors)} partitions, the first: {errors[0]}")


def folder_of(uri: str) -> str:
    """The folder that an object lies in, with a slash at its end."""
    return uri.rpartition("/")[0] + "/"


def _parse(uri: str) -> tuple[str, str]:
    match = _S3_URI.fullmatch(uri)
    if not match:
        raise ValueError(f"{uri!r} is not an s3:// URI")
    return match[1], match[2]


def _batches(values: Sequence[Values], size: int) -> Iterator[Sequence[Values]]:
    return (values[start : start + size] for start in range(0, len(values), size))
