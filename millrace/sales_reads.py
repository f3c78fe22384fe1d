"""What the pipeline ``sales`` reads of its source, and what of it is revenue."""

from __future__ import annotations

from millrace import contracts
from millrace.contracts import Column
from millrace.source_reads import Read

# The one definition of revenue: the order was delivered and stands. What is disputed, on hold, in process or cancelled
# is ordered, but is not revenue.
REVENUE_STATUSES = ("Shipped", "Resolved")


def reads() -> tuple[Read, ...]:
    """All that is read."""
    statuses = ", ".join(f"'{status.lower()}'" for status in REVENUE_STATUSES)
    amount = "CAST(d.priceEach AS DECIMAL(10,2)) * d.quantityOrdered"
    return (
        Read(
            "order_lines",
            "orderdetails d JOIN orders o ON o.orderNumber = d.orderNumber",
            {"d": _columns("orderdetails"), "o": _columns("orders", "order_number", "comments")},
            month="o.orderDate",
            split="d.orderNumber",
            amount=amount,
            revenue=f"CASE WHEN LOWER(TRIM(o.status)) IN ({statuses}) THEN {amount} ELSE 0 END",
        ),
        Read(
            "payments", "payments p", {"p": _columns("payments")}, month="p.paymentDate", split="p.customerNumber",
            amount="CAST(p.amount AS DECIMAL(10,2))",
        ),
        _whole("customers"),
        _whole("employees"),
        _whole("offices"),
        _whole("products", "quantity_in_stock"),
        _whole("productlines", "html_description", "image"),
    )  # fmt: skip


def _whole(table: str, *without: str) -> Read:
    return Read(table, f"{table} t", {"t": _columns(table, *without)})


def _columns(table: str, *without: str) -> tuple[Column, ...]:
    return tuple(column for column in contracts.get("sales", table).columns if column.name not in without)
