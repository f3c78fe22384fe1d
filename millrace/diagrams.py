"""``python -m millrace.diagrams`` draws the tables of pipelines whose contracts refer to each other.

It writes docs/pipelines/<pipeline>-tables.md: entity diagrams (Mermaid) of the source's tables and of the derived ones.
With ``--check`` it only says whether they are current, by the exit status.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from millrace import contracts, resources
from millrace.contracts import Column, Contract

_FOLDER = resources.ROOT / "docs" / "pipelines"
_TITLES = {"source": "The source's tables", "raw": "Raw tables", "derived": "Derived tables"}


def main() -> int:
    """Write the pages, or check them; the exit status."""
    stale = 0
    for slug, text in pages():
        path = _FOLDER / f"{slug}-tables.md"
        name = path.relative_to(resources.ROOT)
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
            print(f"{name} is written")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{name} is not current: run make docs")
            stale = 1
        else:
            print(f"{name} is current")
    return stale


def pages() -> Iterator[tuple[str, str]]:
    """Pipeline and page of each pipeline that has something to draw."""
    for slug in resources.slugs():
        tables = contracts.of_pipeline(slug).values()
        if any(column.references for table in tables for column in table.columns):
            yield slug, page(slug, tables)


def page(slug: str, tables: Iterable[Contract]) -> str:
    """The page of a pipeline: a diagram for each kind of tables."""
    text = f"# The tables of `{slug}`\n\n<!-- Written by `python -m millrace.diagrams` from datasets/{slug}/. -->\n"
    for kind, title in _TITLES.items():
        if chosen := [table for table in tables if table.kind == kind]:
            text += f"\n## {title}\n\n" + "".join(f"- `{table.table}`: {table.grain}\n" for table in chosen)
            text += f"\n```mermaid\n{diagram(chosen)}```\n"
    return text


def diagram(tables: Iterable[Contract]) -> str:
    """A Mermaid entity diagram of tables, their columns, and what refers to what."""
    tables = list(tables)
    lines = ["erDiagram"]
    for table in tables:
        lines.append(f"    {table.table} {{")
        lines += [f"        {_attribute(table, column)}" for column in table.columns]
        lines.append("    }")
    for table in tables:
        for column in table.columns:
            if column.references:
                one = "||" if column.required else "|o"
                lines.append(f"    {column.references[0]} {one}--o{{ {table.table} : {column.name}")
    return "\n".join(lines) + "\n"


def _attribute(table: Contract, column: Column) -> str:
    keys = [key for key, holds in (("PK", column.name in table.key), ("FK", column.references)) if holds]
    described = column.description.replace('"', "'")
    return " ".join([column.type.split("(")[0], column.name, *([", ".join(keys)] if keys else []), f'"{described}"'])


if __name__ == "__main__":
    sys.exit(main())
