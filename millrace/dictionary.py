"""``python -m millrace.dictionary`` writes docs/data-dictionary.md: every table and column, from the contracts.

With ``--check`` it only says whether the page is current, by the exit status.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from millrace import contracts, resources
from millrace.contracts import Column, Contract

PAGE = resources.ROOT / "docs" / "data-dictionary.md"
_KINDS = {
    "raw": "raw, uploaded files that are read by this contract",
    "source": "a table of the source database, as it is read",
    "derived": "derived, made by SQL, Spark or Firehose",
}
_INTRODUCTION = """\
# Data dictionary

<!-- Written by `python -m millrace.dictionary` from datasets/. -->

Every table and column of all pipelines, from their contracts. `<prefix>` is what the buckets' names begin with. In a
column's rules, *required* is one that is never null, and *partition* one that is in the folder's name and not in the
files. Uploads lie as they came in `s3://<prefix>-raw/<pipeline>/<table>/`; "where" is where it is read. A derived
table is published by switching the catalog, so that it may lie in any folder of a build below its place.
"""


def main() -> int:
    """Write the page, or check it; the exit status."""
    name, text = PAGE.relative_to(resources.ROOT), page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
        print(f"{name} is written")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        print(f"{name} is not current: run make docs")
        return 1
    else:
        print(f"{name} is current")
    return 0


def page() -> str:
    """The whole page."""
    tables = {slug: list(contracts.of_pipeline(slug).values()) for slug in resources.slugs()}
    parts = [_INTRODUCTION, _personal(table for of_slug in tables.values() for table in of_slug)]
    for slug, of_slug in tables.items():
        parts.append(f"## {slug}\n")
        order = list(_KINDS)
        parts += [section(table) for table in sorted(of_slug, key=lambda t: (order.index(t.kind), t.table))]
    return "\n".join(parts)


def section(table: Contract) -> str:
    """A table: what a row is, where it lies, and its columns."""
    facts = {
        "kind": _KINDS[table.kind],
        "where": f"`{_where(table)}`",
        "key": ", ".join(f"`{name}`" for name in table.key) or "none",
    }
    if table.source:
        facts["rows of"] = f"`{table.source}`" + (f", where {_code(' and '.join(table.where))}" if table.where else "")
    if table.period:
        facts["period"] = f"a {table.period}"
    if table.kind == "raw":
        facts["rejects"] = f"a load fails with more than {table.max_rejected * 100:g} %"
    if table.checks:
        facts["checks"] = ", ".join(table.checks)
    lines = [f"### {table.pipeline}.{table.table}", "", f"{table.title}: {table.grain}.", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    lines += ["", "| column | type | meaning | rules | personal |", "|---|---|---|---|---|"]
    lines += [_row(table, column) for column in table.columns]
    lines += [f"| `{name}` | {kind} | | partition | |" for name, kind in table.partitions]
    return "\n".join(lines) + "\n"


def _row(table: Contract, column: Column) -> str:
    cells = [f"`{column.name}`", column.type, column.description, "; ".join(rules(table, column)), column.pii or ""]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def rules(table: Contract, column: Column) -> Iterator[str]:
    """What a value must be, in words."""
    if column.name in table.key:
        yield "key"
    if column.required:
        yield "required"
    if column.missing_ok:
        yield "may be absent"
    if column.unit:
        yield f"in {column.unit}"
    if column.allowed is not None:
        yield "one of " + ", ".join(map(str, column.allowed))
    if column.min is not None:
        yield f"at least {column.min}"
    if column.max is not None:
        yield f"at most {column.max}"
    if column.latest_is_upload:
        yield "not later than the day after the upload"
    if column.max_length is not None:
        yield f"at most {column.max_length} characters"
    if column.pattern is not None:
        yield f"like {_code(column.pattern)}"
    if column.references is not None:
        yield f"refers to {'.'.join(column.references)}"
    if column.source is not None and column.source != column.name:
        yield f"from `{column.source}`"
    if column.hash is not None:
        yield f"keyed hash ({column.hash})"


def _personal(tables: Iterable[Contract]) -> str:
    """Where personal data are: every column that its contract calls so."""
    lines = ["## Personal data", "", "| table | column | how personal | where |", "|---|---|---|---|"]
    for table in tables:
        for column in table.columns:
            if column.pii or column.hash:
                kind = column.pii or "pseudonym"
                lines.append(f"| {table.pipeline}.{table.table} | `{column.name}` | {kind} | `{_where(table)}` |")
    return "\n".join(lines) + "\n"


def _where(table: Contract) -> str:
    return table.location if table.kind == "source" else table.uri("<prefix>")


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


if __name__ == "__main__":
    sys.exit(main())
