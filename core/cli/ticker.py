"""A run's events as lines for a person, or redrawn in place while one watches."""

from core.cli.console import Console
from core.runs.events import (
    Checkpoint,
    Failed,
    Metrics,
    Phase,
    Progress,
    Recovery,
    RunEvent,
    Warned,
    encode,
)
from core.runs.state import RunState
from core.units import count_text, duration_text

_PHASES = {
    "prepare": "Preparing",
    "load": "Loading the model",
    "tokenize": "Reading the data",
    "train": "Training",
    "evaluate": "Measuring held-out loss",
    "save": "Saving",
    "done": "",  # the result follows at once
}
# Without a terminal a line now and then is enough: about this many a run.
_LINES_A_RUN = 20


class Ticker:
    """Tells the events of one stretch of work."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phase = ""
        self._entered: set[str] = set()
        self._trained: tuple[float, int] | None = None
        """Unix seconds and step when this stretch began to train."""

    def tell(self, event: RunEvent, state: RunState) -> None:
        """Tell one event; `state` is the run's state after it."""
        if self._console.as_events:
            self._console.event(encode(event))
            return
        match event:
            case Phase():
                self._enter(_PHASES[event.phase])
            case Warned():
                self._console.note(f"Note: {event.message} {event.hint}".rstrip())
            case Recovery():
                self._console.note(f"{event.what} {event.changed}")
            case Metrics():
                self._measure(event, state)
            case Progress() if event.what != "train":
                self._console.draw(
                    f"{self._phase}: {event.done:g} of {event.total:g} {event.unit}"
                )
            case Checkpoint() if self._console.is_live:
                self._console.draw(f"Checkpoint at step {event.step}")
            case Failed():
                self._console.clear()
            case _:
                return

    def _enter(self, phase: str) -> None:
        # training and measuring take turns; each is announced once
        if phase and phase not in self._entered:
            self._console.note(f"{phase} …")
        self._entered.add(phase)
        self._phase = phase

    def _measure(self, event: Metrics, state: RunState) -> None:
        if event.eval_loss is not None:
            self._console.note(
                f"step {event.step:>5}  held-out loss {event.eval_loss:.4f}"
            )
            return
        if self._trained is None:
            self._trained = (event.t, event.step)
        text = step_line(event, state, left_s=self._left_s(event, state))
        if self._console.is_live:
            self._console.draw(text)
        elif event.step == 1 or _is_due(event.step, state.steps):
            self._console.note(text)

    def _left_s(self, event: Metrics, state: RunState) -> float | None:
        began, first = self._trained or (event.t, event.step)
        if event.step <= first or not state.steps:
            return None
        return (event.t - began) / (event.step - first) * (state.steps - event.step)


def step_line(event: Metrics, state: RunState, *, left_s: float | None) -> str:
    """Return one optimiser step as a line: step, loss, speed, time left."""
    parts = [f"step {event.step:>5}"]
    if state.steps:
        parts[0] += f" of {state.steps}"
    if event.loss is not None:
        parts.append(f"loss {event.loss:.4f}")
    if event.tokens_per_s:
        parts.append(f"{count_text(event.tokens_per_s)} tokens/s")
    if left_s is not None:
        parts.append(f"{duration_text(left_s)} left")
    return "  ".join(parts)


def _is_due(step: int, steps: int) -> bool:
    every = max(1, steps // _LINES_A_RUN)
    return step % every == 0
