"""The zips that functions and layers are made of: kept by their SHA-256, unzipped once, safely."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from localaws.core import AwsError

UNZIPPED_LIMIT = 262_144_000
_ENTRY_LIMIT = 100_000


@dataclass(frozen=True)
class Content:
    """A zip that was accepted. sha256: base64, as AWS tells it. size: bytes of the zip; unzipped: of its files."""

    digest: str
    sha256: str
    size: int
    unzipped: int


class ContentStore:
    """Zips and what they hold, under one folder: ``<digest>/package.zip`` and ``<digest>/files/``."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def add(self, package: bytes) -> Content:
        """Check and unzip a package. Raises AwsError InvalidParameterValueException for what AWS or safety refuses."""
        digest = hashlib.sha256(package).digest()
        target = self._root / digest.hex()
        if not target.exists():
            self._unpack(package, target)
        unzipped = sum(path.lstat().st_size for path in self.files(digest.hex()).rglob("*") if path.is_file())
        return Content(digest.hex(), base64.b64encode(digest).decode(), len(package), unzipped)

    def files(self, digest: str) -> Path:
        """The folder that holds the package's files."""
        return self._root / digest / "files"

    def package(self, digest: str) -> Path:
        """The zip itself."""
        return self._root / digest / "package.zip"

    def merged(self, digests: Iterable[str]) -> Path | None:
        """One folder of several packages, a later one's files over an earlier one's; None for no package."""
        digests = list(digests)
        if len(digests) < 2:
            return self.files(digests[0]) if digests else None
        name = hashlib.sha256("\n".join(digests).encode()).hexdigest()
        target = self._root / f"merged-{name}"
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=self._root) as temporary:
                union = Path(temporary) / "union"
                for digest in digests:
                    shutil.copytree(self.files(digest), union, dirs_exist_ok=True, copy_function=_link)
                _move(union, target)
        return target

    def keep_only(self, digests: Iterable[str]) -> None:
        """Remove every package but these, and merged folders, which are made again when needed."""
        kept = set(digests)
        for path in self._root.iterdir():
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)

    def _unpack(self, package: bytes, target: Path) -> None:
        with tempfile.TemporaryDirectory(dir=self._root) as temporary:
            folder = Path(temporary) / "content"
            files = folder / "files"
            files.mkdir(parents=True)
            archive = folder / "package.zip"
            archive.write_bytes(package)
            try:
                with zipfile.ZipFile(archive) as opened:
                    _extract(opened, files)
            except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
                raise _cannot_unzip(str(error)) from error
            _move(folder, target)


def _move(source: Path, target: Path) -> None:
    """Rename a finished folder into place; where another thread was first, its equal folder stays."""
    try:
        source.rename(target)
    except OSError:
        if not target.exists():
            raise


def _link(source: str, target: str) -> None:
    Path(target).unlink(missing_ok=True)
    os.link(source, target)


def _extract(archive: zipfile.ZipFile, target: Path) -> None:
    entries = archive.infolist()
    if len(entries) > _ENTRY_LIMIT or sum(entry.file_size for entry in entries) > UNZIPPED_LIMIT:
        raise AwsError("InvalidParameterValueException", f"Unzipped size must be smaller than {UNZIPPED_LIMIT} bytes")
    for entry in entries:
        mode = entry.external_attr >> 16
        path = PurePosixPath(entry.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or "\0" in entry.filename:
            raise _cannot_unzip(f"the name {entry.filename!r} leads out of the package")
        if stat.S_ISLNK(mode):
            raise _cannot_unzip(f"{entry.filename!r} is a symbolic link, which the local Lambda does not follow")
        place = target / path
        if entry.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        # zipfile stops at the declared size, whose sum was checked: a bomb cannot write more than the limit.
        with archive.open(entry) as source, place.open("wb") as copy:
            shutil.copyfileobj(source, copy, 2**20)
        place.chmod(0o755 if mode & 0o111 else 0o644)


def _cannot_unzip(reason: str) -> AwsError:
    return AwsError(
        "InvalidParameterValueException",
        f"Could not unzip uploaded file. Please check your file, then try to upload again. ({reason})",
    )
