"""Partition indexes: kept and shown with their table, though no answer depends on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localaws.core import AwsError

Json = dict[str, Any]

_MOST = 3  # indexes of a table


def of(table: Any) -> list[Json]:
    """The indexes of one of moto's tables, as PartitionIndex structures."""
    indexes: list[Json] = table.__dict__.setdefault("partition_indexes", [])
    return indexes


def add(table: Any, indexes: Sequence[Mapping[str, Any]]) -> None:
    """Give a table indexes of its own partition keys; all of them or, if one is wrong, none."""
    keys = {key["Name"] for key in table.as_dict().get("PartitionKeys") or ()}
    known = {index["IndexName"] for index in of(table)}
    for index in indexes:
        if unknown := [key for key in index["Keys"] if key not in keys]:
            message = f"The partition index {index['IndexName']} names {unknown}: no such partition keys."
            raise AwsError("InvalidInputException", message)
        if index["IndexName"] in known:
            raise AwsError("AlreadyExistsException", f"The partition index {index['IndexName']} already exists.")
        known.add(index["IndexName"])
    if len(known) > _MOST:
        raise AwsError("ResourceNumberLimitExceededException", f"A table has at most {_MOST} partition indexes.")
    of(table).extend({"IndexName": index["IndexName"], "Keys": list(index["Keys"])} for index in indexes)


def remove(table: Any, name: str) -> None:
    """Take an index away; raises EntityNotFoundException."""
    indexes = of(table)
    for index in indexes:
        if index["IndexName"] == name:
            indexes.remove(index)
            return
    raise AwsError("EntityNotFoundException", f"The partition index {name} does not exist.")


def describe(table: Any) -> list[Json]:
    """PartitionIndexDescriptors: every index is active at once."""
    types = {key["Name"]: key.get("Type", "string") for key in table.as_dict().get("PartitionKeys") or ()}
    return [
        {
            "IndexName": index["IndexName"],
            "Keys": [{"Name": key, "Type": types.get(key, "string")} for key in index["Keys"]],
            "IndexStatus": "ACTIVE",
        }
        for index in of(table)
    ]
