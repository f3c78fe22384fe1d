"""Generate the converter's benchmark file: ``python -m benchmarks.parts.converter_data PATH ROWS BAD_SHARE``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

CHUNK = 200_000
STATUSES = ["new", "paid", "sent", "done", "void"]
WORDS = np.array(
    (
        *("left", "at", "the", "door", "with", "neighbour", "call", "before", "please", "ring", "twice", "gift"),
        *("wrap", "blue", "red", "fragile", "keep", "dry", "return", "slip", "inside", "express", "second"),
        *("floor", "back", "yard", "office", "reception"),
    )
)


def chunk(start: int, rows: int) -> pa.Table:
    """Rows of orders, the same for the same start."""
    random = np.random.default_rng(start)
    number = np.arange(start, start + rows)
    customer = random.integers(0, 1_000_000, rows)
    city = random.integers(0, 500, rows)
    moment = 1_672_531_200 + number // 4 + random.integers(0, 3600, rows)
    quantity = random.integers(1, 50, rows)
    price = random.integers(99, 99_999, rows) / 100
    words = WORDS[random.integers(0, len(WORDS), (rows, 9))]
    note = [" ".join(row) for row in words.tolist()]
    return pa.table(
        {
            "order_id": number,
            "ordered_at": pc.strftime(pa.array(moment, pa.timestamp("s")), "%Y-%m-%dT%H:%M:%S"),
            "customer_id": _text("C{:07d}", customer),
            "company_id": _text("company-{:04d}", customer % 5000),
            "email": _text("user{:07d}@example.com", customer),
            "country": _text("country {:02d}", city % 30),
            "city": _text("city number {:03d}", city),
            "status": pa.array(STATUSES).take(pa.array(random.integers(0, 5, rows))),
            "quantity": quantity,
            "unit_price": price,
            "amount": np.round(quantity * price, 2),
            "discount": random.integers(0, 40, rows) / 100,
            "latitude": np.round(random.uniform(-90, 90, rows), 5),
            "longitude": np.round(random.uniform(-180, 180, rows), 5),
            "shipped_on": pc.strftime(pa.array(moment + 86_400, pa.timestamp("s")), "%Y-%m-%d"),
            "note": note,
        }
    )


def _text(form: str, numbers: np.ndarray) -> pa.Array:
    distinct, index = np.unique(numbers, return_inverse=True)
    return pa.array([form.format(number) for number in distinct.tolist()]).take(pa.array(index))


def _with(index: int, value: bytes) -> Callable[[bytes], bytes]:
    def spoil(line: bytes) -> bytes:
        fields = line.split(b",")
        fields[index] = value
        return b",".join(fields)

    return spoil


SPOILERS: list[Callable[[bytes], bytes]] = [
    _with(9, b"12.5x"),  # not a number
    _with(1, b"31/02/2019"),  # not a timestamp
    _with(2, b""),  # a required value missing
    _with(12, b"123.4"),  # out of range
    _with(7, b"lost"),  # not allowed
    lambda line: line + b",extra",  # ragged
    _with(6, b"Z\xffrich"),  # not UTF-8
    _with(15, b"a\0b"),  # a NUL byte
]


def main() -> None:
    path, rows, bad_share = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    random = np.random.default_rng(1)
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    with path.open("wb") as file:
        for start in range(0, rows, CHUNK):
            table = chunk(start, min(CHUNK, rows - start))
            if not start:
                file.write(",".join(table.column_names).encode() + b"\n")
            sink = pa.BufferOutputStream()
            pyarrow.csv.write_csv(table, sink, options)
            data = sink.getvalue().to_pybytes()
            if bad_share:
                lines = data.split(b"\n")[:-1]
                for kind, index in enumerate(random.choice(len(lines), int(len(lines) * bad_share), replace=False)):
                    lines[index] = SPOILERS[kind % len(SPOILERS)](lines[index])
                data = b"\n".join(lines) + b"\n"
            file.write(data)


if __name__ == "__main__":
    main()
