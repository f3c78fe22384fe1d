"""Write columns as row groups of one Parquet file, encoded by a thread of its own once there is more than one."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from millrace.contracts import Contract
from millrace.convert.sinks import Sink
from millrace.convert.typed import arrow_type

ROW_GROUP_ROWS = 100_000
# Wide rows fill a row group early, so that memory does not grow with them.
ROW_GROUP_BYTES = 32 << 20
_SAMPLE_ROWS = 1 << 14


class ParquetTarget:
    """One Parquet file. The same columns in the same portions give the same bytes."""

    def __init__(self, contract: Contract, sink: Sink) -> None:
        self._contract = contract
        self._stream: Any = _Stream(sink)
        self._held: list[Sequence[Any]] = []
        self._rows = 0
        self._bytes = 0
        self._writer: Any = None
        self._queue: queue.Queue[Any] = queue.Queue(1)
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def add(self, columns: Sequence[Any], rows: int) -> None:
        """Append rows, given as arrays in the contract's order."""
        if not rows:
            return
        self._held.append(columns)
        self._rows += rows
        self._bytes += sum(column.nbytes for column in columns)
        if self._rows >= ROW_GROUP_ROWS or self._bytes >= ROW_GROUP_BYTES:
            self._hand_over()

    def close(self) -> None:
        """Write what is held and the file's footer; the sink is left to be committed."""
        if self._thread is None:
            self._write(self._take() if self._held or self._writer is None else None)
        else:
            if self._held:
                self._hand_over()
            self._stop()
        self._writer.close()

    def abort(self) -> None:
        """Stop the thread."""
        self._stop()

    def _hand_over(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="encode", daemon=True)
            self._thread.start()
        self._queue.join()  # so that no more than two row groups are held, whichever thread is the slower
        self._queue.put(self._take())
        if self._error is not None:
            self._stop()

    def _stop(self) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _work(self) -> None:
        while (held := self._queue.get()) is not None:
            if self._error is None:
                try:
                    self._write(held)
                except BaseException as error:  # raised again where rows are added
                    self._error = error
            del held
            self._queue.task_done()
        self._queue.task_done()

    def _take(self) -> list[Sequence[Any]]:
        held, self._held, self._rows, self._bytes = self._held, [], 0, 0
        return held

    def _write(self, held: list[Sequence[Any]] | None) -> None:
        if held is None:
            return
        columns = [
            pa.chunked_array([part[index] for part in held], arrow_type(column))
            for index, column in enumerate(self._contract.columns)
        ]
        held.clear()
        table = pa.table(columns, names=[column.name for column in self._contract.columns])
        if self._writer is None:
            repeating: Any = [name for name in table.column_names if _repeats(table.column(name))]
            self._writer = pq.ParquetWriter(
                self._stream,
                table.schema,
                compression="zstd",
                compression_level=1,
                use_dictionary=repeating,
                write_statistics=True,
                store_schema=False,
                data_page_size=1 << 20,
            )
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))


def _repeats(column: Any) -> bool:
    """Whether values come again so often that a dictionary pays."""
    sample = column.slice(0, _SAMPLE_ROWS)
    return (
        len(sample) > 0
        and not pa.types.is_boolean(column.type)
        and pc.count_distinct(sample).as_py() * 4 <= len(sample)
    )


class _Stream(io.RawIOBase):
    """A sink as the file that Arrow writes to; closing it does not commit."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._sink.write(data)
