"""DynamicFrame on Spark's DataFrame: the rows have one schema, so there are never choices to resolve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql.types import NullType, StructType

from .types import catalog_schema, spark_type

if TYPE_CHECKING:
    from .context import GlueContext

Mapped = tuple[str, str] | tuple[str, str, str, str]


class DynamicRecord(dict[str, Any]):
    """A row as a dictionary, whose fields are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def as_dict(self) -> dict[str, Any]:
        """The row as a plain dictionary."""
        return dict(self)


class DynamicFrame:
    """Rows with a name, in a GlueContext."""

    def __init__(self, frame: DataFrame, glue_ctx: GlueContext, name: str = "") -> None:
        self._frame = frame
        self.glue_ctx = glue_ctx
        self.name = name

    @classmethod
    def fromDF(cls, dataframe: DataFrame, glue_ctx: GlueContext, name: str) -> DynamicFrame:
        """The rows of a DataFrame."""
        return cls(dataframe, glue_ctx, name)

    def toDF(self, options: Any = None) -> DataFrame:
        """The rows as a DataFrame."""
        if options:
            raise NotImplementedError("toDF with ResolveOptions is not supported here: there are no choices.")
        return self._frame

    def schema(self) -> StructType:
        """The rows' schema."""
        return self._frame.schema

    def printSchema(self) -> None:
        """Print the schema."""
        self._frame.printSchema()

    def count(self) -> int:
        """The number of rows."""
        return int(self._frame.count())

    def show(self, num_rows: int = 20) -> None:
        """Print the first rows as JSON, one a line, as Glue does."""
        for line in self._frame.limit(num_rows).toJSON().collect():
            print(line)

    def getNumPartitions(self) -> int:
        """The number of partitions."""
        return int(self._frame.rdd.getNumPartitions())

    def repartition(self, num_partitions: int, *_: Any, **__: Any) -> DynamicFrame:
        """The same rows in that many partitions."""
        return self._like(self._frame.repartition(num_partitions))

    def coalesce(self, num_partitions: int, *_: Any, **__: Any) -> DynamicFrame:
        """The same rows in at most that many partitions."""
        return self._like(self._frame.coalesce(num_partitions))

    # Columns

    def apply_mapping(self, mappings: Sequence[Mapped], *_: Any, **__: Any) -> DynamicFrame:
        """Columns by (source, source type, target, target type); a source that is missing gives no column.

        Names with dots are fields of structures; backticks hold a name with dots together.
        """
        tree: dict[str, Any] = {}
        place: dict[str, Any]
        for mapping in mappings:
            source, target = mapping[0], mapping[2] if len(mapping) == 4 else mapping[1]
            column = self._column(source)
            if column is None:
                continue
            if len(mapping) == 4:
                column = column.cast(spark_type(mapping[3]))
            place = tree
            *above, last = _path(target)
            for part in above:
                below = place.setdefault(part, {})
                if not isinstance(below, dict):
                    raise ValueError(f"apply_mapping makes both {part} and {target}.")
                place = below
            place[last] = column
        return self._like(self._frame.select(*(_built(value).alias(name) for name, value in tree.items())))

    def rename_field(self, oldName: str, newName: str, *_: Any, **__: Any) -> DynamicFrame:
        """Another name for a column."""
        old, new = _single(oldName), _single(newName)
        return self._like(self._frame.withColumnRenamed(old, new))

    def drop_fields(self, paths: Sequence[str], *_: Any, **__: Any) -> DynamicFrame:
        """Without these columns or fields of structures."""
        frame = self._frame
        for path in [paths] if isinstance(paths, str) else paths:
            first, *below = _path(path)
            if not below:
                frame = frame.drop(first)
            elif self._column(path) is not None:
                frame = frame.withColumn(first, F.col(f"`{first}`").dropFields(".".join(below)))
        return self._like(frame)

    def select_fields(self, paths: Sequence[str], *_: Any, **__: Any) -> DynamicFrame:
        """These columns only, in this order; those that are missing are let be."""
        wanted = [paths] if isinstance(paths, str) else paths
        mappings = [(path, path) for path in wanted if self._column(path) is not None]
        return self.apply_mapping(mappings)

    def resolveChoice(
        self,
        specs: Sequence[tuple[str, str]] | None = None,
        choice: str = "",
        database: str | None = None,
        table_name: str | None = None,
        **_: Any,
    ) -> DynamicFrame:
        """Cast columns by (path, ``cast:type`` or ``project:type``), or all as a table of the catalog has them.

        There are no choices, so make_cols, make_struct and a cast of all choices change nothing.
        """
        frame = self._frame
        for path, action in specs or ():
            what, colon, name = action.partition(":")
            if what in ("cast", "project") and colon:
                first, *nested = _path(path)
                if nested:
                    raise NotImplementedError(f"resolveChoice of the nested field {path} is not supported here.")
                if first in frame.columns:
                    frame = frame.withColumn(first, F.col(f"`{first}`").cast(spark_type(name)))
            elif what not in ("make_cols", "make_struct"):
                raise ValueError(f"resolveChoice has no action {action!r}.")
        if choice == "match_catalog":
            if not (database and table_name):
                raise ValueError("resolveChoice(choice='match_catalog') needs database and table_name.")
            from .catalog import get_table

            known = {one.name: one.dataType for one in catalog_schema(_all_columns(get_table(database, table_name)))}
            frame = frame.select(
                *(F.col(f"`{name}`").cast(known.get(name.lower(), kind)) for name, kind in _types(frame))
            )
        elif choice.partition(":")[0] not in ("", "cast", "project", "make_cols", "make_struct"):
            raise ValueError(f"resolveChoice has no choice {choice!r}.")
        return self._like(frame)

    def drop_nulls(self, *_: Any, **__: Any) -> DynamicFrame:
        """Without the columns that hold nothing but null."""
        frame = self._frame
        named = [name for name, kind in _types(frame) if not isinstance(kind, NullType)]
        if named:
            counts = frame.select(*(F.max(F.col(f"`{name}`").isNotNull()).alias(name) for name in named)).first()
            named = [name for number, name in enumerate(named) if counts is None or counts[number] is not False]
        return self._like(frame.select(*(F.col(f"`{name}`") for name in named)))

    # Rows

    def filter(self, f: Callable[[DynamicRecord], bool], *_: Any, **__: Any) -> DynamicFrame:
        """The rows for which the function of a record is true."""
        schema = self._frame.schema
        rows = self._frame.rdd.filter(lambda row: bool(f(_record(row))))
        return self._like(self._frame.sparkSession.createDataFrame(rows, schema))

    def map(self, f: Callable[[DynamicRecord], Any], *_: Any, **__: Any) -> DynamicFrame:
        """What the function makes of each record; the schema is taken from the results."""
        rows = self._frame.rdd.map(lambda row: dict(f(_record(row))))
        session = self._frame.sparkSession
        if rows.isEmpty():
            return self._like(session.createDataFrame([], self._frame.schema))
        return self._like(session.createDataFrame(rows.map(lambda one: Row(**one)), samplingRatio=1.0))

    def join(
        self, paths1: Sequence[str], paths2: Sequence[str], frame2: DynamicFrame, *_: Any, **__: Any
    ) -> DynamicFrame:
        """The rows that are equal in these columns; a column that both have gets a dot before it in the second."""
        left, right = self._frame, frame2.toDF()
        for name in set(left.columns) & set(right.columns):
            right = right.withColumnRenamed(name, f".{name}")
        condition = None
        for one, other in zip(paths1, paths2, strict=True):
            renamed = f".{other}" if f".{other}" in right.columns else other
            equal = left[f"`{one}`"] == right[f"`{renamed}`"]
            condition = equal if condition is None else condition & equal
        return self._like(left.join(right, condition, "inner"))

    def union(self, other_frame: DynamicFrame, *_: Any, **__: Any) -> DynamicFrame:
        """The rows of both; columns that one lacks are null there."""
        return self._like(self._frame.unionByName(other_frame.toDF(), allowMissingColumns=True))

    def split_fields(self, paths: Sequence[str], name1: str, name2: str, *_: Any, **__: Any) -> dict[str, DynamicFrame]:
        """Two frames: one with these columns, one with the others."""
        return {name1: self.select_fields(paths), name2: self.drop_fields(paths)}

    def errorsCount(self) -> int:
        """Always 0: a row that cannot be transformed fails the job."""
        return 0

    def relationalize(self, *_: Any, **__: Any) -> Any:
        """Not supported."""
        raise NotImplementedError("relationalize is not supported here: use explode and select on toDF().")

    unnest = unbox = spigot = mergeDynamicFrame = split_rows = relationalize

    def _like(self, frame: DataFrame) -> DynamicFrame:
        return DynamicFrame(frame, self.glue_ctx, self.name)

    def _column(self, path: str) -> Column | None:
        """The column or the field of a structure at a path, or None."""
        kind: Any = self._frame.schema
        column: Column | None = None
        for part in _path(path):
            if not isinstance(kind, StructType):
                return None
            name = next((name for name in kind.names if name == part), None) or next(
                (name for name in kind.names if name.lower() == part.lower()), None
            )
            if name is None:
                return None
            column = F.col(f"`{name}`") if column is None else column.getField(name)
            kind = kind[name].dataType
        return column


class DynamicFrameCollection:
    """Frames by name."""

    def __init__(self, dynamic_frames: Mapping[str, DynamicFrame], glue_ctx: GlueContext) -> None:
        self._frames = dict(dynamic_frames)
        self.glue_ctx = glue_ctx

    def keys(self) -> Any:
        """The names."""
        return self._frames.keys()

    def values(self) -> Any:
        """The frames."""
        return self._frames.values()

    def select(self, key: str, default: DynamicFrame | None = None) -> DynamicFrame | None:
        """One frame, or the default."""
        return self._frames.get(key, default)

    def __getitem__(self, key: str) -> DynamicFrame:
        return self._frames[key]

    def __len__(self) -> int:
        return len(self._frames)


def _record(row: Row) -> DynamicRecord:
    return DynamicRecord(row.asDict(recursive=True))


def _path(path: str) -> list[str]:
    """The parts of a path with dots; what stands in backticks is one."""
    parts, current, quoted = [], "", False
    for char in path:
        if char == "`":
            quoted = not quoted
        elif char == "." and not quoted:
            parts.append(current)
            current = ""
        else:
            current += char
    return [*parts, current]


def _single(path: str) -> str:
    parts = _path(path)
    if len(parts) > 1:
        raise NotImplementedError(f"The nested field {path} cannot be renamed here: use apply_mapping.")
    return parts[0]


def _built(value: Any) -> Column:
    if isinstance(value, dict):
        return F.struct(*(_built(inner).alias(name) for name, inner in value.items()))
    return value


def _types(frame: DataFrame) -> list[tuple[str, Any]]:
    return [(field.name, field.dataType) for field in frame.schema.fields]


def _all_columns(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*table["StorageDescriptor"]["Columns"], *table.get("PartitionKeys", [])]
