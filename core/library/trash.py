"""Deleted adapters: out of the library, still on the disk, until the trash is emptied."""

import secrets
import shutil
from pathlib import Path

from core import durable
from core.errors import LibraryError
from core.library.inspect import record_of
from core.library.record import AdapterRecord
from core.library.shelf import find
from core.places import Places


def delete(places: Places, adapter_id: str) -> AdapterRecord:
    """Move an adapter to the trash and return its record there.

    Raises:
        LibraryError: There is no such adapter.
    """
    folder = find(places, adapter_id).path
    trash = _folder(places)
    trash.mkdir(parents=True, exist_ok=True, mode=0o700)
    return record_of(_moved(folder, trash))


def restore(places: Places, adapter_id: str) -> AdapterRecord:
    """Move an adapter back from the trash and return its record.

    Raises:
        LibraryError: It is not in the trash.
    """
    found = next((r for r in trashed(places) if r.adapter_id == adapter_id), None)
    if found is None:
        raise LibraryError(
            "library.not_in_trash",
            f"“{adapter_id}” is not in the trash.",
            hint="“tunesmith library list --trash” shows what can be restored.",
        )
    places.library.mkdir(parents=True, exist_ok=True, mode=0o700)
    return record_of(_moved(found.path, places.library))


def trashed(places: Places) -> list[AdapterRecord]:
    """Return the adapters in the trash, newest first."""
    trash = _folder(places)
    if not trash.is_dir():
        return []
    records = [record_of(path) for path in trash.iterdir() if path.is_dir()]
    return sorted(records, key=lambda record: record.created, reverse=True)


def empty(places: Places) -> int:
    """Delete for good what is in the trash, and return the bytes that frees."""
    freed = 0
    for record in trashed(places):
        shutil.rmtree(record.path)
        freed += record.size
    return freed


def _folder(places: Places) -> Path:
    return places.trash / "adapters"


def _moved(folder: Path, into: Path) -> Path:
    target = into / folder.name
    if target.exists():  # another of the same id came meanwhile
        target = into / f"{folder.name}-{secrets.token_hex(2)}"
    folder.rename(target)
    durable.sync_folder(into)
    durable.sync_folder(folder.parent)
    return target
