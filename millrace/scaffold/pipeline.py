"""Write a new pipeline's files: contracts, resources, DAG, Glue job, SQL, dashboard, sample, test and page."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import jinja2
import yaml

from millrace import resources
from millrace.scaffold.columns import RESERVED, NewColumn, NewTable, of_csv, usual
from millrace.scaffold.dashboard import Bars, dashboard

_TEMPLATES = Path(__file__).parent / "templates"
_SLUG = re.compile(r"[a-z][a-z0-9_]{1,40}")
_TAKEN = ("common", "by_contract", "default")


def create(slug: str, example: Path | None, root: Path = resources.ROOT) -> list[Path]:
    """Write the files, of an example CSV's columns if one is given; their paths.

    Raises ValueError for a name that cannot be one, or where one of the files is there already.
    """
    if not _SLUG.fullmatch(slug) or slug in _TAKEN or slug in RESERVED:
        raise ValueError(f"{slug!r} cannot be a pipeline's name: use lower case letters, digits and _, a letter first")
    table = usual() if example is None else of_csv(example)
    files = render(slug, slug.replace("_", " ").capitalize(), table)
    if there := [path for path in files if (root / path).exists()]:
        raise ValueError(f"{there[0]} is there already; remove it, or choose another name")
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return [Path(path) for path in files]


def render(slug: str, title: str, table: NewTable) -> dict[str, str]:
    """The files' texts by path."""
    category = table.category.name if table.category else None
    queries = ["by_date", *([f"by_{category}"] if category else [])]
    final = {column.name: column.final for column in table.columns}
    # A key must be in the final table, hashed or not.
    table = replace(table, columns=tuple(_kept(column, table.key) for column in table.columns))
    facts: dict[str, Any] = {
        "slug": slug,
        "slug_dashed": slug.replace("_", "-"),
        "title": title,
        "what": f"{slug}_count" if slug in (*final, *final.values(), "day") else slug,
        "key": table.key,
        "final_key": [final[name] or name for name in table.key],
        "columns": [{**asdict(column), "maker": _maker(column, table)} for column in table.columns],
        "hashed": [column.final for column in table.columns if column.hash],
        "totals": ", ".join(map(json.dumps, queries)) + ("," if len(queries) == 1 else ""),
        "category": category,
        "category_dashed": (category or "").replace("_", "-"),
        "category_words": (category or "").replace("_", " "),
        **_day(table),
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        keep_trailing_newline=True,
    )
    environment.filters["yaml"] = _yaml
    paths = {
        "raw.yaml": f"datasets/{slug}/{slug}.yaml",
        "final.yaml": f"datasets/{slug}/{slug}_final.yaml",
        "resources.yaml": f"infra/resources/{slug}.yaml",
        "dag.py": f"dags/{slug}.py",
        "job.py": f"glue/{slug}.py",
        "by_date.sql": f"sql/{slug}/by_date.sql",
        "checks.sql": f"sql/{slug}/checks.sql",
        "sample.py": f"millrace/samples/{slug}.py",
        "test.py": f"tests/pipeline/test_{slug}_pipeline.py",
        "docs.md": f"docs/pipelines/{slug}.md",
        **({"by_category.sql": f"sql/{slug}/by_{category}.sql"} if category else {}),
    }
    charts = [Bars("by_date", f"{title} by day", "day", facts["what"], by_day=True)]
    if category:
        charts.append(Bars(f"by_{category}", f"{title} by {facts['category_words']}", category, facts["what"]))
    document = json.dumps(dashboard(slug, title, charts), indent=2) + "\n"
    texts = {path: environment.get_template(f"{name}.j2").render(facts) for name, path in paths.items()}
    return {**texts, f"dashboards/{slug}.json": document}


def _yaml(text: str) -> str:
    """A text as YAML has it, in quotes where it must be."""
    return yaml.safe_dump(text, default_flow_style=True, allow_unicode=True, width=1000).removesuffix("...\n").strip()


def _kept(column: NewColumn, key: tuple[str, ...]) -> NewColumn:
    return replace(column, final=column.name) if column.name in key and column.final is None else column


def _day(table: NewTable) -> dict[str, str]:
    """The day that is counted by: that of the column for it, else of the upload."""
    if table.day is None or table.day.final is None:
        return {"day": "CAST(upload_date AS date)", "date_of": "the upload"}
    name = table.day.final
    return {"day": name if table.day.type == "date" else f"CAST({name} AS date)", "date_of": name}


def _maker(column: NewColumn, table: NewTable) -> str | None:
    """The expression that makes sample values where the type is not enough, else None."""
    if column.name in table.key:
        return None
    if column.hash:
        return "by_contract.address"
    return f"by_contract.one_of({', '.join(map(json.dumps, column.values))})" if column.values else None
