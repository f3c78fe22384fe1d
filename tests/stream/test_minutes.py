"""Records are read by the contract, and summed by minute, region and status."""

import datetime as dt
import json
from decimal import Decimal

import pytest

from millrace import minutes, purchases
from millrace.minutes import Arrival, Sums

GOOD = {
    "purchase_id": 7,
    "purchase_date": "2026-02-28",
    "customer_key": 12,
    "product_id": "P0001",
    "amount": "12.30",
    "region": "EUROPE",
    "status": "COMPLETED",
}


def read(**changed):
    return purchases.decode(json.dumps({**GOOD, **changed}).encode())


def test_a_record_is_read_by_the_contracts_types():
    assert read() == {**GOOD, "purchase_date": dt.date(2026, 2, 28), "amount": Decimal("12.30")}
    assert read(amount=None)["amount"] is None
    assert purchases.decode(purchases.encode(read(amount="-0.5"))) == read(amount="-0.50")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"note": "reach me at someone@example.com"}, "the record has fields that a purchase has not"),
        ({"purchase_id": None}, "purchase_id is missing"),
        ({"purchase_id": True}, "purchase_id is not of type bigint"),
        ({"purchase_id": 1 << 63}, "purchase_id is not of type bigint"),
        ({"purchase_id": 0}, "purchase_id is out of range"),
        ({"purchase_date": "2026-02-30"}, "purchase_date is not of type date"),
        ({"purchase_date": "1999-12-31"}, "purchase_date is out of range"),
        ({"amount": 12.3}, "amount is not of type decimal(12,2)"),
        ({"amount": "12.345"}, "amount is not of type decimal(12,2)"),
        ({"amount": "1e3"}, "amount is not of type decimal(12,2)"),
        ({"amount": "NaN"}, "amount is not of type decimal(12,2)"),
        ({"amount": "12345678901.00"}, "amount is not of type decimal(12,2)"),
        ({"region": "ATLANTIS"}, "region is none of AFRICA, APAC, EUROPE, LATAM, MIDDLE_EAST, NORTH_AMERICA"),
        ({"product_id": "P00011"}, "product_id does not match P[0-9]{4}"),
    ],
)
def test_what_is_no_purchase_is_refused_and_what_it_holds_not_told(changed, problem):
    with pytest.raises(purchases.Unreadable) as refused:
        read(**changed)
    assert str(refused.value) == problem


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"7"])
def test_what_is_no_json_object_is_refused(data):
    with pytest.raises(purchases.Unreadable, match=r"the record is not (a )?JSON"):
        purchases.decode(data)


def test_nothing_personal_is_carried():
    raw = {column.name for column in purchases._RAW.columns if column.pii}
    assert raw == {"customer_id", "note"}
    assert purchases.FIELDS.keys() == GOOD.keys()


def arrival(sequence, at, **changed):
    return Arrival(str(sequence), dt.datetime.fromisoformat(f"{at}+00:00").timestamp(), read(**changed))


def test_sums_by_minute_region_and_status():
    arrivals = [
        arrival(1, "2026-02-28T23:58:59.999"),
        arrival(2, "2026-02-28T23:59:00"),
        arrival(3, "2026-02-28T23:59:59", amount=None),
        arrival(4, "2026-02-28T23:59:59", amount="0.01"),
        arrival(5, "2026-02-28T23:59:59", status="REFUNDED"),
        arrival(6, "2026-02-28T23:59:59", region="APAC", amount=None),
    ]
    found = {minute: minutes.sums(some) for minute, some in minutes.by_minute(arrivals).items()}
    assert found == {
        "2026-02-28T23:58": [Sums("EUROPE", "COMPLETED", 1, 0, 1230)],
        "2026-02-28T23:59": [
            Sums("APAC", "COMPLETED", 1, 1, 0),
            Sums("EUROPE", "COMPLETED", 3, 1, 1231),
            Sums("EUROPE", "REFUNDED", 1, 0, 1230),
        ],
    }


def test_sequence_numbers_sort_as_numbers_whatever_their_length():
    numbers = ["9", "10", "49590338271490256608559692538361571095921575989136588898"]
    assert sorted({*numbers}, key=minutes.padded) == numbers
