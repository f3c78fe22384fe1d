"""The objects under a crawler's targets, by folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from localaws.core import AwsError
from localaws.glue.classify import Content
from localaws.glue.globs import compile_exclusion
from localaws.s3.objects import ObjectInfo
from localaws.s3.store import Store


@dataclass(frozen=True)
class Target:
    """An S3 target: its bucket, its prefix (empty, or ending in ``/`` unless it names one object), its rules."""

    bucket: str
    prefix: str
    exclusions: tuple[str, ...] = ()
    sample_size: int | None = None

    @property
    def uri(self) -> str:
        """``s3://bucket/prefix``."""
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass
class File:
    """An object that holds records."""

    info: ObjectInfo
    content: Content


@dataclass
class Folder:
    """A folder; prefix ends in ``/`` or is empty at the bucket's root."""

    bucket: str
    prefix: str
    files: list[File] = field(default_factory=list)
    children: dict[str, Folder] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """``s3://bucket/prefix``."""
        return f"s3://{self.bucket}/{self.prefix}"

    def descend(self, path: list[str]) -> Folder:
        """The folder at a path below this one; made if need be."""
        folder = self
        for name in path:
            if name not in folder.children:
                folder.children[name] = Folder(self.bucket, f"{folder.prefix}{name}/")
            folder = folder.children[name]
        return folder


def parse_path(path: str) -> tuple[str, str]:
    """Bucket and prefix of a target's path; raises InvalidInputException."""
    scheme, _, rest = path.partition("://")
    bucket, _, prefix = rest.partition("/")
    if not bucket:
        scheme, bucket = "", ""
    if scheme not in ("s3", "s3a", "s3n") or not bucket:
        raise AwsError("InvalidInputException", f"The S3 target's path {path!r} is not of the form s3://bucket/folder.")
    return bucket, prefix


def objects(store: Store, target: Target) -> Iterator[ObjectInfo]:
    """The target's objects that a crawler looks at: not empty, not hidden by ``_`` or ``.``, not excluded."""
    exclusions = [compile_exclusion(pattern) for pattern in target.exclusions]
    prefix = target.prefix
    # "folder" means the folder, not whatever begins with its name.
    for info in store.list(target.bucket, prefix):
        relative = info.key[len(prefix) :]
        if prefix and not prefix.endswith("/"):
            if relative and not relative.startswith("/"):
                continue
            relative = relative.lstrip("/")
        if info.size == 0 or info.key.endswith("/"):
            continue
        names = relative.split("/")
        if any(name.startswith(("_", ".")) for name in names) or names[-1].endswith("_$folder$"):
            continue
        if any(pattern.fullmatch(relative) for pattern in exclusions):
            continue
        yield info


def build(target: Target, found: Iterator[ObjectInfo], classify: Callable[[ObjectInfo], Content | None]) -> Folder:
    """The tree of the target's folders with the files that hold records."""
    prefix = target.prefix
    if prefix and not prefix.endswith("/"):
        prefix += "/"
    root = Folder(target.bucket, prefix)
    taken: dict[str, int] = {}
    for info in found:
        if info.key == target.prefix:  # the target is one object, not a folder
            content = classify(info)
            return Folder(target.bucket, info.key, [File(info, content)] if content else [])
        folder = root.descend(info.key[len(prefix) :].split("/")[:-1])
        if target.sample_size is not None and taken.get(folder.prefix, 0) >= target.sample_size:
            continue
        content = classify(info)
        if content is not None:
            folder.files.append(File(info, content))
            taken[folder.prefix] = taken.get(folder.prefix, 0) + 1
    return root
