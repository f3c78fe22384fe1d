"""Free text of sample purchases, with invented personal data that is valid by its checksums, or not."""

from __future__ import annotations

import random

_FIRST = ("ana", "bjoern", "chloe", "dmitri", "eun.ji", "fatima", "gabor", "hana", "idris", "jose", "kwame", "lucja")
_LAST = ("adeyemi", "bianchi", "capek", "darcy", "eriksson", "fischer", "garcia", "hoegh", "ito", "dejong")
_DOMAINS = ("example.com", "example.org", "mail.example.net", "shop.example.co.uk")
_OPENINGS = (
    "Customer asked to leave the parcel with the neighbour if nobody is at home",
    "Gift wrapping in blue paper, please add the card that came with the order",
    "Second delivery attempt, the courier could not find the entrance on the left",
    "Complaint about the colour, said it looked different on the page of the shop",
    "Paid in two parts, the rest follows with the next order of the same company",
    'Wants the "large" size, exchange agreed on the phone with the service desk',
    "Order 2025-00417-B was merged with this one, invoice goes out once, not twice",
    "Delivered on 2025-03-14 between 10:30 and 12:00, signed for at the front desk",
)
_CLOSINGS = (
    "; no further action needed from us at this time",
    "; warehouse 7, shelf 12-4, was told about it already",
    "; see ticket 48213 for what was said before",
    "; follow up in 10 days if there is no answer",
)
# IBAN: country and how long the account's part is, in digits.
_COUNTRIES = (("DE", 18), ("CH", 17), ("AT", 16), ("ES", 20), ("BE", 12), ("NL", 0))


def notes(count: int, seed: int) -> list[str]:
    """So many notes as they stand in a CSV, quoted where they must be. A third holds something personal."""
    chance = random.Random(seed)
    return [_quoted(_note(chance)) for _ in range(count)]


def _note(chance: random.Random) -> str:
    opening, closing = chance.choice(_OPENINGS), chance.choice(_CLOSINGS)
    kind = chance.random()
    if kind < 0.12:
        inner = f", write to {email(chance)}"
    elif kind < 0.24:
        inner = f", call {phone(chance)}"
    elif kind < 0.27:
        inner = f", card {card(chance)}"
    elif kind < 0.29:
        inner = f", reference {card(chance, valid=False)}"  # as long as a card number, and none
    elif kind < 0.32:
        inner = f", refund to {iban(chance)}"
    elif kind < 0.34:
        inner = f", write to {email(chance)} or call {phone(chance)}"
    elif kind < 0.44:
        return ""
    else:
        inner = f", box {chance.randint(1, 99)} of {chance.randint(1, 99)}"
    return opening + inner + closing


def email(chance: random.Random) -> str:
    """An address of a reserved domain."""
    tag = chance.choice(("", "", f"+{chance.randint(1, 99)}"))
    number = chance.randint(1, 9999)
    name = f"{chance.choice(_FIRST)}.{chance.choice(_LAST)}{number}{tag}"
    return f"{name if chance.random() < 0.8 else name.title()}@{chance.choice(_DOMAINS)}"


def phone(chance: random.Random) -> str:
    """A number as people write one."""
    a, b, c, d = chance.randint(200, 999), chance.randint(100, 999), chance.randint(0, 99), chance.randint(0, 99)
    return chance.choice(
        (
            f"+41 79 {b} {c:02} {d:02}",
            f"+1-{a}-{b}-{c:02}{d:02}",
            f"({a}) {b}-{c:02}{d:02}",
            f"{a}-{b}-{c:02}{d:02}",
            f"0{a % 100 + 10} {b} {c:02} {d:02}",
            f"+49 30 {b}{c:02}{d:02}",
            f"0044 20 7{b} {c:02}{d:02}",
            f"+33{a % 9 + 1}{b}{c:02}{d:02}{a % 90 + 10}",
        )
    )


def card(chance: random.Random, *, valid: bool = True) -> str:
    """A card number, valid by Luhn's check or, otherwise, in no way."""
    digits = chance.choice(("4", "51", "52", "37", "6011"))
    length = 15 if digits == "37" else 16
    digits += "".join(chance.choices("0123456789", k=length - 1 - len(digits)))
    check = next(n for n in range(10) if luhn(digits + str(n)))
    digits += str(check if valid else (check + 1 + chance.randrange(9)) % 10)
    between = chance.choice(("", " ", "-"))
    return between.join(digits[start : start + 4] for start in range(0, length, 4))


def luhn(digits: str) -> bool:
    """Whether Luhn's check holds."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def iban(chance: random.Random) -> str:
    """An IBAN whose check digits are right, with or without spaces."""
    country, length = chance.choice(_COUNTRIES)
    account = "".join(chance.choices("0123456789", k=length)) or "ABNA" + "".join(chance.choices("0123456789", k=10))
    number = int("".join(str(int(letter, 36)) for letter in f"{account}{country}00"))
    text = f"{country}{98 - number % 97:02}{account}"
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4)) if chance.random() < 0.7 else text


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text
