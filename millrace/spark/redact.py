"""What is personal, out of texts and identifiers, of Arrow's columns.

In free text e-mail addresses, phone numbers, payment card numbers that pass Luhn's check, and IBANs whose check digits
are right (ISO 7064, mod 97-10) give way to [e-mail], [phone], [card] and [iban]. What is not certain is masked: a date
does not look like a phone number, but ten digits in a row do. Names and postal addresses in prose are not found.

Arrow looks through all texts for what may be one, in time that grows with their length only; Python's own expressions,
which can look behind and ahead, then look at those few.
"""

from __future__ import annotations

import functools
import re
import string
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.purchases import customer_key

_EMAIL = r"(^|[^{0}._%+'-])[{0}._%+'-]+@[{0}-]+(?:\.[{0}-]+)+"
_EMAILS = (_EMAIL.format(r"\p{L}\p{N}"), _EMAIL.format("A-Za-z0-9"))  # of any text; of ASCII, six times quicker
# Thirteen digits or more, alone or in groups: what a card number may be. Its first digit is looked for before what is
# before it, since Python's expressions pass quickly over what cannot begin one.
_CARD = re.compile(r"[1-9](?<![0-9][1-9])(?:[ .-]?[0-9]){12,30}(?![0-9])")
# By the length of the rest after country and check digits, which a country fixes; other countries must not have gaps.
_IBAN_RESTS = {
    11: "NO", 12: "BE", 14: "DK|FI|FO|GL|NL|SD", 15: "MK|SI", 16: "AT|BA|EE|KZ|LT|LU|XK", 17: "CH|CR|HR|LI|LV",
    18: "BG|BH|DE|GB|GE|IE|ME|RS|VA", 19: "AE|GI|IL|IQ|OM|SO|TL", 20: "AD|CZ|ES|MD|PK|RO|SA|SE|SK|TN|VG",
    21: "LY|PT|ST", 22: "IS|TR", 23: "BI|DJ|FR|GR|IT|MC|MR|SM", 24: "AL|AZ|BY|CY|DO|GT|HU|LB|NI|PL|SV",
    25: "BR|EG|PS|QA|UA", 26: "JO|KW|MU|YE", 27: "MT|SC", 28: "LC", 29: "RU",
}  # fmt: skip
_IBAN = re.compile(
    r"(?=[A-Z]{2}\d{2})(?<![A-Z0-9])(?:"
    + "|".join(rf"(?:{names})\d{{2}}(?:[ -]?[A-Z0-9]){{{rest}}}" for rest, names in _IBAN_RESTS.items())
    + r"|[A-Z]{2}\d{2}[A-Z0-9]{11,30})(?![A-Z0-9])",
    re.ASCII | re.IGNORECASE,
)
_GAP = "[ ()./\u00a0-]"
_ABROAD = rf"(?:\+|00) ?[1-9](?:{_GAP}{{0,3}}[0-9]){{6,}}"  # +41 79 555 01 23, 0044 (0)20 7946 0018
_TRUNK = rf"\(?0[0-9](?:{_GAP}{{0,2}}[0-9]){{7,}}"  # 079 555 01 23, (030) 901820
_LOCAL = r"(?:\([0-9]{3}\) ?|[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}"  # (212) 555-0123, 212-555-0123
_PLAIN = "[0-9]{10,12}(?:[.-][0-9]{10,12})*"  # 2125550123
_DATE = "[0-9]{2}[./-][0-9]{2}[./-][0-9]{4}"  # 01.03.2025, which begins as a number with a trunk prefix may
_PHONE = re.compile(
    rf"(?=[+(0-9])(?<![0-9])(?:{_ABROAD}|{_LOCAL}|(?<![0-9][.-])(?:(?!{_DATE}(?![0-9])){_TRUNK}|{_PLAIN}))(?![0-9])"
)
# The same for Arrow, whose expressions take the characters around along, and where there is no date.
_PHONES = rf"(?:(^|[^0-9])(?:{_ABROAD}|{_LOCAL})|(^|[^0-9.-]|(?:^|[^0-9])[.-])(?:{_TRUNK}|{_PLAIN}))([^0-9]|$)"
# What Arrow's expressions, which look neither behind nor ahead, find wherever the others find something.
_MAY_BE_IBAN = r"[A-Za-z]{2}[0-9]{2}[ -]?[A-Za-z0-9]{4}"
_MAY_BE_CARD = r"(?:^|[^0-9])[1-9](?:[ .-]?[0-9]){12}"
_MAY_BE_PHONE = rf"(?:\+|00) ?[1-9](?:{_GAP}{{0,3}}[0-9]){{6}}|0[0-9](?:{_GAP}{{0,2}}[0-9]){{7}}|{_LOCAL}|[0-9]{{10}}"
_SUSPECT = f"@|{_MAY_BE_IBAN}|{_MAY_BE_CARD}|{_MAY_BE_PHONE}"
_KEYS_KEPT = 1 << 19
# ASCII digits, doubled, with the sum of the digits again as a digit; an IBAN's letters as the numbers they stand for.
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
_IBAN_DIGITS = str.maketrans({
    **{letter: str(int(letter, 36)) for letter in (*string.ascii_letters, *string.digits)}, " ": None, "-": None
})  # fmt: skip


def texts(values: Any) -> Any:
    """The texts without what is personal in them; null stays null."""
    found = pc.fill_null(pc.match_substring_regex(values, _SUSPECT), False)
    if not pc.any(found).as_py():
        return values
    suspects = values.filter(found)
    for is_ascii, email in enumerate(_EMAILS):
        ascii_only: Any = pc.string_is_ascii(suspects)
        some = pc.and_(pc.match_substring(suspects, "@"), ascii_only if is_ascii else pc.invert(ascii_only))
        suspects = _where(some, suspects, functools.partial(_emails, email))
    for may_be, masked in _STEPS:
        some = pc.match_substring_regex(suspects, may_be)
        suspects = _where(some, suspects, masked)
    return pc.replace_with_mask(values, found, suspects)


def _emails(pattern: str, values: Any) -> Any:
    return pc.replace_substring_regex(values, pattern, r"\1[e-mail]")


def _phones(values: Any) -> Any:
    """Of numbers side by side, which have a character between them in common, one more is found each time."""
    dated = pc.match_substring_regex(values, _DATE)
    values = _where(dated, values, functools.partial(_each, _phones_and_dates))
    while pc.any(more := pc.and_not(pc.match_substring_regex(values, _PHONES), dated)).as_py():
        values = _where(more, values, lambda some: pc.replace_substring_regex(some, _PHONES, r"\1\2[phone]\3"))
    return values


def _phones_and_dates(text: str) -> str:
    while (masked := _PHONE.sub("[phone]", text)) != text:
        text = masked
    return text


def _each(masked: Callable[[str], str], values: Any) -> Any:
    return pa.array([masked(text) for text in values.to_pylist()], pa.string())


def _where(flags: Any, values: Any, changed: Callable[[Any], Any]) -> Any:
    """The values, changed where the flags are set."""
    return pc.replace_with_mask(values, flags, changed(values.filter(flags)))


def shape(text: str) -> str:
    """What a text looks like: x for each letter, 9 for each digit, all else as it is."""
    return "".join("x" if each.isalpha() else "9" if each.isnumeric() else each for each in text)


def keyed_numbers(values: Any, key: bytes) -> Any:
    """The keyed number of each identifier of a column that is encoded by dictionary, as a bigint."""
    known, texts = _known(key), values.dictionary.to_pylist()
    if len(known) > _KEYS_KEPT:
        known.clear()
    for text in set(texts).difference(known):
        known[text] = customer_key(text, key)
    numbers = np.fromiter(map(known.__getitem__, texts), np.int64, len(texts))
    return pa.array(numbers).take(values.indices)


@functools.lru_cache(1)
def _known(key: bytes) -> dict[str, int]:
    """Numbers worked out with this key before; Python's collector passes over a dictionary of texts and numbers."""
    return {}


def _certain(pattern: re.Pattern[str], is_one: Callable[[str], bool], mask: str) -> Callable[[Any], Any]:
    """What puts the mask in place of whatever has the pattern and is one, in texts of Arrow's."""

    def masked(text: str) -> str:
        for found in filter(is_one, pattern.findall(text)):
            text = text.replace(found, mask)
        return text

    return functools.partial(_each, masked)


def _is_card(found: str) -> bool:
    """Whether digits pass Luhn's check: all of them, or those without a number before or after them."""
    digits = found.encode().translate(None, b" .-")
    ends = (digits[:16], digits[-16:]) if len(digits) > 16 else ()
    return (len(digits) <= 19 and _luhn(digits)) or any(map(_luhn, ends))


def _luhn(digits: bytes) -> bool:
    return (sum(digits[::-2]) + sum(digits[-2::-2].translate(_DOUBLED)) - ord("0") * len(digits)) % 10 == 0


def _is_iban(found: str) -> bool:
    """Whether the check digits are right: the number that it makes, its first four characters last, is 1 modulo 97."""
    plain = found.translate(_IBAN_DIGITS)
    first = len(found[:4].translate(_IBAN_DIGITS))
    return int(plain[first:] + plain[:first]) % 97 == 1


_STEPS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    (_MAY_BE_IBAN, _certain(_IBAN, _is_iban, "[iban]")),
    (_MAY_BE_CARD, _certain(_CARD, _is_card, "[card]")),
    (_MAY_BE_PHONE, _phones),
)
