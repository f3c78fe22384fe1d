"""docs/access.md, from what Terraform would make: ``python -m tests.infra.access_page`` writes it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from millrace import contracts, resources
from millrace.resources import ROOT
from tests.infra import checks
from tests.infra.checks import Resource, many

PAGE = ROOT / "docs" / "access.md"
HEAD = Path(__file__).with_name("access_head.md")

PEOPLE = {
    "analyst": "asks questions of the derived tables, without what is personal in them",
    "steward": "looks after personal data: reads every table, uploads and rejected rows",
    "operator": "keeps pipelines running: sees logs and metrics, starts and stops, and reads no data",
    "auditor": "reads the trail and the roles, and no data (with `audit`)",
    "break-glass": "mends by hand what nothing else can; each use is told by mail at once (with `audit`)",
}
_READ, _WRITE = {"s3:GetObject"}, {"s3:PutObject", "s3:DeleteObject"}
_SELF_EVIDENT = re.compile(r"(s3|kms|logs):|events:PutEvents|secretsmanager:GetSecretValue")


def render(everything: Sequence[Resource], by_folders: Sequence[Resource]) -> str:
    """The page. everything: with every switch on; by_folders: without Lake Formation."""
    roles = _statements(everything)
    people = [line for name, about in PEOPLE.items() for line in _person(name, about, roles[name])]
    open_folders = _table(
        ("may", "on"),
        _rows([s for s in _statements(by_folders)["analyst"] if s["Sid"] == "TablesWithoutPersonalColumns"]),
    )
    services = _table(
        ("role", "reads", "writes", "secrets", "and may"),
        [_service(name, what) for name, what in sorted(roles.items()) if name not in PEOPLE],
    )
    sections = {"people": people, "open folders": open_folders, "services": services, "columns": _columns()}
    text = HEAD.read_text(encoding="utf-8")
    for name, lines in sections.items():
        text = text.replace(f"<!-- {name} -->", "\n".join(lines).strip())
    return text


def _statements(everything: Sequence[Resource]) -> dict[str, list[dict[str, Any]]]:
    """What each role's policies say, by the role's name without the installation's prefix."""
    roles = checks.of_type(everything, "aws_iam_role")
    found: dict[str, list[dict[str, Any]]] = {}
    for policy in checks.of_type(everything, "aws_iam_role_policy"):
        named = policy["values"]["role"]
        role = next(role for role in roles if named in (role["values"]["id"], role["values"]["name"]))
        found.setdefault(_name(role), []).extend(checks.statements(policy))
    return found


def _name(role: Resource) -> str:
    return str(role["values"]["name"]).removeprefix("test-lake-")


def _person(name: str, about: str, what: list[dict[str, Any]]) -> list[str]:
    return ["", f"### {name}", "", f"{about[0].upper()}{about[1:]}.", "", *_table(("may", "on"), _rows(what))]


def _rows(what: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(_actions(statement["Action"]), _places(statement["Resource"])) for statement in what]


def _service(name: str, what: list[dict[str, Any]]) -> tuple[str, ...]:
    def on(actions: set[str]) -> str:
        places = [r for s in what if actions & set(many(s["Action"])) for r in many(s["Resource"])]
        return _places([place for place in places if place.startswith("arn:aws:s3")])

    secrets = [r for s in what if "secretsmanager:GetSecretValue" in many(s["Action"]) for r in many(s["Resource"])]
    others = [a for s in what for a in many(s["Action"]) if not _SELF_EVIDENT.match(a)]
    return name, on(_READ), on(_WRITE), _places(secrets), _actions(others)


def _actions(actions: str | list[str]) -> str:
    """``glue: GetTable, GetTables; kms: Decrypt``."""
    by_service: dict[str, list[str]] = {}
    for action in many(actions):
        service, _, name = action.partition(":")
        by_service.setdefault(service, [])
        if name not in by_service[service]:
            by_service[service].append(name)
    return "; ".join(f"{service}: {', '.join(names)}" for service, names in by_service.items()) or "–"


def _places(resources: str | list[str]) -> str:
    return ", ".join(dict.fromkeys(_place(arn) for arn in many(resources))) or "–"


def _place(arn: str) -> str:
    """An ARN as people say it: without partition, region and account, and without the installation's prefix."""
    if arn == "*":
        return "\\* (takes no resource)"
    service, _, rest = arn.removeprefix("arn:aws:").partition(":")
    rest = re.sub(r"^[a-z0-9-]*:(\d{12}|\*)?:", "", rest).lstrip(":")
    rest = rest.replace("test-lake-", "").replace("test-lake", "")
    if "mocked" in rest:
        return {"kms": "the key", "logs": "its own logs", "secretsmanager": "its secrets"}.get(
            service, f"its own {service}"
        )
    return f"{rest.removesuffix('-AAAAAA')}".replace("*", "\\*").replace("|", "\\|")


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (heads, ("---",) * len(heads), *rows)]


def _columns() -> list[str]:
    rows = [
        (slug, contract.table, column.name, column.pii)
        for slug in resources.slugs()
        for contract in contracts.of_pipeline(slug).values()
        for column in contract.columns
        if contract.kind == "derived" and column.pii
    ]
    return _table(("pipeline", "table", "column", "what it is"), rows)


def main() -> None:
    """Write the page."""
    from tests.infra.conftest import Terraform, mocked

    with tempfile.TemporaryDirectory() as folder:
        terraform = Terraform(Path(folder))
        terraform.init("-backend=false")
        PAGE.write_text(render(mocked(terraform), mocked(terraform, off=["columns"])), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} is written")


if __name__ == "__main__":
    main()
