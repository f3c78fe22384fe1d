"""``make bench`` runs what is a benchmark, and the converter's works at a small size."""

import importlib
import subprocess
import sys

import pytest

from benchmarks.__main__ import NAMES
from millrace.resources import ROOT


@pytest.mark.parametrize("name", NAMES)
def test_each_benchmark_can_be_run_alone(name):
    assert callable(importlib.import_module(f"benchmarks.{name}").main)


def test_the_converters_benchmark_compares_what_works():
    command = [
        sys.executable,
        "-m",
        "benchmarks.converter",
        "--rows",
        "20000",
        "--repeat",
        "1",
        "--ways",
        "millrace,bare",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    said = done.stdout
    assert "clean, 20,000 rows" in said and "1 % bad rows of eight kinds" in said and "nan" not in said
    clean, dirty = said.split("1 % bad rows")
    assert "fails" not in clean
    assert [line.split()[0] for line in dirty.splitlines() if "fails" in line] == ["bare"]  # which cannot read them
