"""Sample uploads of pipeline ``signups``: names and addresses that no one has, and rows with every fault."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

from millrace import contracts
from millrace.samples import by_contract

_FIRST = ("Ana", "Björn", "Chloé", "Dmitri", "Eun-ji", "Fatima", "Gábor", "Hana", "Idris", "José", "Kwame", "Łucja")
_LAST = ("Adeyemi", "Bianchi", "Čapek", "D'Arcy", "Eriksson", "Fischer", "García", "Høgh", "Ito", "de Jong, Jr.")
_DOMAINS = ("example.com", "example.org", "mail.example.net", "Example.COM")
_STATUSES = ("active", "active", "active", "active", "pending", "pending", "unsubscribed", "bounced", "test")


def generate(
    out: Path,
    *,
    rows: int = 20_000,
    days: int = 30,
    bad_share: float = 0.02,
    seed: int = 7,
    last_day: dt.date = dt.date(2025, 12, 31),
) -> by_contract.Summary:
    """Write day files of sign-ups into ``<out>/signups/``; bad rows come on top of the good ones."""
    makers = {"name": _name, "email": _email, "status": _status}
    contract = contracts.get("signups", "signups")
    return by_contract.generate(
        out, contract, makers, rows=rows, days=days, bad_share=bad_share, seed=seed, last_day=last_day
    )


def _name(chance: random.Random, number: int, date: dt.date) -> str:
    return f"{chance.choice(_FIRST)} {chance.choice(_LAST)}"


def _email(chance: random.Random, number: int, date: dt.date) -> str:
    return f"user.{number}@{chance.choice(_DOMAINS)}"


def _status(chance: random.Random, number: int, date: dt.date) -> str:
    return chance.choice(_STATUSES)
