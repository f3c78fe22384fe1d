"""Purchases by minute, region and status, each record of the stream counted exactly once.

A minute is one item of a DynamoDB table. It holds the sums and, for each shard, the number of the last record that is
in them. Both change in one write, on condition that the shard's number is still below that of the first record to be
added. So whatever comes again (a retry, a batch of which half was done, a function that was killed or that is late) is
recognised by its number. The minute is that of arrival in the stream, which is the same whenever a record is read.

It takes records of a shard in their order: at most one function at a time works on a shard, and what it cannot read
stops the batch there.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

# Kinesis' sequence numbers have up to 56 digits, more than a number of DynamoDB: padded, they sort as texts.
_DIGITS = 64
_SUMS = ("purchases", "missing_amounts", "cents")


@dataclass(frozen=True)
class Arrival:
    """A purchase as it came in a shard. arrived: seconds since 1970."""

    sequence: str
    arrived: float
    purchase: Mapping[str, Any]

    @property
    def number(self) -> str:
        """The sequence number as it is compared."""
        return padded(self.sequence)

    @property
    def minute(self) -> str:
        """The minute of its arrival, ``2026-01-31T23:59`` (UTC)."""
        return dt.datetime.fromtimestamp(self.arrived, dt.UTC).strftime("%Y-%m-%dT%H:%M")


@dataclass(frozen=True)
class Sums:
    """The purchases of a minute, region and status. cents: the sum of the amounts that are known."""

    region: str
    status: str
    purchases: int
    missing_amounts: int
    cents: int


def padded(sequence: str) -> str:
    """A sequence number as a text that sorts as the number does."""
    return sequence.zfill(_DIGITS)


def by_minute(arrivals: Iterable[Arrival]) -> dict[str, list[Arrival]]:
    """The arrivals of each minute, in their order."""
    found: defaultdict[str, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        found[arrival.minute].append(arrival)
    return dict(found)


def sums(arrivals: Iterable[Arrival]) -> list[Sums]:
    """The sums by region and status, in order of these."""
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for arrival in arrivals:
        amount: Decimal | None = arrival.purchase["amount"]
        cell = found[arrival.purchase["region"], arrival.purchase["status"]]
        cell[0] += 1
        cell[1] += amount is None
        cell[2] += int(amount * 100) if amount is not None else 0
    return [Sums(region, status, *cell) for (region, status), cell in sorted(found.items())]


class MinuteTable:
    """The DynamoDB table, of items by ``day`` and ``minute``. dynamodb: a client."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def add(self, shard: str, minute: str, arrivals: Sequence[Arrival]) -> list[Sums]:
        """Add a shard's arrivals of a minute, in order, unless they are in it already; the minute's sums then."""
        key = {"day": {"S": minute[:10]}, "minute": {"S": minute[11:]}}
        known = _known(shard)
        while arrivals:
            try:
                answer = self._dynamodb.update_item(
                    TableName=self._table, Key=key, ReturnValues="ALL_NEW", **_update(known, arrivals)
                )
                return _read(answer["Attributes"])
            except self._dynamodb.exceptions.ConditionalCheckFailedException:
                item = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)["Item"]
                arrivals = [arrival for arrival in arrivals if arrival.number > item[known]["S"]]
                found = _read(item)
        return found

    def days(self) -> list[str]:
        """All days there are: a look at every item, for the first time only."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table, ProjectionExpression="#day", ExpressionAttributeNames={"#day": "day"}
        )
        return sorted({item["day"]["S"] for page in pages for item in page["Items"]})

    def day(self, day: str) -> dict[str, list[Sums]]:
        """The sums of each minute of a day; minutes as ``2026-01-31T23:59``."""
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="#day = :day",
            ExpressionAttributeNames={"#day": "day"},
            ExpressionAttributeValues={":day": {"S": day}},
            ConsistentRead=True,
        )
        return {f"{day}T{item['minute']['S']}": _read(item) for page in pages for item in page["Items"]}


def _known(shard: str) -> str:
    """The attribute with the number of a shard's last record in a minute."""
    return f"sequence/{shard}"


def _update(known: str, arrivals: Sequence[Arrival]) -> dict[str, Any]:
    """The write that adds arrivals and notes how far it is, unless somebody has come as far."""
    names = {"#known": known}
    values: dict[str, dict[str, str]] = {":first": {"S": arrivals[0].number}, ":last": {"S": arrivals[-1].number}}
    added: list[str] = []
    for cell in sums(arrivals):
        for name in _SUMS:
            place = len(added)
            names[f"#s{place}"] = f"{cell.region}/{cell.status}/{name}"
            values[f":s{place}"] = {"N": str(getattr(cell, name))}
            added.append(f"#s{place} :s{place}")
    return {
        "UpdateExpression": f"SET #known = :last ADD {', '.join(added)}",
        "ConditionExpression": "attribute_not_exists(#known) OR #known < :first",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def _read(item: Mapping[str, Any]) -> list[Sums]:
    cells: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for name, value in item.items():
        parts = name.split("/")
        if len(parts) == 3:
            cells[parts[0], parts[1]][parts[2]] = int(value["N"])
    return [Sums(region, status, **cell) for (region, status), cell in sorted(cells.items())]
