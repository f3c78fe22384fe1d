"""A Java that Spark 3.5 runs on: 17, which AWS Glue 5 has too."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

_WANTED = "17"
_PLACES = Path("/usr/lib/jvm")


@functools.cache
def find_java() -> Path | None:
    """The program of an installed Java 17: of JAVA_HOME, on PATH, or where Debian puts them."""
    candidates = []
    if home := os.environ.get("JAVA_HOME"):
        candidates.append(Path(home) / "bin" / "java")
    if on_path := shutil.which("java"):
        candidates.append(Path(on_path))
    candidates += sorted(_PLACES.glob(f"*{_WANTED}*/bin/java"))
    return next((java for java in candidates if version_of(java).split(".")[0] == _WANTED), None)


def version_of(java: Path) -> str:
    """A Java's version, such as 17.0.15; empty if it is none."""
    release = java.resolve().parent.parent / "release"
    try:
        text = release.read_text(encoding="utf-8")
    except OSError:
        try:
            text = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=True).stderr
        except (OSError, subprocess.SubprocessError):
            return ""
    found = re.search(r'(?:JAVA_VERSION=|version )"([^"]+)"', text)
    return found[1] if found else ""
