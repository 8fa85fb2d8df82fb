"""Predicted beside measured, of one run, for people and for programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from core.estimate.learned import Outcome, percent_text
from core.runs.folder import RunFolder
from core.runs.outcomes import own_outcome
from core.units import bytes_text

# Rows a little shorter than planned are no news.
_CLOSE = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedPart:
    """A part of the process, predicted and measured. Bytes."""

    name: str
    predicted: int
    measured: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a run was said to take and what it took, of the same batches. Bytes.

    Allocated on a GPU, growth of the process on a CPU.
    """

    predicted: int
    """For the largest micro-batch the run had."""
    measured: int
    difference: float
    """measured / predicted - 1."""
    planned: int | None
    """Said before the run, for rows as long as the plan allows; None: not known."""
    rows: int
    width_tokens: int
    trained_tokens: int
    parts: tuple[ComparedPart, ...]
    """What it is made of: one part on a CPU, up to three on a GPU."""
    low: int | None
    high: int | None
    """Bounds of the whole process, as they were said."""
    is_whole: bool
    """Whether all parts of the process were measured."""
    is_complete: bool
    """False: memory ran out, so more would have been needed."""

    @property
    def text(self) -> str:
        """``2.31 GiB predicted, 2.28 GiB measured (−1.3 %)``."""
        predicted, measured = bytes_text(self.predicted), bytes_text(self.measured)
        if not self.is_complete:
            return f"{predicted} predicted, ran out at {measured}"
        return (
            f"{predicted} predicted, {measured} measured"
            f" ({percent_text(self.difference)})"
        )

    @property
    def process_text(self) -> str:
        """The same of the whole process, where that is more than `text` says."""
        if len(self.parts) < 2 or not (self.is_whole and self.is_complete):
            return ""
        difference = self.measured_process / self.predicted_process - 1
        return (
            f"The whole process: {bytes_text(self.predicted_process)} predicted,"
            f" {bytes_text(self.measured_process)} measured"
            f" ({percent_text(difference)})"
        )

    @property
    def predicted_process(self) -> int:
        """Everything the process was to hold on the device."""
        return sum(part.predicted for part in self.parts)

    @property
    def measured_process(self) -> int:
        """Everything it held there, as far as that was measured."""
        return sum(part.measured for part in self.parts)

    @property
    def is_inside(self) -> bool | None:
        """Whether the process stayed within what was said; None: not to be told."""
        if self.low is None or self.high is None:
            return None
        if not (self.is_whole and self.is_complete):
            return None
        return self.low <= self.measured_process <= self.high

    @property
    def note(self) -> str:
        """Why `predicted` is not what was planned; empty where they are close."""
        if self.planned is None or abs(self.predicted / self.planned - 1) < _CLOSE:
            return ""
        rows = "row" if self.rows == 1 else "rows"
        return (
            f"Its largest batch was {self.rows} {rows} of {self.width_tokens} tokens,"
            f" {self.trained_tokens} of them trained; for full rows"
            f" {bytes_text(self.planned)} was planned."
        )


def compared_run(run: RunFolder) -> Compared | None:
    """Return predicted beside measured of `run`; None until it has both."""
    outcome = own_outcome(run)
    if outcome is None or outcome.predicted <= 0:
        return None
    return compared(outcome, planned_memory(run.facts()))


def planned_memory(facts: Mapping[str, Any]) -> int | None:
    """Return the bytes a run was said to take when it was made.

    They count what its peak counts: allocated on a GPU, growth of the process on a CPU.

    Args:
        facts: What `RunFolder.facts` tells.
    """
    predicted = _section(facts, "predicted")
    on_gpu = _section(facts, "device").get("kind") == "cuda"
    found = predicted.get("allocated" if on_gpu else "process")
    return found if type(found) is int else None


def _section(facts: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = facts.get(name)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def compared(outcome: Outcome, planned: int | None = None) -> Compared:
    """Return predicted beside measured of the run that gave `outcome`.

    Args:
        outcome: What the run came to.
        planned: The bytes said before it began, in the same count.
    """
    predicted = outcome.promised or outcome.predicted
    parts = _parts(outcome, predicted)
    all_of_them = 1 if outcome.device_kind == "cpu" else 3
    return Compared(
        predicted=predicted,
        measured=outcome.measured,
        difference=outcome.measured / predicted - 1,
        planned=planned,
        rows=outcome.rows,
        width_tokens=outcome.width_tokens,
        trained_tokens=outcome.trained_tokens,
        parts=parts,
        low=outcome.low if outcome.promised_low is None else outcome.promised_low,
        high=outcome.high if outcome.promised_high is None else outcome.promised_high,
        is_whole=len(parts) == all_of_them,
        is_complete=outcome.complete,
    )


def _parts(outcome: Outcome, predicted: int) -> tuple[ComparedPart, ...]:
    """Return the parts that were both predicted and measured, from the inside out."""
    if outcome.device_kind == "cpu":
        return (_part("Process", predicted, outcome.measured),)
    found = [_part("Tensors", predicted, outcome.measured)]
    told, held = outcome.promised_reserved, outcome.measured_reserved
    if told is not None and held is not None:
        reserve = _part(
            "Allocator's reserve", told - predicted, held - outcome.measured
        )
        found.append(reserve)
        whole, counted = outcome.promised_process, outcome.measured_process
        if whole is not None and counted is not None:
            found.append(_part("Driver's context", whole - told, counted - held))
    return tuple(found)


def _part(name: str, predicted: int, measured: int) -> ComparedPart:
    return ComparedPart(
        name=name, predicted=max(0, predicted), measured=max(0, measured)
    )
