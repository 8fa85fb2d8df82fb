"""Files are replaced whole: a reader sees the old content or the new, never half.

After `replace_text` returns, the content survives a power cut (file and folder synced).
"""

import errno
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from core.errors import DiskFull
from core.units import bytes_text

_CHUNK_BYTES = 1 << 20


def replace_text(path: Path, text: str) -> None:
    """Make `text` the whole content of `path`, or leave the old content.

    Raises:
        DiskFull: There was no room; the old content stands.
        OSError: The folder cannot be written.
    """
    replace_bytes(path, text.encode("utf-8"))


def replace_bytes(path: Path, content: bytes) -> None:
    """Make `content` the whole content of `path`; see `replace_text`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = ""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException as err:
        if name:
            Path(name).unlink(missing_ok=True)
        if isinstance(err, OSError):
            err.filename = str(path)  # the one the person knows, not the temporary
            raise translated(err, path) from err
        raise
    sync_folder(path.parent)


def append_line(path: Path, line: str) -> None:
    """Add one line to a file that several processes write to; no line is ever torn.

    Should a crash have left half a line at the end, the new one begins on its own.

    Raises:
        OSError: The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone(path), path.open("ab+", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
        torn = end > 0 and file.read(1) != b"\n"
        file.write(b"\n" * torn + line.encode("utf-8", "replace") + b"\n")


@contextmanager
def alone(path: Path) -> Generator[None]:
    """Keep every other process that asks for the same out, for as long as this lasts.

    The lock is a file of its own beside `path`, which may then be replaced; the system
    lets go of it when a process dies.

    Raises:
        OSError: The folder cannot be written, or has no locks.
    """
    with path.with_name(f".{path.name}.lock").open("a+b") as file:
        _wait_for(file)
        yield


def _wait_for(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # tries for ten seconds
    else:
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX)


def sync_file(path: Path) -> None:
    """Force what was written to `path` onto the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Force the names in `folder` onto the disk, where the system can."""
    if sys.platform == "win32":  # a directory has no handle to sync there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def files_sha256(paths: Iterable[Path]) -> str:
    """Return one SHA-256 over the contents of `paths`, in their order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(bytes.fromhex(sha256(path)))
    return digest.hexdigest()


def free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk that holds `folder`, existing or not."""
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    return shutil.disk_usage(existing).free


def need_room(folder: Path, n_bytes: int, *, what: str) -> None:
    """Return if `n_bytes` fit on the disk of `folder`.

    Raises:
        DiskFull: They do not; says what was to be written and how much room there is.
    """
    free = free_bytes(folder)
    if free < n_bytes:
        raise DiskFull(
            "disk.full",
            f"{what} needs {bytes_text(n_bytes)} and {folder} has {bytes_text(free)}"
            " free.",
            hint="Free some space or choose another folder, then try again.",
        )


def translated(err: OSError, path: Path | None) -> OSError | DiskFull:
    """Return `DiskFull` for an error that means a full disk, else `err` itself.

    Args:
        err: What the system said.
        path: The file it was about, where known.
    """
    if err.errno in {errno.ENOSPC, errno.EDQUOT}:
        where = "" if path is None else f" {path.name} in {path.parent}"
        return DiskFull(
            "disk.full",
            f"There was no room to write{where}.",
            hint="Free some space or choose another folder; nothing saved before is lost.",
        )
    return err
