"""Every run there is, as short summaries; only files that changed are read again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.training.series import RunCurves, RunTracker
from app.training.summary_cache import Kept, Stamps, SummaryCache
from core.errors import TunesmithError
from core.places import Places
from core.plan.plan import Plan
from core.runs.folder import RunFolder, RunStatus, all_runs
from core.runs.state import RunState
from core.runs.tail import EventTail
from core.runs.trash import size_of, trashed_runs

_SPARK_POINTS: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run in the list."""

    run_id: str
    status: RunStatus
    plan: Plan
    state: RunState
    spark: tuple[float, ...] = ()
    """Smoothed training loss, evenly thinned; for a sparkline."""
    seconds_per_step: float | None = None
    trained_s: float = 0.0
    created: float = 0.0
    """Unix seconds."""
    problem: str = ""
    """Why the run's folder cannot be read; empty if it can."""

    @property
    def name(self) -> str:
        """What the person called the run, or its id."""
        return " ".join(self.plan.name.split()) or self.run_id


class History:
    """Reads summaries; one thread at a time may use it.

    It remembers how far each run's events were read, so that a refresh costs a look at
    a few file times and whatever was written since. With a `cache_file`, runs that
    rest are not read again at the next start either.
    """

    def __init__(self, runs: Path, cache_file: Path | None = None) -> None:
        self._runs = runs
        self._cache = SummaryCache(cache_file)
        self._known: dict[str, _Known] = {}

    def read(self) -> tuple[RunSummary, ...]:
        """Return a summary of every run, newest first."""
        folders = all_runs(self._runs)
        known = {run.run_id: self._known.get(run.run_id) for run in folders}
        self._known = {
            run.run_id: known[run.run_id] or _Known(run, self._cache) for run in folders
        }
        found = tuple(self._known[run.run_id].summary() for run in folders)
        self._cache.write(frozenset(self._known))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TrashedRun:
    """A deleted run that can still be brought back."""

    run_id: str
    name: str
    size: int
    """Bytes, checkpoints and all."""


class TrashReader:
    """Reads what can be brought back; one thread at a time may use it.

    A deleted run does not grow, so its size is added up once.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._known: dict[Path, TrashedRun] = {}

    def read(self) -> tuple[TrashedRun, ...]:
        """Return the deleted runs, newest first."""
        runs = trashed_runs(self._places)
        self._known = {
            run.path: self._known.get(run.path)
            or TrashedRun(run_id=run.run_id, name=_name_of(run), size=size_of(run))
            for run in runs
        }
        return tuple(self._known.values())


class _Known:
    """One run, and how far it was read."""

    def __init__(self, run: RunFolder, cache: SummaryCache) -> None:
        self._run = run
        self._cache = cache
        self._tail = EventTail(run.events_file)
        self._tracker = RunTracker()
        self._stamps: Stamps = ()
        self._plan: Plan | None = None
        self._problem = ""
        self._facts: dict[str, Any] = {}
        self._summary: RunSummary | None = None

    def summary(self) -> RunSummary:
        if self._plan is None:
            self._read_fixed()
        stamps = (_stamp(self._run.events_file), _stamp(self._run.status_file))
        # A running one is looked at each time: its process may be gone without a word.
        if self._summary and stamps == self._stamps and not self._is_live():
            return self._summary
        status = self._run.status().status
        if self._summary is None and (
            kept := self._cache.get(self._run.run_id, stamps)
        ):
            self._stamps = stamps
            self._summary = self._made(status, kept)
            return self._summary
        while block := self._tail.read():
            for event in block:
                self._tracker.add(event)
        if self._summary and stamps == self._stamps and status == self._summary.status:
            return self._summary
        self._stamps = stamps
        kept = self._digest(stamps)
        if status not in {"running", "queued"}:
            self._cache.put(self._run.run_id, kept)
        self._summary = self._made(status, kept)
        return self._summary

    def _digest(self, stamps: Stamps) -> Kept:
        snapshot = self._tracker.snapshot()
        return Kept(
            stamps=stamps,
            state=snapshot.state,
            spark=spark(snapshot.curves),
            seconds_per_step=snapshot.seconds_per_step,
            trained_s=snapshot.trained_s,
        )

    def _is_live(self) -> bool:
        return self._summary is not None and self._summary.status == "running"

    def _read_fixed(self) -> None:
        self._facts = self._run.facts()
        try:
            self._plan = self._run.plan()
        except TunesmithError as err:
            self._plan = Plan(name=self._run.run_id)
            self._problem = err.message

    def _made(self, status: RunStatus, kept: Kept) -> RunSummary:
        return RunSummary(
            run_id=self._run.run_id,
            status=status,
            plan=self._plan or Plan(),
            state=kept.state,
            spark=kept.spark,
            seconds_per_step=kept.seconds_per_step,
            trained_s=kept.trained_s,
            created=_number(self._facts.get("created")) or 0.0,
            problem=self._problem,
        )


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def spark(curves: RunCurves) -> tuple[float, ...]:
    """Return the shape of a run's loss in at most 48 values, the newest last."""
    ys = curves.smoothed.ys if curves.smoothed else curves.eval_loss.ys
    if len(ys) <= _SPARK_POINTS:
        return tuple(ys)
    stride = (len(ys) - 1) / (_SPARK_POINTS - 1)
    return tuple(ys[round(at * stride)] for at in range(_SPARK_POINTS))


def _number(found: object) -> float | None:
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return None
    return float(found)


def _name_of(run: RunFolder) -> str:
    try:
        return run.plan().name or run.run_id
    except TunesmithError:  # one with a damaged plan can be brought back as well
        return run.run_id
