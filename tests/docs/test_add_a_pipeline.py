"""docs/add-a-pipeline.md, followed word for word in a copy of this checkout."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from millrace.resources import ROOT
from tests import checkout
from tests.docs.pages import SHELL, blocks

PAGE = ROOT / "docs" / "add-a-pipeline.md"


@pytest.fixture
def copy(tmp_path):
    """A copy of what is tracked or new in this checkout, with its environment."""
    checkout.copy_to(tmp_path)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)  # so that .gitignore is heeded
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
    return tmp_path


def run(folder, command, **settings):
    environment = {**os.environ, "PYTHONPATH": str(folder), "MILLRACE_STATE": str(folder / ".millrace")}
    done = subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=environment, capture_output=True, text=True, **settings
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-8000:]}\n{done.stderr[-8000:]}"
    return done.stdout


def raw(folder):
    """A folder with uploads, made by the new pipeline's own generator."""
    run(folder, ".venv/bin/python -m millrace sample orders --out uploads --rows 300 --days 3")
    return folder / "uploads"


@pytest.mark.whole
@pytest.mark.timeout(1800)
def test_the_page_followed_literally(copy):
    followed = 0
    for block in blocks(copy / PAGE.relative_to(ROOT)):
        file = copy / block.info[1] if len(block.info) > 1 else None
        if block.language in SHELL:
            for command in block.commands():
                command = re.sub(r"^make ", "make -o .venv/.ready ", command)
                if "--raw DIR" in command:
                    command = command.replace("--raw DIR", f"--raw {raw(copy)}").replace("DIR", "made")
                # As make runs it, of the copy: the program that is installed is the checkout's.
                command = command.replace(".venv/bin/millrace", ".venv/bin/python -m millrace")
                run(copy, command)
                followed += 1
        elif block.language == "diff":
            run(copy, "git apply -p1 -", input=block.text)
        elif file is not None and file.name == "README.md":
            rows = file.read_text(encoding="utf-8")
            last = [line for line in rows.splitlines() if re.match(r"\| (\[)?`\w+`", line)][-1]
            file.write_text(rows.replace(last + "\n", last + "\n" + block.text), encoding="utf-8")
        else:
            assert file is not None and not file.exists(), f"nobody knows what to do with {block.where}"
            file.write_text(block.text, encoding="utf-8")
    assert followed == 8
    out = copy / ".millrace/demo/orders/out"
    assert {"by_date.csv", "by_state.csv", "chart.png"} <= {path.name for path in out.iterdir()}
    assert (out / "by_state.csv").read_text().splitlines()[0] == "state,orders,amount"
    assert (copy / "made" / "ledger.csv").exists()
    assert "orders.orders_final" in (copy / "docs/data-dictionary.md").read_text(encoding="utf-8")
