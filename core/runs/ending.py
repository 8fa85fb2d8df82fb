"""End a run that nobody works on. While an engine lives, it is ordered to end instead."""

import shutil
import time

from core.errors import RequestError
from core.runs.events import Ended, encode
from core.runs.folder import RunFolder, Status
from core.runs.state import folded
from core.runs.tail import read_events


def discard(run: RunFolder) -> None:
    """Drop the checkpoints and the adapter of a resting run; its history stays.

    Raises:
        RequestError: It is at work; order ``discard`` instead.
    """
    status = run.status()
    if status.status == "running":
        raise RequestError(
            "run.live",
            f"{run.run_id} is at work.",
            hint="Stop it first; then it can be discarded.",
        )
    shutil.rmtree(run.checkpoints, ignore_errors=True)
    shutil.rmtree(run.adapter, ignore_errors=True)
    state = folded(read_events(run.events_file))
    ended = Ended(
        t=time.time(),
        status="stopped",
        step=state.step,
        train_loss=state.loss,
        eval_loss_before=state.eval_loss_before,
        eval_loss=state.eval_loss,
        tokens_per_s=state.tokens_per_s,
        peak_memory=state.peak_memory,
    )
    with run.events_file.open("ab") as file:
        # a killed engine may have left half a line
        file.write(b"\n" + encode(ended).encode() + b"\n")
    run.write_status(Status(status="stopped", step=status.step, steps=status.steps))
