"""Transforms by their class names: ``ApplyMapping.apply(frame=…, mappings=…)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..dynamicframe import DynamicFrame, DynamicFrameCollection, Mapped

__all__ = [
    "ApplyMapping",
    "DropFields",
    "DropNullFields",
    "ErrorsAsDynamicFrame",
    "Filter",
    "FlatMap",
    "GlueTransform",
    "Join",
    "Map",
    "MapToCollection",
    "Relationalize",
    "RenameField",
    "ResolveChoice",
    "SelectFields",
    "SelectFromCollection",
    "Spigot",
    "SplitFields",
    "SplitRows",
    "Unbox",
    "UnnestFrame",
]


class GlueTransform:
    """A transform: ``apply`` makes one and calls it."""

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call the transform."""
        return cls()(*args, **kwargs)

    @classmethod
    def name(cls) -> str:
        """The transform's name."""
        return cls.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Transform."""
        raise NotImplementedError(f"The transform {self.name()} is not supported here: use toDF() and Spark.")


class ApplyMapping(GlueTransform):
    """Choose, rename and cast columns."""

    def __call__(self, frame: DynamicFrame, mappings: Sequence[Mapped], *_: Any, **__: Any) -> DynamicFrame:
        """Choose, rename and cast columns."""
        return frame.apply_mapping(mappings)


class ResolveChoice(GlueTransform):
    """Cast columns."""

    def __call__(self, frame: DynamicFrame, *args: Any, **kwargs: Any) -> DynamicFrame:
        """Cast columns."""
        return frame.resolveChoice(*args, **kwargs)


class DropFields(GlueTransform):
    """Leave out columns."""

    def __call__(self, frame: DynamicFrame, paths: Sequence[str], *_: Any, **__: Any) -> DynamicFrame:
        """Leave out columns."""
        return frame.drop_fields(paths)


class SelectFields(GlueTransform):
    """Keep columns."""

    def __call__(self, frame: DynamicFrame, paths: Sequence[str], *_: Any, **__: Any) -> DynamicFrame:
        """Keep columns."""
        return frame.select_fields(paths)


class RenameField(GlueTransform):
    """Rename a column."""

    def __call__(self, frame: DynamicFrame, old_name: str, new_name: str, *_: Any, **__: Any) -> DynamicFrame:
        """Rename a column."""
        return frame.rename_field(old_name, new_name)


class DropNullFields(GlueTransform):
    """Leave out columns that hold nothing but null."""

    def __call__(self, frame: DynamicFrame, *_: Any, **__: Any) -> DynamicFrame:
        """Leave out columns that hold nothing but null."""
        return frame.drop_nulls()


class Filter(GlueTransform):
    """Keep rows."""

    def __call__(self, frame: DynamicFrame, f: Callable[[Any], bool], *_: Any, **__: Any) -> DynamicFrame:
        """Keep rows."""
        return frame.filter(f)


class Map(GlueTransform):
    """Change rows."""

    def __call__(self, frame: DynamicFrame, f: Callable[[Any], Any], *_: Any, **__: Any) -> DynamicFrame:
        """Change rows."""
        return frame.map(f)


class Join(GlueTransform):
    """Join two frames where the keys are equal."""

    def __call__(
        self,
        frame1: DynamicFrame,
        frame2: DynamicFrame,
        keys1: Sequence[str] | str,
        keys2: Sequence[str] | str,
        *_: Any,
        **__: Any,
    ) -> DynamicFrame:
        """Join two frames where the keys are equal."""
        first = [keys1] if isinstance(keys1, str) else keys1
        second = [keys2] if isinstance(keys2, str) else keys2
        return frame1.join(first, second, frame2)


class SplitFields(GlueTransform):
    """Two frames: one with some columns, one with the others."""

    def __call__(
        self, frame: DynamicFrame, paths: Sequence[str], name1: str = "", name2: str = "", *_: Any, **__: Any
    ) -> DynamicFrameCollection:
        """Two frames: one with some columns, one with the others."""
        first, second = name1 or f"{frame.name}1", name2 or f"{frame.name}2"
        return DynamicFrameCollection(frame.split_fields(paths, first, second), frame.glue_ctx)


class SelectFromCollection(GlueTransform):
    """One frame of several."""

    def __call__(self, dfc: DynamicFrameCollection, key: str, *_: Any, **__: Any) -> DynamicFrame:
        """One frame of several."""
        return dfc[key]


class Relationalize(GlueTransform):
    """Not supported."""


class UnnestFrame(GlueTransform):
    """Not supported."""


class Unbox(GlueTransform):
    """Not supported."""


class Spigot(GlueTransform):
    """Not supported."""


class SplitRows(GlueTransform):
    """Not supported."""


class FlatMap(GlueTransform):
    """Not supported."""


class MapToCollection(GlueTransform):
    """Not supported."""


class ErrorsAsDynamicFrame(GlueTransform):
    """Not supported."""
