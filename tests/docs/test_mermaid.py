"""Every diagram of the documents is drawn by Mermaid, in a browser."""

import json
import shutil
import subprocess
import tarfile

import pytest

from millrace.local import STATE
from tests.docs.pages import PAGES, blocks

VERSION = "11.12.0"
DIAGRAMS = [block for page in PAGES for block in blocks(page) if block.language == "mermaid"]
_DRAW = """(async () => {
  try {
    await mermaid.parse(%s);
    const { svg } = await mermaid.render("d%d", %s);
    document.body.innerHTML = svg;
    const box = document.querySelector("svg").getBoundingClientRect();
    return [box.width, box.height].join();
  } catch (error) { return "error: " + error.message; }
})()"""


@pytest.fixture(scope="module")
def mermaid(browser, tmp_path_factory):
    """The browser with Mermaid, which is fetched by npm once."""
    script = STATE / f"mermaid-{VERSION}.js"
    if not script.exists():
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed, so Mermaid cannot be had; apt-get install npm lets diagrams be drawn")
        folder = tmp_path_factory.mktemp("mermaid")
        done = subprocess.run(
            ["npm", "pack", f"mermaid@{VERSION}"], cwd=folder, capture_output=True, text=True, timeout=120
        )
        if done.returncode:
            pytest.skip(f"npm has no Mermaid: {done.stderr[-300:]}")
        with tarfile.open(folder / f"mermaid-{VERSION}.tgz") as archive:
            STATE.mkdir(exist_ok=True)
            script.write_bytes(archive.extractfile("package/dist/mermaid.min.js").read())
    page = tmp_path_factory.mktemp("page") / "page.html"
    page.write_text(f'<!doctype html><body></body><script src="{script.as_uri()}"></script>')
    browser.open(page.as_uri(), ready="typeof mermaid === 'object'")
    browser.run("mermaid.initialize({startOnLoad: false, securityLevel: 'strict'})")
    return browser


@pytest.mark.parametrize("diagram", DIAGRAMS, ids=[block.where for block in DIAGRAMS])
def test_it_is_drawn(mermaid, diagram):
    text = json.dumps(diagram.text)
    drawn = mermaid.run(_DRAW % (text, DIAGRAMS.index(diagram), text))
    assert not drawn.startswith("error"), drawn
    width, height = map(float, drawn.split(","))
    assert width > 50 and height > 20


def test_what_is_no_diagram_is_found_out(mermaid):
    text = json.dumps("flowchart LR\n a --> [b")
    assert mermaid.run(_DRAW % (text, 9999, text)).startswith("error")
