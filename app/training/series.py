"""The curves of one run, folded from its events together with where it stands.

After a resume the engine repeats the steps since its last checkpoint; what was drawn of
them before is dropped, so no step is ever drawn twice.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from core.runs.events import Device, Metrics, Phase, RunEvent, Sample
from core.runs.state import RunState, fold
from core.units import GIB

# Exponential smoothing over about ten steps: enough to see the trend of a batch-of-8
# loss, little enough to show a jump.
SMOOTHING: Final = 0.9
_MOST_SAMPLES: Final = 200
_PACE_STEPS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """A curve to draw: `ys` over `xs`, in rising order of `xs`. Not to be changed."""

    xs: array[float]
    ys: array[float]

    def __len__(self) -> int:
        return len(self.xs)

    def __bool__(self) -> bool:
        return len(self.xs) > 0


NO_POINTS: Final = Points(xs=array("d"), ys=array("d"))


class Series:
    """A growing curve over rising steps that can be cut back."""

    def __init__(self) -> None:
        self.xs: array[float] = array("d")
        self.ys: array[float] = array("d")

    def add(self, x: float, y: float) -> None:
        """Append a point; one at the same or a later `x` makes room for it."""
        if self.xs and x <= self.xs[-1]:
            self.cut(x)
        self.xs.append(x)
        self.ys.append(y)

    def cut(self, x: float) -> None:
        """Forget every point at `x` and after."""
        at = bisect_left(self.xs, x)
        del self.xs[at:]
        del self.ys[at:]

    def points(self) -> Points:
        """Return the curve as it is now."""
        return Points(xs=self.xs[:], ys=self.ys[:])


class SmoothedSeries(Series):
    """A debiased exponential mean, so that its start is not pulled towards zero."""

    def __init__(self) -> None:
        super().__init__()
        self._sums: array[float] = array("d")

    def add(self, x: float, y: float) -> None:
        """Append the mean after the value `y` at `x`."""
        if self.xs and x <= self.xs[-1]:
            self.cut(x)
        before = self._sums[-1] if self._sums else 0.0
        total = SMOOTHING * before + (1.0 - SMOOTHING) * y
        self._sums.append(total)
        self.xs.append(x)
        # Adam's bias correction -- Kingma & Ba, section 3, arXiv:1412.6980
        self.ys.append(total / (1.0 - SMOOTHING ** len(self._sums)))

    def cut(self, x: float) -> None:
        """Forget every point at `x` and after, and what was summed of it."""
        super().cut(x)
        del self._sums[len(self.xs) :]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCurves:
    """Everything a run's charts draw. x is the step, or minutes for the device."""

    loss: Points = NO_POINTS
    smoothed: Points = NO_POINTS
    eval_loss: Points = NO_POINTS
    learning_rate: Points = NO_POINTS
    grad_norm: Points = NO_POINTS
    tokens_per_s: Points = NO_POINTS
    memory: Points = NO_POINTS
    """GiB: the one unit a chart of memory is drawn in."""
    temperature: Points = NO_POINTS
    power: Points = NO_POINTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A run at one moment: figures, curves, samples and pace."""

    state: RunState
    curves: RunCurves
    samples: tuple[Sample, ...] = ()
    seconds_per_step: float | None = None
    trained_s: float = 0.0
    """Seconds the engine worked, pauses left out."""


class RunTracker:
    """Folds one run's events into figures and curves; `snapshot` tells them."""

    def __init__(self) -> None:
        self._state = RunState()
        self._by_step = {
            name: Series()
            for name in (
                "loss", "eval_loss", "learning_rate", "grad_norm", "tokens_per_s",
                "memory",
            )
        }  # fmt: skip
        self._by_step["smoothed"] = SmoothedSeries()
        self._by_minute = {"temperature": Series(), "power": Series()}
        self._samples: deque[Sample] = deque(maxlen=_MOST_SAMPLES)
        self._pace: deque[tuple[float, int]] = deque(maxlen=_PACE_STEPS)
        self._trained_s = 0.0

    def digest(self, fresh: Sequence[RunEvent]) -> Snapshot:
        """Take in `fresh` events and return the run as it is after them."""
        for event in fresh:
            self.add(event)
        return self.snapshot()

    def add(self, event: RunEvent) -> None:
        """Take in one event."""
        self._count_time(event)
        match event:
            case Metrics():
                self._add_metrics(event)
            case Device():
                self._add_device(event)
            case Sample():
                self._samples.append(event)
            case Phase(phase="prepare"):
                self._pace.clear()
            case _:
                pass
        self._state = fold(self._state, event)

    @property
    def state(self) -> RunState:
        """Where the run stands."""
        return self._state

    def snapshot(self) -> Snapshot:
        """Return the run as it is now, in values of its own."""
        steps = {name: series.points() for name, series in self._by_step.items()}
        minutes = {name: series.points() for name, series in self._by_minute.items()}
        return Snapshot(
            state=self._state,
            curves=RunCurves(**steps, **minutes),
            samples=tuple(self._samples),
            seconds_per_step=self._seconds_per_step(),
            trained_s=self._trained_s,
        )

    def _count_time(self, event: RunEvent) -> None:
        last = self._state.last
        new_stretch = self._state.ended is not None
        if last is not None and not new_stretch and event.t > last:
            self._trained_s += event.t - last

    def _add_metrics(self, event: Metrics) -> None:
        step = event.step
        if step < self._state.step:
            # The engine went back to a checkpoint: later points will come again. A
            # lone held-out loss at this step leaves the step's own figures standing.
            repeated = step if event.loss is not None else step + 1
            for series in self._by_step.values():
                series.cut(repeated)
            self._samples = deque(
                (sample for sample in self._samples if sample.step <= step),
                maxlen=_MOST_SAMPLES,
            )
        found = {
            "loss": event.loss,
            "smoothed": event.loss,
            "eval_loss": event.eval_loss,
            "learning_rate": event.learning_rate,
            "grad_norm": event.grad_norm,
            "tokens_per_s": event.tokens_per_s,
            "memory": _gib(event.memory_allocated),
        }
        for name, value in found.items():
            if value is not None:
                self._by_step[name].add(step, value)
        if event.loss is not None:
            self._pace.append((event.t, step))

    def _add_device(self, event: Device) -> None:
        minute = (event.t - (self._state.started or event.t)) / 60.0
        if event.temperature is not None:
            self._by_minute["temperature"].add(minute, event.temperature)
        if event.power is not None:
            self._by_minute["power"].add(minute, event.power)

    def _seconds_per_step(self) -> float | None:
        """Return the median of the last steps' times: a nap or a save counts once."""
        pairs = list(self._pace)
        spans = sorted(
            (later[0] - earlier[0]) / (later[1] - earlier[1])
            for earlier, later in pairwise(pairs)
            if later[1] > earlier[1] and later[0] >= earlier[0]
        )
        return spans[len(spans) // 2] if spans else None


def _gib(n_bytes: int | None) -> float | None:
    return None if n_bytes is None else n_bytes / GIB
