"""What the documents hold: their blocks of code, their links and the commands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from millrace.resources import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = ("", "bash", "console", "sh", "shell")
# These do nothing without an account, wherever they stand.
OF_ACCOUNTS = ("aws", "terraform")


@dataclass(frozen=True)
class Block:
    """A fenced block: the words after its fence, its text, and the line on which it begins."""

    page: Path
    line: int
    info: tuple[str, ...]
    text: str

    @property
    def language(self) -> str:
        return self.info[0] if self.info else ""

    @property
    def needs_account(self) -> bool:
        return "account" in self.info

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def commands(self) -> Iterator[str]:
        """The commands of a block for a shell, in one line each, without comments; what they print is left out."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if self.language == "console":
                if not line.startswith("$ "):
                    continue
                line = line.removeprefix("$ ")
            command = " ".join(re.sub(r"(^|\s+)#\s.*$", "", line).split())
            if command:
                yield command


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        yield Block(page, text.count("\n", 0, match.start()) + 1, tuple(match["info"].split()), match["text"])


def without_code(page: Path) -> str:
    """The page's text without blocks and inline code."""
    return re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text(encoding="utf-8")))
