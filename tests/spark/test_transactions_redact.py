"""What is personal goes, what only looks like it stays, by Spark's own expressions; keyed numbers are those of HMAC."""

import hashlib
import hmac
import random

import pytest

from millrace.samples import transactions_notes as sample

CASES = {
    "mail ana.b+1@example.co.uk now": "mail [e-mail] now",
    "BJÖRN@exämple.org,x": "[e-mail],x",
    "2 @ 3 x@y": "2 @ 3 x@y",
    "call +41 79 555 01 23 now": "call [phone] now",
    "(212) 555-0123": "[phone]",
    "212-555-0123.": "[phone].",
    "2125550123": "[phone]",
    "079 555 01 23": "[phone]",
    "0044 (0)20 7946 0018": "[phone]",
    "on 2025-03-14 between 10:30 and 12:00": None,
    "on 01.03.2025 at 10:30": None,
    "Order 2025-00417-B, ticket 48213, box 7 of 12, 12,345.00 USD": None,
    "card 4111 1111 1111 1111, ok": "card [card], ok",
    "4111111111111111": "[card]",
    "4111-1111-1111-1112": None,  # fails Luhn's check
    "378282246310005 and 3782 822463 10005": "[card] and [card]",
    "7 4111 1111 1111 1111": "[card]",
    "4111 1111 1111 1111 12": "[card]",
    "to DE89 3704 0044 0532 0130 00 please": "to [iban] please",
    "DE89370400440532013000": "[iban]",
    "gb29nwbk60161331926819": "[iban]",
    "FR14 2004 1010 0505 0001 3M02 606": "[iban]",
    "NL91 ABNA 9417 1643 01": None,  # its check digits are wrong
    "XX12 3456": None,
    "two: a@b.org, c@d.org; +1-212-555-0123": "two: [e-mail], [e-mail]; [phone]",
    "": "",
}


@pytest.fixture(scope="module")
def redacted(spark):
    """Makes a list of texts what they become."""
    from millrace.spark import redact

    def redacted(texts):
        rows = spark.createDataFrame(list(enumerate(texts)), "place int, text string").repartition(1)
        return [row["text"] for row in redact.texts(rows, "text").orderBy("place").collect()]

    return redacted


def test_each_kind_is_masked_and_nothing_else(redacted):
    expected = [text if masked is None else masked for text, masked in CASES.items()]
    assert redacted([*CASES, None]) == [*expected, None]


def test_whatever_the_sample_invents_is_masked(redacted):
    chance = random.Random(5)
    makers = {sample.email: "[e-mail]", sample.phone: "[phone]", sample.card: "[card]", sample.iban: "[iban]"}
    pairs = [
        (f"pay, {make(chance)}; thanks", f"pay, {mask}; thanks") for make, mask in makers.items() for _ in range(500)
    ]
    assert redacted([text for text, _ in pairs]) == [masked for _, masked in pairs]


def test_the_shape_of_a_line_tells_no_letter_and_no_digit(spark):
    from pyspark.sql import functions as F

    from millrace.spark import redact

    (row,) = spark.createDataFrame([("Ünal é1,(x) 23 ٣@a.org",)], "t string").select(redact.shape(F.col("t"))).collect()
    assert row[0] == "xxxx x9,(x) 99 9@x.xxx"


@pytest.mark.parametrize("key", [b"k", b"k" * 64, b"long" * 40])
def test_a_keyed_number_is_the_beginning_of_the_hmac(spark, key):
    from pyspark.sql import functions as F

    from millrace.spark import redact

    rows = redact.with_key(spark.createDataFrame([("C1",), ("é",), (None,)], "id string"), spark, key)
    found = rows.select(redact.keyed_number(F.col("id")).alias("n"))
    expected = [int(hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:15], 16) for text in ("C1", "é")]
    assert [row["n"] for row in found.collect()] == [*expected, None]
    plan = found._jdf.queryExecution().toString()
    assert "k" * 8 not in plan and key.hex() not in plan.lower() and "6b6b" not in plan
