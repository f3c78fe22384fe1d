"""Crawls of new folders only: which of them are partitions of tables that an earlier crawl made."""

from __future__ import annotations

import copy
from urllib.parse import unquote

from localaws.glue.folders import Folder
from localaws.glue.grouping import Leaf
from localaws.glue.tables import Json, partition_input


def new_partitions(root: Folder, table: Json, crawler: str) -> dict[tuple[str, ...], Json]:
    """PartitionInputs, by values, of the folders at the depth of the table's partitions; they leave the tree.

    A new partition has its table's columns and format: the table's schema does not change in such a crawl. Files that
    are not of the table's format stay in the tree.
    """
    location = str(table["StorageDescriptor"]["Location"])
    keys = [key["Name"] for key in table.get("PartitionKeys", ())]
    if not keys or not location.startswith(root.uri):
        return {}
    top = _find(root, [name for name in location[len(root.uri) :].split("/") if name])
    if top is None:
        return {}
    classification = table["Parameters"].get("classification")
    added: dict[tuple[str, ...], Json] = {}
    for names, folder in _at_depth(top, len(keys)):
        fitting = [file for file in folder.files if file.content.format.classification == classification]
        if not fitting:
            continue
        folder.files = [file for file in folder.files if file not in fitting]
        values = tuple(_value(name, key) for name, key in zip(names, keys, strict=True))
        leaf = Leaf(folder.uri, names, tuple(fitting), ())
        given = partition_input(fitting[0].content.format, leaf, values, [], crawler)
        storage = copy.deepcopy(table["StorageDescriptor"])
        storage |= {"Location": folder.uri, "Parameters": given["Parameters"]}
        added[values] = {**given, "StorageDescriptor": storage}
    return added


def _find(folder: Folder, path: list[str]) -> Folder | None:
    for name in path:
        if name not in folder.children:
            return None
        folder = folder.children[name]
    return folder


def _at_depth(folder: Folder, depth: int) -> list[tuple[tuple[str, ...], Folder]]:
    if depth == 0:
        return [((), folder)]
    return [
        ((name, *names), found)
        for name, child in folder.children.items()
        for names, found in _at_depth(child, depth - 1)
    ]


def _value(name: str, key: str) -> str:
    own, equals, value = name.partition("=")
    return unquote(value) if equals and own.lower() == key else name
