"""One conversion of the benchmark file, or a part: ``python -m benchmarks.parts.converter_ways WAY PATH FOLDER``."""

from __future__ import annotations

import datetime as dt
import importlib.abc
import sys
from pathlib import Path
from typing import Any

ORDERS = Path(__file__).resolve().parents[1] / "contracts" / "orders.yaml"
ROW_GROUP = 100_000


def millrace(path: Path, folder: Path) -> None:
    from millrace import contracts
    from millrace.convert.engine import convert
    from millrace.convert.sinks import FileSink

    with path.open("rb", buffering=0) as source:
        outcome = convert(
            source,
            contracts.load(ORDERS),
            dt.date(2030, 1, 1),
            path.name,
            lambda: FileSink(folder / "millrace.parquet"),
            lambda: FileSink(folder / "millrace.csv"),
        )
    assert outcome.status == "loaded", outcome
    assert outcome.rows_in == outcome.rows_out + outcome.rows_rejected, outcome


def bare(path: Path, folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    options = pyarrow.csv.ConvertOptions(column_types=_types())
    reader = pyarrow.csv.open_csv(path, convert_options=options)
    with pq.ParquetWriter(folder / "bare.parquet", reader.schema, compression="zstd", compression_level=1) as writer:
        held: list[Any] = []
        rows = 0
        for batch in reader:
            held.append(batch)
            rows += batch.num_rows
            if rows >= ROW_GROUP:
                writer.write_table(pa.Table.from_batches(held), row_group_size=rows)
                held, rows = [], 0
        if held:
            writer.write_table(pa.Table.from_batches(held), row_group_size=rows)


def pandas(path: Path, folder: Path) -> None:
    import pandas as pd

    frame = pd.read_csv(path, parse_dates=["ordered_at", "shipped_on"])
    frame.to_parquet(folder / "pandas.parquet", compression="zstd", compression_level=1, index=False)


def duckdb(path: Path, folder: Path) -> None:
    import duckdb as engine

    kinds = {"string": "VARCHAR", "bigint": "BIGINT", "double": "DOUBLE", "timestamp": "TIMESTAMP", "date": "DATE"}
    from millrace import contracts

    columns = {column.name: kinds[column.type] for column in contracts.load(ORDERS).columns}
    connection = engine.connect()
    connection.execute("SET memory_limit='2GB'; SET threads=2; SET preserve_insertion_order=false")
    connection.execute(
        f"COPY (SELECT * FROM read_csv('{path}', header=true, columns={columns}, store_rejects=true, "
        f"null_padding=false)) TO '{folder / 'duckdb.parquet'}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    )


def start(path: Path, folder: Path) -> None:
    from millrace.convert import engine

    assert engine


def read(path: Path, folder: Path) -> None:
    from millrace.convert.engine import BLOCK_BYTES

    with path.open("rb", buffering=0) as source:
        while source.read(BLOCK_BYTES):
            pass


def parse(path: Path, folder: Path, *, check: bool = False) -> None:
    """Parse all blocks as the converter does; without its checks unless asked."""
    from millrace import contracts
    from millrace.convert import text
    from millrace.convert.blocks import BlockConverter
    from millrace.convert.checks import ColumnCheck
    from millrace.convert.engine import BLOCK_BYTES
    from millrace.convert.header import match
    from millrace.convert.lines import Lines
    from millrace.convert.stream import raw_chunks

    contract = contracts.load(ORDERS)
    if not check:
        ColumnCheck.bad = lambda self, values, known=0: None  # type: ignore[method-assign]
        text.trimmed = lambda strings: strings
    with path.open("rb", buffering=0) as source:
        lines = Lines(raw_chunks(source, BLOCK_BYTES), contract.csv.max_line_bytes)
        block = lines.next(b"")
        assert isinstance(block, bytes)
        header, block = block.split(b"\n", 1)
        converter = BlockConverter(contract, match(header.decode(), contract), dt.date(2030, 1, 1), "utf-8")
        while block:
            converter.convert(block, 1, final=lines.final, beyond=0)
            following = lines.next(b"")
            assert isinstance(following, bytes)
            block = following


def _types() -> dict[str, Any]:
    from millrace import contracts
    from millrace.convert.typed import arrow_type

    return {column.name: arrow_type(column) for column in contracts.load(ORDERS).columns}


WAYS = {
    "millrace": millrace,
    "all": millrace,
    "bare": bare,
    "pandas": pandas,
    "duckdb": duckdb,
    "start": start,
    "read": read,
    "parse": parse,
    "parse+check": lambda path, folder: parse(path, folder, check=True),
}


class NoPandas(importlib.abc.MetaPathFinder):
    """Lambda has no pandas; where it is installed pyarrow loads it, which takes 0.45 s of CPU."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Find all but pandas elsewhere."""
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)


if __name__ == "__main__":
    if sys.argv[1] != "pandas":
        sys.meta_path.insert(0, NoPandas())
    WAYS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
