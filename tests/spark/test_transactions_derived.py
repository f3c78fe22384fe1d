"""Sums of a partition are those of all its objects, by day and product."""

import datetime as dt
import io
import uuid
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from millrace import contracts

DAILY = contracts.get("transactions", "daily_sales")


def purchases_of(*rows):
    """Rows of (day, product, amount, status)."""
    days, products, amounts, statuses = zip(*rows, strict=True)
    return pa.table({
        "purchase_date": pa.array([dt.date(2025, 1, day) for day in days]),
        "product_id": pa.array(products),
        "amount": pa.array([amount and Decimal(amount) for amount in amounts], pa.decimal128(12, 2)),
        "amount_missing": pa.array([amount is None for amount in amounts]),
        "status": pa.array(statuses),
    })  # fmt: skip


def test_daily_sales_of_a_partition_are_summed_over_its_objects(spark, client):
    from millrace.spark import derived, purchases

    s3, bucket = client("s3"), f"d{uuid.uuid4().hex[:10]}"
    s3.create_bucket(Bucket=bucket)
    objects = {
        "period=2025-01/region=APAC/0.parquet": purchases_of(
            (1, "P1", "9999999999.99", "COMPLETED"), (2, "P1", None, "COMPLETED"), (1, "P1", "2.00", "REFUNDED")
        ),
        "period=2025-01/region=APAC/1.parquet": purchases_of(
            (1, "P1", "9999999999.99", "COMPLETED"), (1, "P0", "1.50", "CANCELLED")
        ),
        "period=2025-01/region=LATAM/0.parquet": purchases_of((1, "P1", "3.00", "COMPLETED")),
    }
    for key, table in objects.items():
        body = io.BytesIO()
        pq.write_table(table, body)
        s3.put_object(Bucket=bucket, Key=f"t/{key}", Body=body.getvalue())
    uris = [f"s3://{bucket}/t/{key}" for key in objects]
    made = derived.write(spark.sparkContext, uris, DAILY, purchases.daily_sales, f"s3://{bucket}/d/")
    path = f"s3://{bucket}/d/table=daily_sales/period=2025-01/region="
    assert sorted(made) == [f"{path}APAC/00000.parquet", f"{path}LATAM/00000.parquet"]
    body = s3.get_object(Bucket=bucket, Key=sorted(made)[0].partition(f"{bucket}/")[2])["Body"].read()
    table = pq.read_table(io.BytesIO(body))
    assert table.column_names == [column.name for column in DAILY.columns]
    one, two = dt.date(2025, 1, 1), dt.date(2025, 1, 2)
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        (one, "P0", 1, 0, 0, 0, Decimal("0.00"), Decimal("0.00")),
        (one, "P1", 3, 2, 1, 0, Decimal("19999999999.98"), Decimal("2.00")),  # more than an amount can be
        (two, "P1", 1, 1, 0, 1, Decimal("0.00"), Decimal("0.00")),
    ]
    assert derived.write(spark.sparkContext, [], DAILY, purchases.daily_sales, "s3://none/") == []
