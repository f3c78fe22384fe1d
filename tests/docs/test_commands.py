"""Every command of the documents is run by a test, or stands in a block that says that it needs an account."""

import ast
import contextlib
import importlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml

from millrace import resources
from millrace.local import STATE
from millrace.resources import ROOT
from tests.docs.pages import OF_ACCOUNTS, PAGES, SHELL, blocks

REGISTRY = yaml.safe_load(Path(__file__).with_name("commands.yaml").read_text(encoding="utf-8"))
OF_EACH = [command for command in REGISTRY["minutes"] if "SLUG" in command]
MINUTES = {
    command.replace("SLUG", slug): replaced
    for command, replaced in REGISTRY["minutes"].items()
    for slug in (resources.slugs() if "SLUG" in command else ["retraced"])
}
COMMANDS = {
    command: block
    for page in PAGES
    for block in blocks(page)
    if block.language in SHELL and not block.needs_account
    for command in block.commands()
    if command.split()[0] not in OF_ACCOUNTS
}
# Samples that are large enough to be one and small enough to be quick.
SAMPLES = {
    "retraced": {"logins": 2000},
    "retail_events": {"events": 2000, "properties": 5000, "days": 20},
    "transactions": {"rows": 30_000},
}


def known():
    """The commands that are listed."""
    return {command for commands in REGISTRY.values() for command in commands} - set(OF_EACH) | set(MINUTES)


def test_every_command_is_tested_or_needs_an_account():
    new = {f"{block.where}: {command}" for command, block in COMMANDS.items() if command not in known()}
    assert not new, "say in tests/docs/commands.yaml how each is tested, or mark its block as ```bash account"


def test_no_command_is_listed_that_no_page_has():
    # Not every page shows how to run its pipeline on files of one's own.
    assert known() - set(COMMANDS) - set(MINUTES) == set()


def test_the_tests_that_are_named_are_there():
    missing = []
    for place in REGISTRY["tested"].values():
        path, _, name = place.partition("::")
        there = (ROOT / path).is_file()
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8")) if there else ast.Module([], [])
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        if not there or (name and name not in functions):
            missing.append(place)
    assert not missing


def test_a_command_is_told_from_a_comment_and_from_what_it_prints(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```bash account\nmake demo   p=a # so\n# not this\nrun \\\n    --it 'a#b'\n```\ntext\n"
        "```console\n$ make x\nout\n```\n```text\nno\n```\n"
    )
    first, second, third = blocks(page)
    assert (first.needs_account, list(first.commands())) == (True, ["make demo p=a", "run --it 'a#b'"])
    assert (second.line, list(second.commands()), third.language in SHELL) == (8, ["make x"], False)


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Runs a command for the shell in the checkout, its state apart from the checkout's."""
    state = tmp_path / "state"
    state.mkdir()
    for kept in ("packages", *(path.name for path in STATE.glob("airflow-*.db"))):
        if (STATE / kept).exists():
            (state / kept).symlink_to(STATE / kept)

    def run(command, replaced):
        for word, other in replaced.items():
            command = command.replace(word, other)
        slug = re.search(r"\b(?:run|sample) (\w+)", command)
        if "RAW" in command:
            generate = importlib.import_module(f"millrace.samples.{slug[1]}").generate
            generate(tmp_path / "raw", **SAMPLES.get(slug[1], {}))
        command = command.replace("RAW", str(tmp_path / "raw")).replace("DIR", str(tmp_path / "made"))
        command = command.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
        # The environment is there: make is not to set it up while tests run in it.
        command = re.sub(r"^make ", "make -o .venv/.ready ", command)
        environment = {**os.environ, "MILLRACE_STATE": str(state)}
        return subprocess.run(
            ["bash", "-ec", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1500
        )

    return run


@pytest.mark.parametrize("command", REGISTRY["run"])
def test_a_command_does_what_it_says(shell, command, tmp_path):
    done = shell(command, REGISTRY["run"][command])
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    if "--out" in command:
        assert any((tmp_path / "made").rglob("*.csv*"))
    else:
        assert done.stdout.strip()


@pytest.mark.whole
@pytest.mark.timeout(1600)
@pytest.mark.parametrize("command", [command for command in MINUTES if command in COMMANDS])
def test_a_command_that_takes_minutes_does_what_it_says(shell, command, tmp_path):
    if "sales" in command and shutil.which("mariadbd") is None:
        pytest.skip("mariadbd is not installed, which the source of sales runs on")
    done = shell(command, MINUTES[command])
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert "success in" in done.stdout
    made = tmp_path / "made" if "--out" in command else next((tmp_path / "state" / "demo").glob("*/out"))
    assert {"chart.png", "chart.html", "ledger.csv"} <= {path.name for path in made.iterdir()}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.whole
def test_up_comes_up_and_goes(tmp_path):
    """What ``make up`` runs, on ports of its own."""
    says = subprocess.run(["make", "-n", "-o", ".venv/.ready", "up"], cwd=ROOT, capture_output=True, text=True)
    assert says.stdout.split() == [".venv/bin/millrace", "up"]
    port, aws_port = free_port(), free_port()
    arguments = ["up", "--data", str(tmp_path), "--port", str(port), "--aws-port", str(aws_port)]
    with subprocess.Popen(
        [sys.executable, "-m", "millrace", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            shown = ""
            for line in process.stdout:
                shown += line
                if "Ctrl-C stops it" in line:
                    break
            assert f"http://127.0.0.1:{port}" in shown, shown
            with contextlib.closing(urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/version")) as answer:
                assert b"3.3.1" in answer.read()
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
