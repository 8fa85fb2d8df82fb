"""Killed with -9 anywhere, a run loses nothing it had saved and ends the same."""

import random
from pathlib import Path

import pytest

from core.runs.events import Metrics
from core.runs.folder import RunFolder
from core.runs.tail import read_events
from tests.fakes.tiny_run import make_run
from tests.worker.processes import (
    PYTHON,
    finish,
    last,
    start,
    weights,
)

KILLS = 4
# A start alone takes about eight events; so few after it that no stretch comes to the
# run's end, and every kill is one.
MOST_EVENTS = 18

KILLED = """
import os, signal, sys
from core.worker.__main__ import main
from core.worker.channel import EventLog

left = int(sys.argv[1])
real = EventLog.write
def write(self, event):
    global left
    if left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    real(self, event)
EventLog.write = write
sys.exit(main(["train", *sys.argv[2:]]))
"""


def test_random_kills_change_nothing(
    whole_run: RunFolder, tiny: Path, tmp_path: Path
) -> None:
    """Killed before some event, again and again, a run ends byte for byte the same."""
    chance = random.Random(20261122)
    run = make_run(tmp_path, tiny, dropout=0.1)
    for number in range(KILLS):
        events = str(chance.randrange(1, MOST_EVENTS))
        resume = ["--resume"] if number else []
        command = [PYTHON, "-c", KILLED, events, str(run.path), *resume]

        assert -9 == start(run, command=command).wait(timeout=240)
        assert "interrupted" == run.status().status

    ended = last(finish(run, resume=True))

    assert "done" == ended.status
    assert weights(whole_run) == weights(run)


FAULTS = """
import os, signal, sys
from pathlib import Path
import core.engine.checkpoint as checkpoint
from core.worker.__main__ import main

moment, step = sys.argv[1:3]
target = f"step-{step}"

def dies_before(owner, name, fits):
    real = getattr(owner, name)
    def deadly(*arguments, **keywords):
        if fits(*arguments):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **keywords)
    setattr(owner, name, deadly)

def staged(path):
    return path.name.startswith(f".{target}.")

match moment:
    case "optimizer.safetensors":
        dies_before(checkpoint, "save_file",
            lambda tensors, path: staged(path.parent) and path.name == moment)
    case "rename":
        dies_before(Path, "rename", lambda path, to: staged(path))
    case "prune":
        dies_before(checkpoint.shutil, "rmtree",
            lambda path, *rest: (path.parent / target).exists())
sys.exit(main(["train", sys.argv[3]]))
"""


@pytest.mark.parametrize(
    "moment",
    ["optimizer.safetensors", "rename", "prune"],
)
def test_a_kill_inside_a_save(
    whole_run: RunFolder, tiny: Path, tmp_path: Path, moment: str
) -> None:
    """Killed before, while or after a checkpoint appears, the run goes on from a whole checkpoint."""
    run = make_run(tmp_path, tiny, dropout=0.1, keep_checkpoints=1)
    process = start(run, command=[PYTHON, "-c", FAULTS, moment, "6", str(run.path)])
    assert -9 == process.wait(timeout=240)
    is_saved = (run.checkpoints / "step-6").is_dir()
    before = len(read_events(run.events_file))

    events = finish(run, resume=True)[before:]

    steps = [event.step for event in events if isinstance(event, Metrics)]
    assert (moment == "prune") == is_saved
    assert (7 if is_saved else 5) == next(step for step in steps if step)
    assert not (run.path / "quarantine").exists()
    assert ["step-20"] == [path.name for path in run.checkpoints.iterdir()]
    assert weights(whole_run) == weights(run)


def test_a_damaged_checkpoint_is_set_aside(
    whole_run: RunFolder, tiny: Path, tmp_path: Path
) -> None:
    """One flipped bit in the newest checkpoint: the one before is used, none deleted."""
    run = make_run(tmp_path, tiny, dropout=0.1)
    process = start(run, command=[PYTHON, "-c", FAULTS, "rename", "8", str(run.path)])
    assert -9 == process.wait(timeout=240)
    damaged = run.checkpoints / "step-6" / "optimizer.safetensors"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)

    finish(run, resume=True)

    assert ["step-6"] == [
        path.name.partition(".")[0] for path in (run.path / "quarantine").iterdir()
    ]
    assert weights(whole_run) == weights(run)
