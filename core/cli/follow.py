"""Follow a run through its folder, from whatever process, and tell how it ended."""

import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

from core import durable
from core.errors import (
    DiskFull,
    RequestError,
    TunesmithError,
    WorkFailed,
    error_of,
)
from core.places import Places
from core.runs.compared import Compared, compared_run, planned_memory
from core.runs.events import Failed, RunEvent
from core.runs.folder import RunFolder
from core.runs.state import RunState, fold
from core.runs.summary import summarised
from core.runs.tail import EventTail
from core.wire import to_json

_LOOK_S = 0.1
# A worker that finds less than this can neither begin nor say why.
_FULL_BYTES = 64 << 10
Process = subprocess.Popen[bytes]


class Follower:
    """Reads a run's events as they come and folds them into its state."""

    def __init__(self, run: RunFolder, *, from_now: bool = False) -> None:
        self.run = run
        self.state = RunState()
        self._tail = EventTail(run.events_file)
        if from_now:  # a resumed run: what it said before is known, not news
            self.read(_silent)

    def read(self, tell: Callable[[RunEvent, RunState], None]) -> None:
        """Read what was written since the last time and tell each event."""
        while events := self._tail.read():
            for event in events:
                self.state = fold(self.state, event)
                tell(event, self.state)

    def until_over(
        self,
        tell: Callable[[RunEvent, RunState], None],
        process: Process | None = None,
    ) -> None:
        """Return when the run no longer works, having told every event.

        Args:
            tell: Called with each event and the state after it.
            process: The worker, if this process started it; it is reaped here.
        """
        while True:
            is_over = _is_over(self.run, process)
            self.read(tell)  # after the look: nothing written before it is missed
            if is_over:
                return
            _wait(process)


def run_document(
    run: RunFolder, places: Places, state: RunState | None = None
) -> dict[str, Any]:
    """Return what interfaces.md promises of ``train``, ``resume``, ``pause``, ``stop``.

    ``predicted_memory`` counts what ``peak_memory`` measures: allocated bytes on a GPU,
    growth of the process on a CPU, and once the run has a peak it is for the largest
    batch there really was; ``memory.planned`` is for rows of full length.
    """
    if state is None:
        follower = Follower(run)
        follower.read(_silent)
        state = follower.state
    line = summarised(run, state)
    memory = compared_run(run)
    folder = places.library / line.adapter_id if line.adapter_id else run.adapter
    return {
        "run_id": run.run_id,
        "run_dir": str(run.path),
        "status": line.status,
        "adapter_id": line.adapter_id,
        "adapter_dir": str(folder) if folder.is_dir() else None,
        "steps": line.step,
        "train_loss": line.train_loss,
        "eval_loss_before": line.eval_loss_before,
        "eval_loss": line.eval_loss,
        "best_step": line.best_step,
        "tokens_per_s": line.tokens_per_s,
        "peak_memory": line.peak_memory,
        "predicted_memory": (
            memory.predicted if memory else planned_memory(run.facts())
        ),
        "memory": memory and _memory_document(memory),
    }


def _memory_document(memory: Compared) -> dict[str, Any]:
    return {
        **to_json(memory),
        "predicted_process": memory.predicted_process,
        "measured_process": memory.measured_process,
        "inside": memory.is_inside,
        "text": memory.text,
        "process_text": memory.process_text,
        "note": memory.note,
    }


def failure_of(
    run: RunFolder, state: RunState, process: Process | None
) -> TunesmithError | None:
    """Return why the run ended badly, or `None` if it did not."""
    status = run.status().status
    if status == "failed":
        return _told(run, state.failure)
    if status in {"interrupted", "queued", "running"} and _disk_is_full(run):
        return DiskFull(
            "disk.full",
            f"The training process ended, and the disk of {run.path} is full.",
            hint=f"Free some space, then “tunesmith resume {run.run_id}”; nothing saved"
            " before is lost.",
        )
    if status == "interrupted":
        return WorkFailed(
            "run.died",
            f"The training process ended unexpectedly{_cause(process)}.",
            hint=f"{_suspicion(process)}“tunesmith resume {run.run_id}” goes on from the"
            f" last checkpoint. Its log is {run.log_file}.",
        )
    if status in {"queued", "running"} or (process is not None and process.poll()):
        refused = process is not None and process.poll() == RequestError.exit_status
        kind = RequestError if refused else WorkFailed
        return kind(
            "run.not_started",
            f"The training process ended before it began{_cause(process)}."
            f" {last_words(run)}".rstrip(),
            hint=f"Its log is {run.log_file}.",
        )
    return None


def _disk_is_full(run: RunFolder) -> bool:
    return durable.free_bytes(run.path) < _FULL_BYTES


def last_words(run: RunFolder) -> str:
    """Return the last line of a run's log as a sentence, or nothing."""
    try:
        with run.log_file.open("rb") as file:
            file.seek(max(0, run.log_file.stat().st_size - 4096))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return f"Its last words were: {lines[-1].strip()}" if lines else ""


def _told(run: RunFolder, failure: Failed | None) -> TunesmithError:
    if failure is None:
        return WorkFailed(
            "run.failed",
            f"The run failed. {last_words(run)}".strip(),
            hint=f"Its log is {run.log_file}.",
        )
    hint = f"{failure.hint} Its log is {run.log_file}.".strip()
    return error_of(failure.code, failure.message, hint=hint)


def _is_over(run: RunFolder, process: Process | None) -> bool:
    if process is not None:
        return process.poll() is not None
    return run.status().status not in {"running", "queued"}


def _wait(process: Process | None) -> None:
    if process is None:
        time.sleep(_LOOK_S)
        return
    try:
        process.wait(_LOOK_S)
    except subprocess.TimeoutExpired:
        return


def _suspicion(process: Process | None) -> str:
    if process is not None and process.poll() == -9:  # SIGKILL; Windows has none
        return (
            "If nobody killed it, the system ran out of memory: lower train.batch_size"
            " or train.seq_len. "
        )
    return ""


def _cause(process: Process | None) -> str:
    status = process.poll() if process is not None else None
    if not status:
        return ""
    if -status in set(signal.Signals):  # POSIX: killed by this signal
        return f" (signal {signal.Signals(-status).name})"
    return f" (status {status})"


def _silent(event: RunEvent, state: RunState) -> None:
    del event, state
