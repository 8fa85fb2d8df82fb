"""Events are whole lines, whatever was written before and whoever prints beside."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.errors import RequestError
from core.runs.events import Phase, Progress
from core.runs.folder import RunFolder
from core.runs.tail import read_events
from core.worker.channel import EventLog
from core.worker.lock import only_worker
from tests.worker.processes import ROOT


def test_a_torn_last_line_costs_that_line_alone(tmp_path: Path) -> None:
    """After a kill in mid-write the next event begins a line of its own."""
    path = tmp_path / "events.jsonl"
    first = EventLog(path)
    first.write(Phase(t=1.0, phase="load"))
    first.close()
    with path.open("ab") as file:
        file.write(b'{"t": 2.0, "kind": "ph')

    log = EventLog(path)
    log.write(Phase(t=3.0, phase="train"))
    log.close()

    assert [Phase(t=1.0, phase="load"), Phase(t=3.0, phase="train")] == read_events(
        path
    )


def test_threads_never_mix_their_lines(tmp_path: Path) -> None:
    """Four threads write at once; every line is whole."""
    log = EventLog(tmp_path / "events.jsonl")

    def write(who: int) -> None:
        for number in range(200):
            log.write(
                Progress(
                    t=0.0, what=f"{who}" * 300, done=number, total=200, unit="step"
                )
            )

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()

    assert 800 == len(read_events(tmp_path / "events.jsonl"))


NOISY = """
import ctypes, os, sys
from core.worker.channel import Speaker, private_stdout
speaker = Speaker(private_stdout())
print("python noise")
sys.stdout.flush()
os.write(1, b"raw noise\\n")
libc = ctypes.CDLL(None)
libc.puts(b"C noise")
libc.fflush(None)
speaker.tell({"kind": "result", "n": 1})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="ctypes.CDLL(None) is POSIX")
def test_noise_on_stdout_never_reaches_the_listener() -> None:
    """What Python, C and raw writes print goes to stderr; events alone to stdout."""
    done = subprocess.run(
        [sys.executable, "-c", NOISY],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert {"kind": "result", "n": 1} == json.loads(done.stdout)
    for noise in ("python noise", "raw noise", "C noise"):
        assert noise in done.stderr


def test_a_lock_is_held_once_and_freed(tmp_path: Path) -> None:
    """While one holds the folder another is refused; afterwards it is free."""
    with only_worker(tmp_path), pytest.raises(RequestError), only_worker(tmp_path):
        pass
    with only_worker(tmp_path):
        assert (tmp_path / "worker.lock").exists()


def test_orders_that_are_none_of_ours_are_ignored(tmp_path: Path) -> None:
    """A stray file among the orders is no wish."""
    from core.worker.wishes import Wishes

    run = RunFolder(tmp_path)
    run.order("pause")
    (run.orders / "dance").touch()
    wishes = Wishes(run)

    assert frozenset({"pause"}) == wishes()
    assert "pause" == wishes.leaving()
    run.order("discard")
    assert "discard" == wishes.leaving()
    wishes.done()
    assert frozenset() == wishes()
    assert {"dance"} == {path.name for path in run.orders.iterdir()}
