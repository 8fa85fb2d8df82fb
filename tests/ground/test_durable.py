"""Files are replaced whole: the old content or the new, never half."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from core import durable
from core.errors import DiskFull


def test_a_new_file_is_there_with_its_folder(tmp_path: Path) -> None:
    """Folders on the way are made."""
    path = tmp_path / "a" / "b.txt"
    durable.replace_text(path, "größer")

    assert "größer" == path.read_text(encoding="utf-8")


def test_a_full_disk_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room to sync means: nothing happened, and no litter is left."""
    path = tmp_path / "plan.toml"
    path.write_text("old")

    def no_room(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(DiskFull, match=r"no room to write plan\.toml"):
        durable.replace_text(path, "new")

    assert "old" == path.read_text()
    assert [path] == list(tmp_path.iterdir())


def test_an_interrupt_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of a write leaves no half file and no litter."""
    path = tmp_path / "plan.toml"
    path.write_text("old")

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        durable.replace_text(path, "new")

    assert "old" == path.read_text()
    assert [path] == list(tmp_path.iterdir())


def test_hashes_are_those_of_the_content(tmp_path: Path) -> None:
    """SHA-256, hexadecimal; several files count in their order."""
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_bytes(b"one")
    two.write_bytes(b"two")
    digests = [hashlib.sha256(word).digest() for word in (b"one", b"two")]

    assert hashlib.sha256(b"one").hexdigest() == durable.sha256(one)
    assert hashlib.sha256(b"".join(digests)).hexdigest() == durable.files_sha256(
        [one, two]
    )
    assert durable.files_sha256([one, two]) != durable.files_sha256([two, one])


def test_room_is_asked_for_folders_that_are_not_there_yet(tmp_path: Path) -> None:
    """The disk is that of the nearest folder that exists."""
    wanted = tmp_path / "not" / "yet"

    durable.need_room(wanted, 1, what="This")
    with pytest.raises(DiskFull, match=r"The model needs .* TiB"):
        durable.need_room(wanted, 1 << 60, what="The model")


def test_only_a_full_disk_is_called_full(tmp_path: Path) -> None:
    """Any other error of the system stays what it is."""
    denied = OSError(errno.EACCES, "Permission denied")
    quota = OSError(errno.EDQUOT, "Quota exceeded")

    assert denied is durable.translated(denied, tmp_path)
    assert isinstance(durable.translated(quota, tmp_path), DiskFull)
