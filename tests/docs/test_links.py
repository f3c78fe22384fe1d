"""Whatever a document refers to is there."""

import re

import pytest

from millrace import resources
from millrace.cli import main
from millrace.resources import ROOT
from tests.docs.pages import PAGES, without_code

_LINK = re.compile(r"\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"")
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def ids(page):
    return str(page.relative_to(ROOT))


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    found = set()
    for heading in _HEADING.findall(page.read_text(encoding="utf-8")):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|`", r"\1", heading)
        found.add(re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page):
    broken = []
    for link in (first or second for first, second in _LINK.findall(without_code(page))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_files_and_targets_that_are_named_are_there(page):
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wrong = {f"make {name}" for name in re.findall(r"`make ([a-z-]+)", text)} - {f"make {name}" for name in targets}
    for name in re.findall(r"`(?:\.venv/bin/)?millrace ([a-z]+)", text):
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        if ended.value.code != 0:
            wrong.add(f"millrace {name}")
    folders = (
        "dags|datasets|lambdas|glue|sql|dashboards|millrace|localaws|infra|plugins|notebooks|tests|benchmarks|docs"
    )
    for name in re.findall(rf"`((?:{folders})/[\w./-]+)`", text):
        if not (ROOT / name).exists():
            wrong.add(name)
    assert not {name for name in wrong - SECRETS if not MADE.fullmatch(name)}


# What looks like a file and is none: secrets; what `make new p=orders` makes; the embedded AWS's own folder.
_DECLARED = (resources.common(), *map(resources.pipeline, resources.slugs()))
SECRETS = {secret.name for part in _DECLARED for secret in part.secrets}
MADE = re.compile(r"\w+/(?:[a-z]+/)?(?:test_)?orders(?:_pipeline)?(?:[/.].*)?|glue/catalog|glue/crawlers\.json")


def test_every_pipeline_and_page_can_be_found_from_the_readme():
    """Each page is linked from the README or from a page that is, in at most three steps."""
    linked = {ROOT / "README.md"}
    for _ in range(3):
        for page in list(linked):
            for first, second in _LINK.findall(without_code(page)):
                target = (page.parent / (first or second).partition("#")[0]).resolve()
                if target.suffix == ".md" and target.exists():
                    linked.add(target)
                elif target.name == "adr":  # of a folder whose pages all are alike
                    linked |= set(target.glob("*.md"))
    assert set(PAGES) - linked == set()
    assert set(resources.slugs()) <= set((ROOT / "README.md").read_text(encoding="utf-8").replace("`", " ").split())
