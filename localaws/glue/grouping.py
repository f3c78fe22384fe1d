"""Which folders make one table: the crawler's rules for grouping by format, schema and depth.

A folder is a table if its files, or the tables of all its folders, have one format, one depth and similar schemas; its
folders are then the table's partitions. Else each of its folders is looked at by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from localaws.glue.classify import Format
from localaws.glue.folders import File, Folder
from localaws.glue.types import Columns, merge, similar

# The share of the folders whose schemas must be similar, and how many different schemas there may be at most.
_SHARE = 0.7
_CLUSTERS = 5


@dataclass(frozen=True)
class Leaf:
    """The files of one partition, or of a table without partitions: all in one folder, or one file."""

    location: str
    names: tuple[str, ...]  # of the folders from the table's down to this one
    files: tuple[File, ...]
    columns: Columns


@dataclass(frozen=True)
class Group:
    """A table that was found: where it begins, and its leaves, all ``depth`` folders below."""

    location: str
    name: str  # of the folder or file it is named after
    format: Format
    depth: int
    leaves: tuple[Leaf, ...]
    columns: Columns
    keys: tuple[str, ...] = field(default=())

    def values(self, leaf: Leaf) -> list[str]:
        """A leaf's partition values."""
        return [
            unquote(name.partition("=")[2]) if _key_of(name) == key else name
            for name, key in zip(leaf.names, self.keys, strict=True)
        ]


@dataclass(frozen=True)
class Policy:
    """How to group: combine compatible schemas of a target whatever they are; tables at a fixed level below the bucket.

    table_level counts the bucket as 1.
    """

    combine: bool = False
    table_level: int | None = None


def group(root: Folder, policy: Policy) -> list[Group]:
    """The tables under a target's folder."""
    if policy.table_level is not None:
        tops = _at_level(root, policy.table_level)
        return [named(found) for top in tops for found in (_forced(top) or _grouped(top, always=policy.combine))]
    if policy.combine and (whole := _forced(root)):
        return [named(found) for found in whole]
    return [named(found) for found in _grouped(root, always=False)]


def named(found: Group) -> Group:
    """The group with its partition keys' names."""
    keys = []
    for level in range(found.depth):
        hive = {_key_of(leaf.names[level]) for leaf in found.leaves}
        key = hive.pop() if len(hive) == 1 else None
        keys.append(key or f"partition_{level}")
    return replace(found, keys=tuple(keys))


def _key_of(name: str) -> str | None:
    """``year`` of ``year=2024``; None if the folder's name is not of that form."""
    key, equals, _ = name.partition("=")
    return key.lower() if key and equals else None


def _grouped(folder: Folder, *, always: bool) -> list[Group]:
    below = [(child, _grouped(child, always=always)) for child in folder.children.values()]
    below = [(child, groups) for child, groups in below if groups]
    if not below:
        return _of_files(folder, always=always)
    wholes = [groups[0] for child, groups in below if len(groups) == 1 and groups[0].location == child.uri]
    if not folder.files and len(wholes) == len(below):
        united = _unite(folder, wholes, always=always)
        if united is not None:
            return [united]
    own = _of_files(folder, always=always)
    if len(own) == 1 and own[0].location == folder.uri:
        # A table at this folder would hold the folders below it too: its files become tables of their own.
        own = [_of_file(file) for file in folder.files]
    return own + [found for _, groups in below for found in groups]


def _of_files(folder: Folder, *, always: bool) -> list[Group]:
    if not folder.files:
        return []
    form = _common_format([file.content.format for file in folder.files])
    schemas = [file.content.columns for file in folder.files]
    if form is None or not (always or _alike(schemas)):
        return [_of_file(file) for file in folder.files]
    columns = merge(schemas)
    leaf = Leaf(folder.uri, (), tuple(folder.files), columns)
    name = folder.prefix.rstrip("/").rpartition("/")[2] or folder.bucket
    return [Group(folder.uri, name, form, 0, (leaf,), columns)]


def _of_file(file: File) -> Group:
    location = f"s3://{file.info.bucket}/{file.info.key}"
    leaf = Leaf(location, (), (file,), file.content.columns)
    return Group(location, file.info.key.rpartition("/")[2], file.content.format, 0, (leaf,), file.content.columns)


def _unite(folder: Folder, parts: Sequence[Group], *, always: bool) -> Group | None:
    """One table of the tables that are this folder's folders; None if they do not fit."""
    form = _common_format([part.format for part in parts])
    if form is None or len({part.depth for part in parts}) > 1:
        return None
    if not (always or _alike([part.columns for part in parts])):
        return None
    leaves = tuple(
        replace(leaf, names=(part.location.rstrip("/").rpartition("/")[2], *leaf.names))
        for part in parts
        for leaf in part.leaves
    )
    name = folder.prefix.rstrip("/").rpartition("/")[2] or folder.bucket
    return Group(folder.uri, name, form, parts[0].depth + 1, leaves, merge(part.columns for part in parts))


def _forced(folder: Folder) -> list[Group] | None:
    """The folder as one table if formats and depths allow it, however different the schemas are."""
    groups = _grouped(folder, always=True)
    return groups if len(groups) == 1 and groups[0].location == folder.uri else None


def _common_format(formats: Sequence[Format]) -> Format | None:
    """The one format of all, quoted if one of them is; None if they differ."""
    different = set(formats)
    if len({replace(form, quoted=False) for form in different}) > 1:
        return None
    return max(different, key=lambda form: form.quoted)


def _alike(schemas: Sequence[Columns]) -> bool:
    """Whether most of the schemas are similar to each other."""
    clusters: list[tuple[Columns, int]] = []
    for columns, count in Counter(schemas).most_common():
        for at, (known, total) in enumerate(clusters):
            if similar(known, columns):
                clusters[at] = (known, total + count)
                break
        else:
            clusters.append((columns, count))
    return len(clusters) <= _CLUSTERS and max(total for _, total in clusters) / len(schemas) > _SHARE


def _at_level(folder: Folder, level: int) -> list[Folder]:
    """The folders at a level below the bucket, which is 1; files above it stay in folders of their own."""
    own = 1 + folder.prefix.count("/")
    if own >= level or not folder.children:
        return [folder]
    tops = [top for child in folder.children.values() for top in _at_level(child, level)]
    if folder.files:
        tops.insert(0, Folder(folder.bucket, folder.prefix, folder.files))
    return tops
