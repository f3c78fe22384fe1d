"""``python -m millrace.cost_page`` writes the tables of docs/cost.md, whose words are written by hand.

With ``--check`` it only says whether they are current, by the exit status.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from millrace import costs, resources
from millrace.costs import MONTH_DAYS, Day, Engine, Line

PAGE = resources.ROOT / "docs" / "cost.md"
_SIZES = {"2 GB": Day(2), "200 GB": Day(200, hours=2), "20 TB": Day(20_000, hours=8)}
_RATES = (10, 100, 1_000)
_WORTH = 100  # USD a month for which one may run a second engine


def tables() -> dict[str, str]:
    """The tables of docs/cost.md by name."""
    return {
        "run": _across({name: list(costs.load(day)) for name, day in _SIZES.items()}, "a day's load"),
        "live": _across({f"{rate:,}/s": list(costs.live(rate, Day(2))) for rate in _RATES}, "a day of the stream"),
        "standing": _standing(),
        "engines": _engines(),
        "workers": _workers(),
        "prices": _prices(),
        "figures": _figures(),
    }


def _across(columns: dict[str, Sequence[Line]], what: str) -> str:
    rows = [f"| {what}, USD | " + " | ".join(columns) + " |", "|---|" + "--:|" * len(columns)]
    for same in zip(*columns.values(), strict=True):
        rows.append(f"| {same[0].part} | " + " | ".join(f"{line.usd:,.2f}" for line in same) + " |")
    totals = [sum(line.usd for line in lines) for lines in columns.values()]
    rows.append("| **in all** | " + " | ".join(f"**{total:,.2f}**" for total in totals) + " |")
    rows.append("| a month | " + " | ".join(f"{total * MONTH_DAYS:,.0f}" for total in totals) + " |")
    return "\n".join(rows)


def _standing() -> str:
    rows = ["| switch | what | how much | USD a month |", "|---|---|---|--:|"]
    rows += [f"| {switch} | {line.part} | {line.formula} | {line.usd:,.2f} |" for switch, line in costs.standing()]
    return "\n".join(rows)


def _workers() -> str:
    rows = ["| a day | period | workers of 1 DPU | hours | checks read |", "|---|---|--:|--:|--:|"]
    for name, size in _SIZES.items():
        for period in ("month", "day"):
            day = replace(size, grain=period)
            workers, seconds = costs.spark(day)
            rows.append(
                f"| {name} | {period} | {workers:,} | {seconds / 3600:,.1f} | {costs.checked_gb(day):,.1f} GB |"
            )
    return "\n".join(rows)


def _engines() -> str:
    columns: Mapping[str, list[Engine]] = {name: costs.engines(day) for name, day in _SIZES.items()}
    rows = ["| a day, USD | " + " | ".join(columns) + " |", "|---|" + "--:|" * len(columns)]
    for same in zip(*columns.values(), strict=True):
        rows.append(f"| {same[0].name} | " + " | ".join(f"{engine.usd:,.2f}" for engine in same) + " |")
    pays = costs.emr_pays_from(_WORTH)
    rows.append(
        f"\nThe largest file that Lambda converts in 15 minutes: {costs.lambda_limit_gb():g} GB. EMR Serverless saves"
        f" {_WORTH} USD a month beside Glue from about {pays:,.0f} GB a day."
    )
    return "\n".join(rows)


def _prices() -> str:
    rows = ["| USD | for | page of AWS | seen |", "|--:|---|---|---|"]
    entries = costs.data()["prices"].values()
    rows += [f"| {_plain(entry['usd'])} | {entry['of']} | {entry['page']} | {entry['seen']} |" for entry in entries]
    return "\n".join(rows)


def _figures() -> str:
    rows = ["| figure | value | from |", "|---|--:|---|"]
    for name, entry in costs.data()["measured"].items():
        rows.append(f"| {name} | {_plain(entry['value'])} | {entry['from']} |")
    for name, entry in costs.data()["assumed"].items():
        rows.append(f"| {name} | {_plain(entry['value'])} | **assumed**: {entry['why']} |")
    return "\n".join(rows)


def _plain(number: float) -> str:
    return f"{number:.10f}".rstrip("0").rstrip(".")


def page(text: str) -> str:
    """The page with its tables as they are now: each stands between ``<!-- table: NAME -->`` and ``<!-- end -->``."""
    for name, table in tables().items():
        begin = f"<!-- table: {name} -->\n"
        before, found, rest = text.partition(begin)
        if not found:
            raise ValueError(f"{PAGE.name} has no place for the table {name}")
        text = before + begin + table + "\n<!-- end -->" + rest.partition("<!-- end -->")[2]
    return text


def main() -> int:
    """Write the page's tables, or check them; the exit status."""
    name, text = PAGE.relative_to(resources.ROOT), PAGE.read_text(encoding="utf-8")
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(text), encoding="utf-8")
        print(f"{name} is written")
    elif page(text) != text:
        print(f"{name} is not current: run make docs")
        return 1
    else:
        print(f"{name} is current")
    return 0


if __name__ == "__main__":
    sys.exit(main())
