"""Two set-ups never work in one folder at the same time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap import lock
from bootstrap.environment import ROOT

posix_only = pytest.mark.skipif(os.name == "nt", reason="locks are not inherited there")

_HOLDER = """
import sys
from pathlib import Path
from bootstrap import child, lock
from bootstrap.environment import Environment
folder = Path(sys.argv[1])
with lock.held(folder / "lock") as descriptor:
    pip = child.Pip(environment=Environment(folder=folder), lock=descriptor)
    pip.try_install(sys.argv[2])
"""

_PIP = """#!/bin/sh
echo "Collecting patience"
cat "$4" > /dev/null
"""


def free(path: Path) -> bool:
    """Return whether the lock could be taken at this moment."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        return lock._take_at_once(descriptor)
    finally:
        os.close(descriptor)


def test_the_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    """Held inside the block, free after it."""
    path = tmp_path / "lock"
    with lock.held(path):
        inside = free(path)

    assert not inside
    assert free(path)


@posix_only
def test_an_orphaned_pip_keeps_the_lock(tmp_path: Path) -> None:
    """When run.py alone is killed, the lock stays until its pip has ended too."""
    path, pipe, pip = tmp_path / "lock", tmp_path / "pipe", tmp_path / "bin" / "python"
    os.mkfifo(pipe)
    pip.parent.mkdir()
    pip.write_text(_PIP, encoding="utf-8")
    pip.chmod(0o755)
    command = [sys.executable, "-c", _HOLDER, str(tmp_path), str(pipe)]
    with subprocess.Popen(command, cwd=ROOT) as holder:
        with pipe.open("w", encoding="utf-8") as to_pip:  # returns when pip reads
            holder.kill()
            holder.wait()
            held_by_the_orphan = not free(path)
            to_pip.write("you may go")
        with lock.held(path):  # waits for the orphan's end, and no longer
            pass

    assert held_by_the_orphan
