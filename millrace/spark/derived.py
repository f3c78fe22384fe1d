"""A table of sums, worked out of another's partitions in Arrow: each by itself, from its objects alone."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
from pyspark import SparkContext

from millrace.contracts import Contract
from millrace.spark import objects

Transform = Callable[[Any], Any]


def write(context: SparkContext, uris: Sequence[str], target: Contract, rows: Transform, folder: str) -> list[str]:
    """Write the target's partitions into a folder, those that the other table has in these objects; its objects.

    rows: makes, of the other table's rows, rows of the target; of those with one key all other columns are summed.
    """
    partitions: dict[str, list[str]] = {}
    names = [f"{name}=" for name, _ in target.partitions]
    for uri in uris:
        path = "/".join(part for part in uri.split("/") if part.startswith(tuple(names)))
        partitions.setdefault(path, []).append(uri)
    if not partitions:
        return []
    tasks = context.parallelize(sorted(partitions.items()), min(len(partitions), 2 * context.defaultParallelism))
    made: list[str] = tasks.map(functools.partial(_write, target, rows, folder)).collect()
    return made


def _write(target: Contract, rows: Transform, folder: str, partition: tuple[str, Sequence[str]]) -> str:
    path, uris = partition
    # Of one object after another, so that no more is in memory.
    table = functools.reduce(lambda sums, uri: _summed([*sums, rows(objects.read(uri))], target), uris, list[Any]())[0]
    names = [column.name for column in target.columns]
    kinds = [pa.decimal128(*column.decimal) if column.decimal else table[column.name].type for column in target.columns]
    made = table.select(names).cast(pa.schema(zip(names, kinds, strict=True)))
    uri = f"{folder}table={target.table}/{path}/00000.parquet"
    objects.write(made.sort_by([(name, "ascending") for name in _key(target)]), uri)
    return uri


def _key(target: Contract) -> list[str]:
    """The key within a partition."""
    return [name for name in target.key if name in {column.name for column in target.columns}]


def _summed(tables: Sequence[Any], target: Contract) -> list[Any]:
    """One row for each key of these tables, alone in a list."""
    key = _key(target)
    sums = [column.name for column in target.columns if column.name not in key]
    found = pa.concat_tables(tables, promote_options="permissive").group_by(key).aggregate([(s, "sum") for s in sums])
    return [found.rename_columns([name.removesuffix("_sum") for name in found.column_names])]
