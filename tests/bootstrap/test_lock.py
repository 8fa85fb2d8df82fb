"""Two set-ups never work in one folder at the same time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap import lock

posix_only = pytest.mark.skipif(os.name == "nt", reason="locks are not inherited there")

_HOLDER = """
import sys
from pathlib import Path
from bootstrap import child, lock
with lock.held(Path(sys.argv[1])) as descriptor:
    script = "import sys; print(1, file=sys.stderr, flush=True); open(sys.argv[1]).read()"
    command = [sys.executable, "-c", script, sys.argv[2]]
    child.run(command, env=child.clean_environ(), lock=descriptor)
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
    path, pipe = tmp_path / "lock", tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-c", _HOLDER, str(path), str(pipe)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as holder:
        assert holder.stderr is not None
        holder.stderr.readline()  # the grandchild runs
        holder.kill()
        holder.wait()
        held_by_the_orphan = not free(path)
        pipe.write_text("you may go", encoding="utf-8")
        with lock.held(path):  # waits for the orphan's end, and no longer
            pass

    assert held_by_the_orphan
