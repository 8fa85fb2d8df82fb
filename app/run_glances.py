"""Runs as one line each, for the status bar and Home, from the runs' own history."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from app.services import RunGlance
from app.training.history import History, RunSummary

_PHASE_WORDS: Final[dict[str, str]] = {
    "prepare": "preparing",
    "load": "loading the model",
    "tokenize": "reading the data",
    "train": "training",
    "evaluate": "measuring held-out loss",
    "save": "saving",
    "done": "done",
}


class GlanceReader:
    """Reads glances; one thread at a time may use it."""

    def __init__(self, runs: Path, cache_file: Path | None = None) -> None:
        self._history = History(runs, cache_file)

    def read(self) -> tuple[RunGlance, ...]:
        """Return every run as a glance, newest first."""
        return tuple(glance_of(summary) for summary in self._history.read())


def glance_of(summary: RunSummary) -> RunGlance:
    """Return what the status bar and Home show of one run."""
    state = summary.state
    per_step = summary.seconds_per_step
    left = max(0, state.steps - state.step)
    failure = state.failure.message if state.failure else ""
    return RunGlance(
        run_id=summary.run_id,
        name=summary.name,
        status=summary.status,
        phase=_PHASE_WORDS.get(state.phase or "", ""),
        step=state.step,
        steps=state.steps,
        seconds_left=per_step * left if per_step is not None else None,
        eval_loss_before=state.eval_loss_before,
        eval_loss=state.eval_loss,
        adapter_id=state.ended.adapter_id if state.ended else None,
        created=summary.created,
        spark=summary.spark,
        problem=summary.problem or failure,
    )
