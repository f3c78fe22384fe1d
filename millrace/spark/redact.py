"""What is personal, out of texts and identifiers: expressions that Spark evaluates itself, without Python for each row.

In free text e-mail addresses, phone numbers, payment card numbers that pass Luhn's check, and IBANs whose check digits
are right (ISO 7064, mod 97-10) give way to [e-mail], [phone], [card] and [iban]. What is not certain is masked: a date
does not look like a phone number, but ten digits in a row do. Names and postal addresses in prose are not found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

EMAIL = r"(?<![\p{L}\p{N}._%+'-])[\p{L}\p{N}._%+'-]++@[\p{L}\p{N}-]++(?:\.[\p{L}\p{N}-]++)++"
# Thirteen digits or more, alone or in groups: what a card number may be.
CARD = r"(?<!\d)[1-9](?:[ .-]?\d){12,30}(?!\d)"
# By the length of the rest after country and check digits, which a country fixes; other countries must not have gaps.
_IBAN_RESTS = {
    11: "NO", 12: "BE", 14: "DK|FI|FO|GL|NL|SD", 15: "MK|SI", 16: "AT|BA|EE|KZ|LT|LU|XK", 17: "CH|CR|HR|LI|LV",
    18: "BG|BH|DE|GB|GE|IE|ME|RS|VA", 19: "AE|GI|IL|IQ|OM|SO|TL", 20: "AD|CZ|ES|MD|PK|RO|SA|SE|SK|TN|VG",
    21: "LY|PT|ST", 22: "IS|TR", 23: "BI|DJ|FR|GR|IT|MC|MR|SM", 24: "AL|AZ|BY|CY|DO|GT|HU|LB|NI|PL|SV",
    25: "BR|EG|PS|QA|UA", 26: "JO|KW|MU|YE", 27: "MT|SC", 28: "LC", 29: "RU",
}  # fmt: skip
IBAN = (
    r"(?i)(?=[A-Z]{2}\d{2})(?<![A-Z0-9])(?:"
    + "|".join(rf"(?:{names})\d{{2}}(?:[ -]?[A-Z0-9]){{{rest}}}" for rest, names in _IBAN_RESTS.items())
    + r"|[A-Z]{2}\d{2}[A-Z0-9]{11,30})(?![A-Z0-9])"
)
PHONE = (
    r"(?=[+(\d])(?:"  # so that other characters are passed over quickly
    # +41 79 555 01 23, 0044 (0)20 7946 0018
    r"(?<![\d+])(?:\+|00) ?[1-9](?:[ ()./\u00a0-]{0,3}\d){6,14}(?!\d)"
    # 079 555 01 23, (030) 901820, but not 01.03.2025
    r"|(?<![\d,.-])(?!\d\d[./-]\d\d[./-]\d{4}(?!\d))\(?0\d(?:[ ()./\u00a0-]{0,2}\d){7,11}(?!\d)"
    # (212) 555-0123, 212-555-0123
    r"|(?<!\d)(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?!\d)"
    # 2125550123
    r"|(?<![\d,.-])\d{10,12}(?!\d))"
)
# What tells quickly that a text has none of it; all texts are looked through for the first.
_SUSPECT = r"(?=[@\d])(?:@|\d(?:[ ()./\u00a0-]{0,3}\d){6}|\d{2}(?<=[A-Za-z]{2}\d{2})[ -]?[A-Za-z0-9]{4})"
_MAY_BE_IBAN = r"\d{2}(?<=[A-Za-z]{2}\d{2})[ -]?[A-Za-z0-9]{4}"
_MAY_BE_CARD = r"\d(?:[ .-]?\d){12}"
_HASH_BLOCK, _INNER, _OUTER = 64, "_pii_inner", "_pii_outer"


def texts(rows: DataFrame, *names: str) -> DataFrame:
    """The rows, the columns of these names without what is personal in them; null stays null.

    Step by step, as Spark would work out an expression anew wherever a greater one uses it.
    """
    suspects = {name: f"_suspect_{name}" for name in names}
    rows = rows.withColumns({suspect: F.col(name).rlike(_SUSPECT) for name, suspect in suspects.items()})
    for step in (_emails, _ibans, _cards, _phones):
        rows = rows.withColumns({
            name: F.when(F.col(suspect), step(F.col(name))).otherwise(F.col(name)) for name, suspect in suspects.items()
        })  # fmt: skip
    return rows.drop(*suspects.values())


def _emails(value: Column) -> Column:
    return F.when(value.contains("@"), F.regexp_replace(value, EMAIL, "[e-mail]")).otherwise(value)


def _ibans(value: Column) -> Column:
    return F.when(value.rlike(_MAY_BE_IBAN), _masked(value, IBAN, _is_iban, "[iban]")).otherwise(value)


def _cards(value: Column) -> Column:
    return F.when(value.rlike(_MAY_BE_CARD), _masked(value, CARD, _is_card, "[card]")).otherwise(value)


def _phones(value: Column) -> Column:
    return F.regexp_replace(value, PHONE, "[phone]")


def shape(value: Column) -> Column:
    """What a text looks like: x for each letter, 9 for each digit, all else as it is."""
    return F.regexp_replace(F.regexp_replace(value, r"\p{L}", "x"), r"\p{N}", "9")


def with_key(rows: DataFrame, spark: SparkSession, key: bytes) -> DataFrame:
    """The rows with what ``keyed_number`` needs. The key comes as a row, since a literal would show in the plan."""
    key = key.ljust(_HASH_BLOCK, b"\0") if len(key) <= _HASH_BLOCK else hashlib.sha256(key).digest()
    key = key.ljust(_HASH_BLOCK, b"\0")
    pads = tuple(bytearray(byte ^ pad for byte in key) for pad in (0x36, 0x5C))
    return rows.crossJoin(F.broadcast(spark.createDataFrame([pads], f"{_INNER} binary, {_OUTER} binary")))


def keyed_number(value: Column) -> Column:
    """The first 60 bits of HMAC-SHA256 of a text, as a bigint; of rows that have the key."""
    inner = F.unhex(F.sha2(F.concat(F.col(_INNER), F.encode(value, "UTF-8")), 256))
    return F.conv(F.substring(F.sha2(F.concat(F.col(_OUTER), inner), 256), 1, 15), 16, 10).cast("bigint")


def without_key(rows: DataFrame) -> DataFrame:
    """The rows without the key."""
    return rows.drop(_INNER, _OUTER)


def _masked(value: Column, pattern: str, is_one: Callable[[Column], Column], mask: str) -> Column:
    """The text with the mask in place of what has the pattern and is one."""
    found = F.filter(F.regexp_extract_all(value, F.lit(pattern), F.lit(0)), is_one)
    return F.aggregate(found, value, lambda left, each: F.replace(left, each, F.lit(mask)))


def _is_card(found: Column) -> Column:
    """Whether digits pass Luhn's check: all of them, or those without a number before or after them."""
    digits = F.regexp_replace(found, "[^0-9]", "")
    longer = F.length(digits) > 16
    ends = (F.substring(digits, 1, 16), F.substring(digits, -16, 16))
    whole = (F.length(digits) <= 19) & _luhn(digits)
    return whole | (longer & (_luhn(ends[0]) | _luhn(ends[1])))


def _luhn(digits: Column) -> Column:
    def add(total: Column, digit: Column, place: Column) -> Column:
        doubled = digit * 2
        return total + F.when(place % 2 == 1, digit).when(doubled > 9, doubled - 9).otherwise(doubled)

    return (
        _folded(F.reverse(digits), lambda total, character, place: add(total, character.cast("int"), place)) % 10 == 0
    )


def _is_iban(found: Column) -> Column:
    """Whether the check digits are right: the number that it makes, its first four characters last, is 1 modulo 97."""
    plain = F.upper(F.regexp_replace(found, "[ -]", ""))

    def rest(total: Column, character: Column, place: Column) -> Column:
        digit = character.cast("int")
        return (F.when(digit.isNotNull(), total * 10 + digit).otherwise(total * 100 + F.ascii(character) - 55)) % 97

    return _folded(F.regexp_replace(plain, "^(....)(.*)$", "$2$1"), rest) == 1


def _folded(text: Column, step: Callable[[Column, Column, Column], Column]) -> Column:
    """A number worked out character by character: of the number so far, beginning at 0, character and place from 1."""
    # The text comes along in what is folded: in the function it would be worked out anew for each character.
    begin = F.struct(F.lit(0).alias("number"), text.alias("text"))

    def merge(so_far: Column, place: Column) -> Column:
        number = step(so_far["number"], F.substr(so_far["text"], place, F.lit(1)), place)
        return F.struct(number.cast("int").alias("number"), so_far["text"].alias("text"))

    return F.aggregate(F.sequence(F.lit(1), F.length(text)), begin, merge, lambda end: end["number"])
