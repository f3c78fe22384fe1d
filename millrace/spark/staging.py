"""Raw files into the newest row of each key of each partition: read once, sent to its partition once, written once.

Spark spreads the work and carries rows between its parts, as blocks of Arrow's; rows themselves are only touched by
Arrow. The first part reads lines, makes rows of them, and lays those of a partition together. When it is known how much
a partition has, it is sent to a task, or if that would be too much for one, in slices to several; there the rows are
sorted, the older ones of a key left out, and the others written. All that is counted comes along with the rows, so it
is that of the attempts that succeeded.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import gzip
import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
from pyspark import SparkContext, StorageLevel

from millrace.contracts import Contract
from millrace.spark import objects, raw_text
from millrace.spark.raw_text import AGE, Fault, RawFile

TABLE, PERIOD, REGION, SOURCE = "table", "period", "region", "source"
PARTITION = (TABLE, PERIOD, REGION)
_BLOCK_BYTES = 4 << 20
_TASK_BYTES = 64 << 20  # that a task reads, and that one writes, if there are not too few tasks then
_SLICE_BYTES = 256 << 20  # of rows, that are sorted at once
_KEYS = 16 << 20  # that a task compares

Group = tuple[str, ...]  # a partition: table, period, region
Transform = Callable[[Any], Any]


@dataclass(frozen=True)
class Part:
    """The lines of a file that begin from `start` on and before `end`; end None: to its end."""

    file: RawFile
    start: int = 0
    end: int | None = None


@dataclass(frozen=True)
class Lines:
    """What a part of a file had: how many lines, and which of them, counted from 0, are no rows."""

    file: int
    start: int
    lines: int
    faults: Sequence[Fault]


@dataclass(frozen=True)
class Written:
    """An object with rows of a partition. rows, repeated: how many by file are in it, and were older ones of a key."""

    group: Group
    uri: str
    rows: Mapping[int, int]
    repeated: Mapping[int, int]


@dataclass(frozen=True)
class Staged:
    """What was read, what was written, and which keys are in several partitions."""

    read: Sequence[Lines] = ()
    written: Sequence[Written] = ()
    again: Sequence[int] = ()


@dataclass(frozen=True)
class Staging:
    """How files are staged.

    extra: columns that some file has and the contract does not know; transform: makes read rows those of a table, with
    PARTITION and AGE; sources: SOURCE by file; columns: their order in what is written; folder: an s3:// URI.
    """

    contract: Contract
    extra: Sequence[str]
    transform: Transform
    sources: Mapping[int, str]
    columns: Sequence[str]
    folder: str

    def run(self, context: SparkContext, files: Sequence[RawFile]) -> Staged:
        """Stage files: what was read, and what was written."""
        size = min(_TASK_BYTES, max(_BLOCK_BYTES, sum(file.size for file in files) // (2 * context.defaultParallelism)))
        tasks = _tasks(files, size)
        read = context.parallelize(tasks, len(tasks)).flatMap(self._read).persist(StorageLevel.DISK_ONLY)
        sizes: Counter[Group] = Counter()
        lines: list[Lines] = []
        for found, size in read.map(lambda item: item[:2]).collect():
            if isinstance(found, Lines):
                lines.append(found)
            else:
                sizes[found] += size
        slices = {group: -(-size // _SLICE_BYTES) for group, size in sizes.items()}
        places, count = _places({(g, n): sizes[g] // slices[g] for g in sizes for n in range(slices[g])})
        sent = read.flatMap(functools.partial(self._sliced, slices)).partitionBy(count, places.__getitem__)
        keys = -(-sum(part.lines for part in lines) // _KEYS)
        written = sent.mapPartitions(functools.partial(self._write, keys)).partitionBy(keys, int)
        found = written.mapPartitions(_again).collect()
        read.unpersist()
        return Staged(
            lines,
            [each for each in found if isinstance(each, Written)],
            [int(key) for each in found if not isinstance(each, Written) for key in each],
        )

    def _read(self, parts: Sequence[Part]) -> Iterator[tuple[Any, int, bytes]]:
        """The rows of files' parts: each partition, how many bytes it is in memory, and it packed; and Lines."""
        gc.freeze()  # or Spark's worker looks for garbage among all that was imported, after each task
        tables, size = [], 0
        for part in parts:
            reader, lines = raw_text.Reader(self.contract, part.file, self.extra), 0
            faults: list[Fault] = []
            for position, block in _blocks(part):
                rows, wrong, count = reader.read(block, position)
                faults += [dataclasses.replace(fault, line=lines + fault.line) for fault in wrong]
                lines += count
                tables.append(rows)
                size += rows.nbytes
                if size > _TASK_BYTES:
                    yield from self._divided(tables)
                    tables, size = [], 0
            yield Lines(part.file.number, part.start, lines, faults), 0, b""
        yield from self._divided(tables)

    def _divided(self, tables: Sequence[Any]) -> Iterator[tuple[Group, int, bytes]]:
        """What read rows become, by partition. Of many rows at once, so that whatever comes again is looked at once."""
        if not (count := sum(table.num_rows for table in tables)):
            return
        rows = self.transform(pa.concat_tables(tables).unify_dictionaries().combine_chunks())
        columns: list[Any] = [rows[name].chunk(0) for name in PARTITION]
        code = np.zeros(count, np.int64)
        for column in columns:
            code = code * len(column.dictionary) + column.indices.to_numpy()
        order = np.argsort(code.astype(np.int32), kind="stable")
        edges = np.flatnonzero(np.diff(code[order], prepend=-1)).tolist()
        together = rows.drop_columns(list(PARTITION)).take(pa.array(order, pa.int64()))
        for start, end in itertools.pairwise([*edges, count]):
            group = tuple(column[int(order[start])].as_py() for column in columns)
            mine = together.slice(start, end - start)
            yield group, mine.nbytes, _packed(mine)

    def _sliced(
        self, slices: Mapping[Group, int], item: tuple[Any, int, bytes]
    ) -> Iterator[tuple[tuple[Group, int], bytes]]:
        """The slices of a partition's rows, each with all rows of its keys."""
        group, _, packed = item
        if isinstance(group, Lines):
            return
        if (count := slices[group]) == 1:
            yield (group, 0), packed
            return
        rows = _unpacked(packed)
        place = rows[self._key].to_numpy() % count
        for number in range(count):
            yield (group, number), _packed(rows.filter(pa.array(place == number)))

    def _write(self, parts: int, items: Iterator[tuple[tuple[Group, int], bytes]]) -> Iterator[tuple[int, Any]]:
        """Write the newest row of each key, sorted by key; what was written, and the keys in so many parts."""
        found: dict[tuple[Group, int], list[bytes]] = {}
        for place, packed in items:
            found.setdefault(place, []).append(packed)
        for group, number in sorted(found):
            rows = pa.concat_tables([_unpacked(packed) for packed in found.pop((group, number))])
            keys, ages = rows[self._key].to_numpy(), rows[AGE].to_numpy()
            order = np.lexsort((-ages, keys))
            newest = np.append(True, np.diff(keys[order]) != 0)
            rows = rows.unify_dictionaries().take(pa.array(order[newest]))
            path = "/".join(f"{name}={value}" for name, value in zip(PARTITION, group, strict=True))
            uri = f"{self.folder}{path}/{number:05}.parquet"
            objects.write(self._named(rows), uri)
            yield 0, Written(group, uri, _by_file(ages[order[newest]]), _by_file(ages[order[~newest]]))
            kept = keys[order[newest]]
            yield from ((part, kept[kept % parts == part]) for part in range(parts))

    def _named(self, rows: Any) -> Any:
        """The rows with SOURCE, in the order of what is written."""
        files = raw_text.file_number(rows[AGE].combine_chunks()).dictionary_encode()
        names = pa.array([self.sources[number] for number in files.dictionary.to_pylist()])
        rows = rows.append_column(SOURCE, pa.DictionaryArray.from_arrays(files.indices, names))
        return rows.select([name for name in self.columns if name in rows.column_names])

    @property
    def _key(self) -> str:
        (key,) = self.contract.key
        return key


def _tasks(files: Sequence[RawFile], size: int) -> list[list[Part]]:
    """The parts of files, of such a size, those of small ones together."""
    parts = []
    for file in files:
        if file.uri.lower().endswith(".gz") or file.size <= size:
            parts.append((file.size, Part(file)))
        else:
            starts = [*range(0, file.size, size), file.size]
            parts += [(end - start, Part(file, start, end)) for start, end in itertools.pairwise(starts)]
    tasks: list[list[Part]] = []
    room = 0
    for needed, part in parts:
        if needed > room:
            tasks.append([])
            room = size
        tasks[-1].append(part)
        room -= needed
    return tasks


def _places(sizes: Mapping[Any, int]) -> tuple[dict[Any, int], int]:
    """The task of each slice, so that none has much more to do than others; how many tasks there are."""
    loads = [0] * max(1, -(-sum(sizes.values()) // _TASK_BYTES))
    places = {}
    for place in sorted(sizes, key=lambda place: (-sizes[place], place)):
        places[place] = loads.index(min(loads))
        loads[places[place]] += sizes[place]
    return places, len(loads)


def _blocks(part: Part) -> Iterator[tuple[int, bytes]]:
    """Whole lines, block by block, and where in the file each block begins."""
    bucket, key = objects.split(part.file.uri)
    position = max(0, part.start - 1)  # a line that ends there is not the part's, its first may be the next
    answer = objects.client().get_object(
        Bucket=bucket, Key=key, Range=f"bytes={position}-", IfMatch=f'"{part.file.etag}"'
    )
    with answer["Body"] as body:
        stream = cast(IO[bytes], gzip.GzipFile(fileobj=body)) if key.lower().endswith(".gz") else body
        carry, skip, stop = b"", part.start > 0, part.end or sys.maxsize
        while read := stream.read(_BLOCK_BYTES):
            block = carry + read
            over = position + len(block) >= stop
            end = block.find(b"\n", stop - 1 - position) if over else block.rfind(b"\n")
            start = block.find(b"\n") + 1 if skip else 0
            if end >= 0:
                if start <= end:
                    yield position + start, block[start : end + 1]
                if over:
                    return
                skip = False
            carry, position = block[end + 1 :], position + end + 1
        start = carry.find(b"\n") + 1 if skip else 0
        if carry and (start or not skip):  # the file's last line has no end
            yield position + start, carry[start:]


def _packed(rows: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(rows)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def _unpacked(packed: bytes) -> Any:
    return pa.ipc.open_stream(packed).read_all()


def _again(items: Iterator[tuple[int, Any]]) -> Iterator[Any]:
    """What was written, as it comes, and the keys that came more than once."""
    keys = []
    for _, item in items:
        if isinstance(item, Written):
            yield item
        else:
            keys.append(item)
    if keys:
        every = np.sort(np.concatenate(keys))
        yield np.unique(every[1:][every[1:] == every[:-1]])


def _by_file(ages: Any) -> dict[int, int]:
    numbers, counts = np.unique(raw_text.file_number(pa.array(ages, pa.int64())).to_numpy(), return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))
