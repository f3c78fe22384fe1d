"""Copies of stored bytes within the store, by the file system's own means where it has them."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import IO

BLOCK = 1 << 20
# What a file system or a kernel answers that cannot copy between files by itself.
UNABLE = frozenset({errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP})


def second_name(path: Path, other: Path) -> Path:
    """Give a file, which is never changed in place, another name; copy it where there are no hard links."""
    try:
        os.link(path, other)
    except OSError:
        shutil.copyfile(path, other)
    return other


def append(source: IO[bytes], target: IO[bytes], size: int) -> None:
    """Copy size bytes between unbuffered files, from and to their positions; raises EOFError when there are fewer."""
    while size:
        try:
            count = os.copy_file_range(source.fileno(), target.fileno(), size)
        except OSError as error:
            if error.errno not in UNABLE:
                raise
            count = _read_and_write(source, target, size)
        if not count:
            raise EOFError(f"a stored file is {size:,} bytes shorter than it should be")
        size -= count


def _read_and_write(source: IO[bytes], target: IO[bytes], size: int) -> int:
    block = memoryview(source.read(min(size, BLOCK)))
    written = 0
    while written < len(block):
        written += target.write(block[written:])
    return written
