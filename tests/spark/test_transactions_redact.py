"""What is personal goes, what only looks like it stays; keyed numbers are those of HMAC."""

import hashlib
import hmac
import random
import re

import pyarrow as pa
import pytest

from millrace.samples import transactions_notes as sample
from millrace.spark import redact

CASES = {
    "mail ana.b+1@example.co.uk now": "mail [e-mail] now",
    "BJÖRN@exämple.org,x": "[e-mail],x",
    "2 @ 3 x@y": "2 @ 3 x@y",
    "call +41 79 555 01 23 now": "call [phone] now",
    "(212) 555-0123": "[phone]",
    "212-555-0123.": "[phone].",
    "2125550123": "[phone]",
    "2125550123,2125550124;-079 555 01 23": "[phone],[phone];-[phone]",
    "born 01.03.1980, 079 555 01 23": "born 01.03.1980, [phone]",
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


def redacted(texts):
    return redact.texts(pa.array(texts, pa.string())).to_pylist()


def test_each_kind_is_masked_and_nothing_else():
    expected = [text if masked is None else masked for text, masked in CASES.items()]
    assert redacted([*CASES, None]) == [*expected, None]
    assert redacted([None, ""]) == [None, ""]


def test_whatever_the_sample_invents_is_masked():
    chance = random.Random(5)
    makers = {sample.email: "[e-mail]", sample.phone: "[phone]", sample.card: "[card]", sample.iban: "[iban]"}
    pairs = [
        (f"pay, {make(chance)}; thanks", f"pay, {mask}; thanks") for make, mask in makers.items() for _ in range(500)
    ]
    assert redacted([text for text, _ in pairs]) == [masked for _, masked in pairs]


def test_what_looks_quickly_passes_over_nothing():
    """Texts of what numbers are made of, masked as they are if every one is looked at closely."""
    chance = random.Random(6)
    texts = ["".join(chance.choices("0012345789 +()./-,AbDE\u00a0", k=24)) for _ in range(20_000)]
    values = pa.array(texts)
    for _, masked in redact._STEPS[:2]:
        values = masked(values)
    closely = [redact._phones_and_dates(text) for text in values.to_pylist()]
    found = redacted(texts)
    assert found == closely
    assert {mask for text in found for mask in ("[phone]", "[card]") if mask in text} == {"[phone]", "[card]"}


@pytest.mark.parametrize("apart", [" ", ",", ", ", ";", "-", "+", " / ", " 01.03.2025 "])
def test_of_numbers_side_by_side_no_more_than_an_area_code_or_the_end_of_a_card_is_left(apart):
    numbers = ("+41 79 555 01 23", "079 555 01 23", "(030) 901820", "(212) 555-0123", "2125550123", "4" + 15 * "1")
    for text in redacted([f"{one}{apart}{two}" for one in numbers for two in numbers]):
        assert len(re.sub("[^0-9]", "", text.replace("01.03.2025", ""))) <= 4, text


@pytest.mark.parametrize("number", ["2125550123-", "2125550123,", "079 555 01 23,", "+41795550123.", "(212) 555-0123-"])
def test_a_long_list_of_numbers_takes_no_longer_than_a_long_text(number):
    assert not re.search("[0-9]", redacted([number * 20_000])[0])


def test_an_address_beyond_ascii_is_one_too():
    around = ("", "„", "(", ",", "\u00a0")
    texts = [
        f"{left}{name}@x.example.org{right}" for name in ("ana", "zoë", "王") for left in around for right in around
    ]
    assert redacted(texts) == [f"{left}[e-mail]{right}" for _ in range(3) for left in around for right in around]


def test_the_shape_of_a_line_tells_no_letter_and_no_digit():
    assert redact.shape("Ünal é1,(x) 23 ٣²½@a.org") == "xxxx x9,(x) 99 999@x.xxx"


@pytest.mark.parametrize("key", [b"k", b"k" * 64, b"long" * 40])
def test_a_keyed_number_is_the_beginning_of_the_hmac(key):
    found = redact.keyed_numbers(pa.array(["C1", "é", None, "C1"]).dictionary_encode(), key).to_pylist()
    expected = [int(hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:15], 16) for text in ("C1", "é")]
    assert found == [*expected, None, expected[0]]
