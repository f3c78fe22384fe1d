"""A copy of this checkout, in which a test may change what it likes."""

import shutil
import subprocess

from millrace.resources import ROOT


def copy_to(folder):
    """Copy what is tracked or new, and what was built for this checkout: it is good where the inputs are the same."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for kept in (".millrace/packages", ".mypy_cache"):
        if (ROOT / kept).is_dir():
            shutil.copytree(ROOT / kept, folder / kept)
