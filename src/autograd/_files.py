"""Atomic writing of files."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a new file that replaces `path` when the block ends without an exception."""
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _replace(temporary: Path, target: Path) -> None:
    """Rename a file. Windows denies it while the target is open, by another save, say: try for two seconds."""
    for pause in (0.01,) * 200 if os.name == "nt" else ():
        with suppress(PermissionError):
            return os.replace(temporary, target)
        time.sleep(pause)
    os.replace(temporary, target)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise the OSError that `replacing` would raise at its end; leave no file behind."""
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with suppress(FileNotFoundError):
            mode = target.stat().st_mode
            if stat.S_ISDIR(mode):
                raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
            # Replacing a device or a pipe would destroy it.
            if not stat.S_ISREG(mode):
                raise OSError(errno.EINVAL, "Not a regular file")
        temporary.open("xb").close()
        temporary.unlink()
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
