"""What the tables of pipeline ``transactions`` are made of, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from millrace.contracts import Contract
from millrace.spark import redact
from millrace.spark.raw_text import AGE
from millrace.spark.staging import PERIOD, REGION, SOURCE, TABLE

PII_KEY = "millrace/pii-key"
OUTLIER = "OUT"
_LENGTHS = {"day": 10, "month": 7}


@dataclass(frozen=True)
class Purchases:
    """Makes rows of raw purchases, in Arrow, into rows of the tables, each with its table, period and region.

    customer_key takes the place of customer_id, and texts are redacted: notes, and the `extra` columns nobody knows.
    """

    key: bytes
    clean: Contract
    outliers: Contract
    extra: Sequence[str]

    def __call__(self, rows: Any) -> Any:
        """The rows that these raw ones become, in their order."""
        texts = {name: redact.texts(rows[name].combine_chunks()) for name in ("note", *self.extra)}
        status = rows["status"].combine_chunks()
        outlier = pa.array([int(text == OUTLIER) for text in status.dictionary.to_pylist()], pa.int32())
        columns = {
            **{name: rows[name] for name in rows.column_names},
            **texts,
            "customer_key": redact.keyed_numbers(rows["customer_id"].combine_chunks(), self.key),
            "amount_missing": rows["amount"].is_null(),
            TABLE: pa.DictionaryArray.from_arrays(
                outlier.take(status.indices), [self.clean.table, self.outliers.table]
            ),
            PERIOD: self._period(rows["purchase_date"].combine_chunks()),
        }
        names = [column.name for column in self.clean.columns if column.name != SOURCE]
        return pa.table({name: columns[name] for name in (*names, *self.extra, TABLE, PERIOD, REGION, AGE)})

    def _period(self, days: Any) -> Any:
        """The period of each day, as the contract's grain has it: 2025-01-31 or 2025-01."""
        assert self.clean.period is not None
        encoded = days.dictionary_encode()
        periods = [str(day)[: _LENGTHS[self.clean.period]] for day in encoded.dictionary.to_pylist()]
        return pa.array(periods, pa.string()).dictionary_encode().take(encoded.indices)


def daily_sales(purchases: Any) -> Any:
    """Rows of ``daily_sales``, in Arrow, from rows of a partition of ``transactions_clean``."""
    money = pa.decimal128(18, 2)
    nothing = pa.scalar(Decimal("0.00"), money)
    completed, refunded = (pc.equal(purchases["status"], pa.scalar(status)) for status in ("COMPLETED", "REFUNDED"))
    amount = pc.fill_null(purchases["amount"].cast(money), nothing)
    return pa.table({
        "purchase_date": purchases["purchase_date"],
        "product_id": purchases["product_id"],
        "purchases": pa.repeat(pa.scalar(1, pa.int64()), purchases.num_rows),
        "completed": completed.cast(pa.int64()),
        "refunds": refunded.cast(pa.int64()),
        "missing_amounts": purchases["amount_missing"].cast(pa.int64()),
        "sales": pc.if_else(completed, amount, nothing),
        "refunded": pc.if_else(refunded, amount, nothing),
    })  # fmt: skip
