"""Real worker processes, waited for by what they write and never by the clock."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from core.launch import run_environment, worker_command
from core.runs.events import Ended, Metrics, RunEvent
from core.runs.folder import RunFolder
from core.runs.tail import EventTail, read_events

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
_LOOK_EVERY_S = 0.02


def start(
    run: RunFolder, *, resume: bool = False, command: list[str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a worker on `run`; one thread, so that tiny products are not all waiting."""
    arguments = ["train", str(run.path), *(["--resume"] if resume else [])]
    with run.log_file.open("ab") as log:
        return subprocess.Popen(
            command or worker_command(*arguments),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=run_environment(run, {"OMP_NUM_THREADS": "1"}),
            start_new_session=True,
        )


def finish(run: RunFolder, *, resume: bool = False) -> list[RunEvent]:
    """Run a worker to its end and return all events of the run."""
    process = start(run, resume=resume)
    process.wait(timeout=240)
    return read_events(run.events_file)


def events_of(process: subprocess.Popen[bytes], run: RunFolder) -> Iterator[RunEvent]:
    """Give events as they are written, until the process is gone and all are read."""
    tail = EventTail(run.events_file)
    over = False
    while not over:
        with suppress(subprocess.TimeoutExpired):
            over = process.wait(timeout=_LOOK_EVERY_S) is not None
        yield from tail.read()


def until(
    process: subprocess.Popen[bytes],
    run: RunFolder,
    fits: Callable[[RunEvent], bool],
) -> RunEvent | None:
    """Return the first event that fits, or None if the process ended without one."""
    return next((event for event in events_of(process, run) if fits(event)), None)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill with -9 and reap."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)


def is_step(step: int) -> Callable[[RunEvent], bool]:
    """Return whether an event measures a training step from `step` on."""
    return lambda event: (
        isinstance(event, Metrics) and event.loss is not None and event.step >= step
    )


def last(events: list[RunEvent]) -> Ended:
    """Return the last event, which must be the end."""
    assert isinstance(events[-1], Ended)
    return events[-1]


def weights(run: RunFolder) -> bytes:
    """Return the finished adapter, byte for byte."""
    return (run.adapter / "adapter_model.safetensors").read_bytes()
