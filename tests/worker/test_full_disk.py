"""A disk that fills up in mid-training: the reason is told and nothing is lost."""

from pathlib import Path

import pytest

from core.runs.events import Failed, Metrics, Phase
from core.runs.folder import RunFolder
from core.runs.tail import read_events
from core.worker.channel import EventLog
from tests.fakes.tiny_run import make_run
from tests.worker.processes import PYTHON, finish, last, start, weights

# The disk is full from the fourth step's checkpoint on, but for what the worker gives
# back: no event, no status and no file finds room while its reserve lies there.
FULL = """
import errno, sys
from pathlib import Path
import core.durable as durable
from core.worker.__main__ import main
from core.worker.channel import EventLog

run = Path(sys.argv[1])
whole = durable.replace_bytes, EventLog._append

def room():
    is_late = (run / "checkpoints" / "step-4").exists()
    if is_late and any(path.name.startswith(".room") for path in run.iterdir()):
        raise OSError(errno.ENOSPC, "No space left on device")

def replace_bytes(path, content):
    try:
        room()
    except OSError as err:
        raise durable.translated(err, path) from err
    whole[0](path, content)

def append(log, line):
    room()
    whole[1](log, line)

durable.replace_bytes = replace_bytes
EventLog._append = append
sys.exit(main(["train", str(run)]))
"""


@pytest.mark.slow
def test_a_full_disk_is_told_and_resume_ends_the_same(
    whole_run: RunFolder, tiny: Path, tmp_path: Path
) -> None:
    """The last words find room, and once there is room again the run goes on."""
    run = make_run(tmp_path, tiny, dropout=0.1)
    process = start(run, command=[PYTHON, "-c", FULL, str(run.path)])

    assert 1 == process.wait(timeout=240)
    events = read_events(run.events_file)
    failure = events[-2]
    assert isinstance(failure, Failed)
    assert "disk.full" == failure.code
    assert failure.hint
    assert "failed" == last(events).status == run.status().status
    assert (run.checkpoints / "step-4" / "manifest.json").is_file()

    assert "done" == last(finish(run, resume=True)).status
    assert weights(whole_run) == weights(run)
    assert [] == [path for path in run.path.iterdir() if path.name[0] == "."]


class Filling:
    """A file on a disk with room for so many bytes."""

    def __init__(self, path: Path, room: int) -> None:
        self._path = path
        self.room = room

    def write(self, content: bytes) -> int:
        if not self.room:
            raise OSError(28, "No space left on device")
        taken = content[: self.room]
        self.room -= len(taken)
        with self._path.open("ab") as file:
            return file.write(taken)

    def close(self) -> None:
        """Nothing stays open."""


def test_half_a_line_costs_no_other(tmp_path: Path) -> None:
    """A full disk takes half a line; the next one stands on a line of its own."""
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log.write(Phase(t=1.0, phase="prepare"))
    log.close()
    log._file = filling = Filling(path, room=20)  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space"):
        log.write(Metrics(t=2.0, step=1, epoch=0.1, loss=1.0))
    filling.room = 1000

    log.write(Phase(t=3.0, phase="save"))

    told = [e.phase for e in read_events(path) if isinstance(e, Phase)]
    assert ["prepare", "save"] == told
    assert 3 == len(path.read_text(encoding="utf-8").splitlines())
