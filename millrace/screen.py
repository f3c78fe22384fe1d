"""What a person sees in the terminal while a pipeline runs, and of its results."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column, Table

if TYPE_CHECKING:
    from millrace.results import Results

_SHOWN = 40  # rows of a result to show
_NUMBER = re.compile(r"(-?)(\d+)(\.\d+)?")
_GAPS = 5  # files to name that are not accounted for
_BLOCKS = " ▏▎▍▌▋▊▉█"


class Step:
    """One line: what is being done, how far it is, and at its end what came of it."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, done: int, of: int) -> None:
        """Show how far it is."""
        self._progress.update(self._task, note=f"{done:,} of {of:,}")

    def done(self, note: str) -> None:
        """Say what came of it."""
        self._progress.update(self._task, note=note)


class Screen:
    """The terminal. Without one (a pipe, a log) the same lines are printed once they are final."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if not self.console.is_terminal:
            self.console.width = 120
        self._started = time.monotonic()
        self._errors: dict[str, str] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """A line for one step of the preparation."""
        with self._progress() as progress:
            task = progress.add_task(name, total=1, note="", seconds="")
            started = time.monotonic()
            yield Step(progress, task)
            progress.update(task, completed=1, seconds=f"{time.monotonic() - started:.1f} s")

    @contextmanager
    def bytes(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar for bytes that are moved; gives the function that is told how many more are done."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(name, total=total)
            yield lambda size: progress.advance(task, size)

    @contextmanager
    def tasks(self, order: Sequence[str]) -> Iterator[Callable[[dict[str, Any]], None]]:
        """A line for each task of a DAG that runs; gives the function that is told of tasks' events."""
        lines: dict[str, TaskID] = {}
        ended: dict[str, dict[int, float]] = {}

        def watch(event: dict[str, Any]) -> None:
            name, state = event["task"], event["state"]
            if name not in lines:
                lines[name] = progress.add_task(f"  {name}", total=1, note="", seconds="")
            if state == "success":
                ended.setdefault(name, {})[event["map_index"]] = event["seconds"]
                count = f"{len(ended[name])} tasks" if len(ended[name]) > 1 else ""
                seconds = f"{sum(ended[name].values()):.1f} s"
                progress.update(lines[name], completed=1, note=count, seconds=seconds)
            elif state in ("failed", "retry"):
                self._errors[name] = event["error"]
                progress.update(lines[name], note=f"[red]{state}[/]: {escape(event['error'])}")

        with self._progress() as progress:
            yield watch

    def results(self, results: Results) -> None:
        """Rows in, out and rejected, the months, the chart, and where everything is."""
        self._rows(results)
        for check in results.checks:
            mark = {"true": "[green]ok[/]"}.get(check["ok"], "[yellow]warning[/]")
            self.console.print(f"  {mark} {check['check_name']}: {escape(check['detail'])}")
        for query, rows in results.metrics.items():
            if results.bar is None or results.bar[0] == query:
                self._table(query, rows)
        if results.bar and (drawn := results.metrics.get(results.bar[0])):
            self._bars(drawn, results.bar[1])
        self._end(results)

    def _rows(self, results: Results) -> None:
        table = Table("table", box=None, header_style="bold")
        for name in ("files", "rows in", "rows out", "rejected"):
            table.add_column(name, justify="right")
        for name in sorted({row["table"] for row in results.rows}):
            rows = [row for row in results.rows if row["table"] == name]
            sums = [sum(row[key] for row in rows) for key in ("rows_in", "rows_out", "rows_rejected")]
            table.add_row(name, f"{len(rows):,}", *(f"{value:,}" for value in sums))
        self.console.print()
        self.console.print(table)
        if results.reasons:
            most = ", ".join(f"{name} {count:,}" for name, count in results.reasons.most_common(6))
            self.console.print(f"  rejected by column: {most}")

    def _table(self, query: str, rows: list[list[str]]) -> None:
        table = Table(box=None, header_style="bold")
        for name in rows[0]:
            table.add_column(name.replace("_", " "), justify="left" if name == rows[0][0] else "right")
        for row in rows[1:][-_SHOWN:]:
            table.add_row(row[0], *(_figure(cell) for cell in row[1:]))
        self.console.print()
        self.console.print(table)
        if len(rows) > _SHOWN + 1:
            self.console.print(f"  the last {_SHOWN} of {len(rows) - 1:,} rows of {query}.csv")

    def _bars(self, rows: list[list[str]], column: str) -> None:
        index = rows[0].index(column)
        rows = rows[-_SHOWN:] if len(rows) > _SHOWN else rows[1:]
        values = [float(row[index] or 0) for row in rows]
        # Days that are all the first of a month stand for months.
        labels = [row[0] for row in rows]
        labels = [label[:7] for label in labels] if all(label[7:10] == "-01" for label in labels) else labels
        left = max(map(len, labels), default=0)
        width = max(10, min(self.console.width, 100) - left - 13)
        self.console.print(f"\n[bold]{column.replace('_', ' ').capitalize()}[/]")
        for label, value in zip(labels, values, strict=True):
            bar = _bar(value / max(*values, 1), width)
            self.console.print(f"  {escape(label):<{left}} [cyan]{bar}[/] {value:,.0f}")

    def _end(self, results: Results) -> None:
        self.console.print()
        for name in results.failed:
            self.console.print(f"[red]failed[/]: {name}: {escape(self._errors.get(name, ''))}")
        for gap in results.unaccounted[:_GAPS]:
            self.console.print(f"[red]not accounted for[/]: {escape(gap)}")
        if len(results.unaccounted) > _GAPS:
            self.console.print(f"[red]not accounted for[/]: {len(results.unaccounted) - _GAPS:,} more")
        if not results.complete:
            self.console.print(f"everything that Airflow and the tasks said: {results.out / 'logs' / 'airflow.log'}")
        for path in sorted(path for path in results.out.iterdir() if path.is_file()):
            self.console.print(f"  {path}")
        self.console.print(f"{results.state} in {time.monotonic() - self._started:.0f} s")

    def _progress(self) -> Progress:
        return Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}", table_column=Column(min_width=20, no_wrap=True)),
            TextColumn("{task.fields[seconds]:>7}", table_column=Column(min_width=7, no_wrap=True)),
            TextColumn("{task.fields[note]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            console=self.console,
            expand=True,
        )


def _figure(cell: str) -> str:
    """A cell with separators if it is a number."""
    match = _NUMBER.fullmatch(cell)
    return f"{match[1]}{int(match[2]):,}{match[3] or ''}" if match else cell


def _bar(share: float, width: int) -> str:
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + _BLOCKS[eighths % 8].strip()
