"""``millrace doctor``: what is there, what is missing, and how to mend it, on this machine and in an account."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable

from millrace import installation
from millrace.doctor import account, machine, place
from millrace.doctor.finding import Finding, Level
from millrace.screen import Screen

_MARKS = {Level.OK: "[green]✓[/]", Level.NOTE: "[yellow]![/]", Level.MISSING: "[red]✗[/]"}


def examine(name: str | None, screen: Screen, *, here: bool = True) -> int:
    """Look at everything and say what was found; 1 where something needed is missing, else 0.

    name: of the installation to look at (``infra/env/<name>.tfvars``). Without it the embedded AWS is looked at, where
    ``AWS_ENDPOINT_URL`` names one. here: look at this machine too. Raises InstallationError.
    """
    found: Counter[Level] = Counter()
    if here:
        found += _show("this machine", machine.look(), screen)
    if name is not None:
        wanted = installation.read(name)
        number = installation.account_of(wanted)
        found += _show(f"{name}: account {number}, {wanted.region}", account.look(place.deployed(wanted)), screen)
    elif endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        found += _show(f"the embedded AWS at {endpoint}", account.look(place.embedded()), screen)
    screen.console.print(
        f"\n{found[Level.OK]} as they should be, {found[Level.NOTE]} notes, {found[Level.MISSING]} missing"
    )
    return 1 if found[Level.MISSING] else 0


def _show(title: str, findings: Iterable[Finding], screen: Screen) -> Counter[Level]:
    screen.console.print(f"\n[bold]{title}[/]")
    levels: Counter[Level] = Counter()
    for finding in findings:
        levels[finding.level] += 1
        screen.console.print(f"  {_MARKS[finding.level]} {finding.what}: ", end="")
        screen.console.print(finding.detail, markup=False, soft_wrap=True)
        if finding.mend:
            screen.console.print(f"      → {finding.mend}", markup=False, soft_wrap=True)
    return levels
