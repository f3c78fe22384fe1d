"""``python -m localaws.docs`` writes docs/localaws.md: by service, what is executed, what moto keeps, what is refused.

The lists come from the engines and from moto's allow list; the words from the services' own pages, docs/localaws/*.md.
"""

from __future__ import annotations

import re
import sys
import tempfile
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import botocore.session

from localaws.core import World
from localaws.engines import ENGINES, Engines
from localaws.glue.catalog import Catalog
from localaws.moto_limits import LIMITS
from localaws.moto_operations import REAL
from localaws.s3.engine import SUBRESOURCES, S3Engine
from localaws.s3.store import Store

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "localaws.md"
FOLDER = ROOT / "docs" / "localaws"

_TITLES = {
    "athena": "Athena",
    "cloudwatch": "CloudWatch",
    "dynamodb": "DynamoDB",
    "emr": "EMR",
    "emr-serverless": "EMR Serverless",
    "events": "EventBridge",
    "firehose": "Firehose",
    "glue": "Glue",
    "iam": "IAM",
    "kinesis": "Kinesis Data Streams",
    "kms": "KMS",
    "lambda": "Lambda",
    "logs": "CloudWatch Logs",
    "quicksight": "QuickSight",
    "redshift-data": "Redshift Data API",
    "redshift-serverless": "Redshift Serverless",
    "rds": "RDS",
    "resourcegroupstaggingapi": "Resource groups tagging",
    "s3": "S3",
    "secretsmanager": "Secrets Manager",
    "scheduler": "EventBridge Scheduler",
    "sns": "SNS",
    "sqs": "SQS",
    "ssm": "Systems Manager parameters",
    "sts": "STS",
}

# Of services that have no page of their own.
_NOTES = {
    "iam": "Roles, users and policies are kept and shown; nothing is decided by them, every call is allowed.",
    "kinesis": "Streams in memory, which feed functions by event source mappings. A shard's sequence numbers count "
    "from 1; a split or merge puts its records anew into the new shards.",
    "kms": "Keys really encrypt and sign, but no other service uses them: objects and tables are kept in the clear.",
    "logs": "Functions and crawlers write their logs here.",
    "sqs": "Queues with visibility timeouts, delays and dead-letter queues. A FIFO queue tells doubles from the "
    "messages that it still holds, not from those deleted in the last five minutes.",
    "sts": "The account is 123456789012, whatever the credentials.",
}

_HEAD = """\
# The embedded AWS

<!-- Written by `python -m localaws.docs`; the words of each service are in docs/localaws/. -->

`python -m localaws` is one endpoint on 127.0.0.1 for any AWS client. Each operation is one of three:

- **executed**, by engines of our own: bytes are on disk, functions run, queries are answered, crawlers read files.
- **kept by [moto](https://docs.getmoto.org)**: the state is kept and other calls see it; nothing else has to happen.
  It is kept in memory and ends with the process.
- **refused**: the call fails with `NotSupportedByLocalAws` and says why. Nothing is pretended: what is not listed
  fails, and so does a parameter whose effect would be missing.
"""


def main() -> int:
    """Write the page; with ``--check`` only say whether it is current, by the exit status."""
    if "--check" in sys.argv[1:]:
        current = PAGE.read_text(encoding="utf-8") == render()
        print(f"{PAGE.relative_to(ROOT)} is {'current' if current else 'not current: run make docs'}")
        return 0 if current else 1
    PAGE.write_text(render(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} is written")
    return 0


def render() -> str:
    """The page's text."""
    ours = executed()
    services = [*sorted(ours, key=_title), *sorted(REAL.keys() - ours.keys(), key=_title)]
    rows = []
    sections = []
    for service in services:
        own = ours.get(service, frozenset())
        motos = REAL.get(service, frozenset()) - own
        rows.append(f"| [{_title(service)}](#{_anchor(service)}) | {len(own)} | {len(motos)} |")
        sections.append(_section(service, own, motos))
    table = ["| service | operations executed | kept by moto |", "|---|--:|--:|", *rows]
    others = "Every other service of AWS is refused.\n"
    return "\n".join([_HEAD, *table, "", others, *sections])


def executed() -> dict[str, frozenset[str]]:
    """The operations that our engines execute, by service."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        world = World(data, "http://127.0.0.1:0", Store(data / "s3"), Catalog())
        engines = Engines(world)
        world.engines = engines
        s3 = S3Engine(world)
        try:
            found = {service: frozenset(engines[service].operations) for service in ENGINES}
            return {**found, "s3": _of_s3(s3)}
        finally:
            s3.close()
            engines.close()
            world.catalog.close()
            world.store.close()


def _of_s3(engine: S3Engine) -> frozenset[str]:
    """S3's requests are told apart by method, sub-resource and headers, so each operation's request is looked up."""
    names = set()
    for name in _all_operations("s3"):
        operation = _model("s3").operation_model(name)
        method, uri = operation.http["method"], operation.http["requestUri"]
        if "{Bucket}" not in uri:
            continue
        path, _, query = uri.partition("?")
        required = {
            member.serialization.get("name")
            for key, member in operation.input_shape.members.items()
            if key in operation.input_shape.required_members
        }
        parts = [part for part in (query.partition("=")[0].partition("&")[0], *sorted(filter(None, required))) if part]
        part = next((part for part in parts if part in SUBRESOURCES or part == "list-type"), "")
        part = {"CopyObject": "copy", "UploadPartCopy": "copy part"}.get(name, part)
        known = engine._of_object if "{Key+}" in path else engine._of_bucket
        if (method, part) in known:
            names.add(name)
    return frozenset(names | {"ListBuckets"})


def _section(service: str, own: frozenset[str], motos: frozenset[str]) -> str:
    lines = [f"## {_title(service)}", ""]
    page = FOLDER / f"{service}.md"
    if page.exists():
        first = first_paragraph(page.read_text(encoding="utf-8"))
        # A page's own links are from its folder.
        lines += [_wrapped(re.sub(r"\]\((?!\w+:|#)", "](localaws/", first)), ""]
        lines += [f"[What it does, what differs from AWS, what is refused](localaws/{service}.md).", ""]
    elif service in _NOTES:
        lines += [_wrapped(_NOTES[service]), ""]
    if own:
        lines += [_wrapped(f"**Executed:** {_listed(own)}."), ""]
    if motos:
        lines += [_wrapped(f"**Kept by moto:** {_listed(motos)}."), ""]
    limited = [name for limit, name in LIMITS if limit == service and name in motos]
    if limited:
        lines += [_wrapped(f"Refused for parameters whose effect would be missing: {_listed(limited)}."), ""]
    if own:
        refused = _all_operations(service) - own - motos
        summary = f"<summary><b>Refused:</b> the other {len(refused)} operations</summary>"
        lines += ["<details>", summary, "", _wrapped(f"{_listed(refused)}."), "", "</details>", ""]
    else:
        lines += ["**Refused:** every other operation.", ""]
    return "\n".join(lines)


def first_paragraph(text: str) -> str:
    """The first paragraph of a page that is no heading; raises ValueError if it has none."""
    for block in text.split("\n\n"):
        if block.strip() and not block.lstrip().startswith(("#", "<!--", "|", "-")):
            return block.strip()
    raise ValueError("The page has no paragraph: begin it with one that says what of the service is real.")


def _wrapped(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 118, break_long_words=False, break_on_hyphens=False)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _title(service: str) -> str:
    return _TITLES.get(service, service)


def _anchor(service: str) -> str:
    return _title(service).lower().replace(" ", "-")


def _all_operations(service: str) -> frozenset[str]:
    """Without those that AWS replaced by others for the same request."""
    model = _model(service)
    return frozenset(name for name in model.operation_names if not model.operation_model(name).deprecated)


def _model(service: str) -> Any:
    if service not in _models:
        _models[service] = botocore.session.get_session().get_service_model(service)
    return _models[service]


_models: dict[str, Any] = {}


if __name__ == "__main__":
    sys.exit(main())
