"""The converter against engines that do less: CPU, wall time and peak memory as ratios in one run.

    python -m benchmarks.converter [--rows N] [--repeat N] [--sizes 0.2,2,10] [--ways millrace,bare,pandas,duckdb]

Each way converts the same generated file (16 columns, 200 bytes a row) in a process of its own, clean and with 1 % bad
rows of eight kinds. Only ``millrace`` validates and keeps every bad row; ``bare`` is pyarrow's streaming reader and
Parquet writer with the types given, the same row groups and compression; neither it nor pandas can read the bad rows.
From all ways but its own pandas is hidden: Lambda has none.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROWS_OF_2_GB = 10_000_000


@dataclass(frozen=True)
class Cost:
    """CPU and wall seconds, and peak resident memory."""

    cpu: float
    wall: float
    peak_mb: float


def measure(arguments: list[str]) -> Cost | None:
    """The cost of ``python -m benchmarks.<arguments>``; None if it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=HERE.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024) if not process.returncode else None


def compare(path: Path, ways: list[str], repeat: int) -> dict[str, Cost | None]:
    """The median cost of each way; the ways take turns, so that a busy machine is busy for all."""
    costs: dict[str, list[Cost | None]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for _ in range(repeat):
            for way in ways:
                if None not in costs[way]:
                    costs[way].append(measure(["benchmarks.parts.converter_ways", way, str(path), folder]))
    return {way: median(found) for way, found in costs.items()}


def median(costs: list[Cost | None]) -> Cost | None:
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs):
        return None
    middle = {name: statistics.median(getattr(c, name) for c in known) for name in ("cpu", "wall", "peak_mb")}
    return Cost(**middle)


def show(title: str, costs: dict[str, Cost | None], base: Cost | None) -> None:
    print(f"\n{title}\n{'':12}{'CPU s':>9}{'wall s':>9}{'peak MB':>9}{'CPU ×':>9}{'wall ×':>9}")
    for way, cost in costs.items():
        if cost is None:
            print(f"{way:12}  fails on this file")
            continue
        ratios = f"{cost.cpu / base.cpu:9.2f}{cost.wall / base.wall:9.2f}" if base else ""
        print(f"{way:12}{cost.cpu:9.2f}{cost.wall:9.2f}{cost.peak_mb:9.0f}{ratios}")


def generate(path: Path, rows: int, bad_share: float) -> None:
    subprocess.run(
        [sys.executable, "-m", "benchmarks.parts.converter_data", str(path), str(rows), str(bad_share)],
        cwd=HERE.parent,
        check=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS_OF_2_GB)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--sizes", default="", help="gigabytes at which the converter's peak memory is measured")
    parser.add_argument("--ways", default="millrace,bare,pandas,duckdb")
    parser.add_argument("--folder", type=Path, default=None, help="where the files go (default: a temporary folder)")
    options = parser.parse_args()
    ways = options.ways.split(",")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        clean, dirty = Path(folder, "clean.csv"), Path(folder, "dirty.csv")
        generate(clean, options.rows, 0)
        costs = compare(clean, ways, options.repeat)
        base = costs.get("bare")
        show(f"clean, {options.rows:,} rows, {clean.stat().st_size / 1e9:.2f} GB", costs, base)
        parts = measure_parts(clean)
        clean.unlink()
        generate(dirty, options.rows, 0.01)
        show("1 % bad rows of eight kinds, against bare on clean", compare(dirty, ways, options.repeat), base)
        dirty.unlink()
        print("\nwhere the converter's CPU goes (clean)")
        for name, seconds in parts.items():
            print(f"{name:28}{seconds:9.2f}")
        for size in filter(None, options.sizes.split(",")):
            generate(clean, int(float(size) * ROWS_OF_2_GB / 2), 0.001)
            show(f"{size} GB", compare(clean, ["millrace"], 1), None)


def measure_parts(path: Path) -> dict[str, float]:
    """CPU seconds of the work's parts, each run alone: the floor is what reading, parsing and encoding cost."""
    result = {}
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for part in ("start", "read", "parse", "parse+check", "all"):
            cost = measure(["benchmarks.parts.converter_ways", part, str(path), folder])
            result[part] = cost.cpu if cost else float("nan")
    start = result["start"]
    return {
        "start and imports": start,
        "read the bytes": result["read"] - start,
        "parse": result["parse"] - result["read"],
        "check": result["parse+check"] - result["parse"],
        "encode and write": result["all"] - result["parse+check"],
        "all": result["all"],
        "floor: without the checks": result["all"] - (result["parse+check"] - result["parse"]),
    }


if __name__ == "__main__":
    main()
