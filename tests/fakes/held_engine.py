"""An engine that trains up to a step, and there waits for a file.

What comes in mid-training then comes in mid-training, however fast the engine is and
however late the test: ``python -m tests.fakes.held_engine STEP FILE RUN``.
"""

import sys
import threading
from pathlib import Path

from core.runs.events import Metrics, RunEvent
from core.worker.channel import EventLog

_LOOK_EVERY_S = 0.01


def hold_at(step: int, file: Path) -> None:
    """Let this process's training rest after `step` until `file` is there."""
    write = EventLog.write

    def held(log: EventLog, event: RunEvent) -> None:
        write(log, event)
        if not isinstance(event, Metrics) or event.loss is None or event.step != step:
            return
        while not file.exists():
            threading.Event().wait(_LOOK_EVERY_S)

    EventLog.write = held


def held_command(step: int, file: Path, run: Path) -> list[str]:
    """Return the command of a worker that rests after `step` until `file` is there."""
    module = "tests.fakes.held_engine"
    return [sys.executable, "-m", module, str(step), str(file), str(run)]


def hold_every_worker(step: int, file: Path, folder: Path) -> str:
    """Return a PYTHONPATH under which every training worker so rests.

    `folder` gets what Python runs at its start.
    """
    start = (
        "import sys\n"
        "from pathlib import Path\n"
        "if {'core.worker', 'train'} <= set(sys.orig_argv):\n"
        "    from tests.fakes.held_engine import hold_at\n"
        f"    hold_at({step}, Path({str(file)!r}))\n"
    )
    (folder / "sitecustomize.py").write_text(start, encoding="utf-8")
    return str(folder)


if __name__ == "__main__":
    from core.worker.__main__ import main

    hold_at(int(sys.argv[1]), Path(sys.argv[2]))
    sys.exit(main(["train", sys.argv[3]]))
