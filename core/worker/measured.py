"""What a run measured, beside what the formula says of the batches it really had."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from core.data.batches import batches
from core.data.rows import EncodedRow
from core.engine.batch import trained_tokens
from core.engine.device import Compute
from core.engine.schedule import Course
from core.engine.standing import Standing
from core.errors import DiskFull, TunesmithError
from core.estimate.learned import Outcome
from core.estimate.loop import rounded_width
from core.estimate.repriced import MicroBatch, Repriced, repriced
from core.hardware.budget import DeviceBudget, device_budget
from core.models.find import find_model, shape_of
from core.models.shape import ModelShape
from core.places import Places
from core.plan.plan import Plan, Training
from core.planner.forecast import reference_tokens_per_s
from core.runs.compared import compared
from core.runs.folder import RunFolder
from core.runs.outcomes import own_outcome, read_outcomes, remember
from core.units import parse_bytes

# The optimiser's states are there from the second step on, and with them the peak.
_STEPS_TO_THE_PEAK = 2
# A run of more is told by these: groups of like length come again and again.
_MOST_BATCHES = 200_000
# The largest sizes are priced: fewer tokens may peak higher if more are trained.
_SIZES = 2
# Of one size, so many are looked at for the one with the most trained tokens.
_ALIKE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The figures of one stretch of work."""

    plan: Plan
    compute: Compute
    course: Course
    rows: Sequence[EncodedRow]
    standing: Standing
    process_bytes: int | None
    """Most the driver counted for this process."""
    failure: BaseException | None = None


def keep(run: RunFolder, places: Places, found: Measured) -> None:
    """Write what `run` came to into its folder and this machine's memory.

    Nothing is written of a run that did not reach its peak, unless memory ran out. What
    cannot be written or priced is let go: it is never worth a run.
    """
    with suppress(OSError, DiskFull, TunesmithError):
        outcome = _outcome(run, places, found)
        if outcome is not None:
            remember(places, run, outcome)


def predicted_memory(run: RunFolder, places: Places, found: Measured) -> int | None:
    """Return the bytes said of the largest batch `found` had; None: not to be told.

    They count what `Standing.peak_memory` counts.
    """
    with suppress(OSError, DiskFull, TunesmithError):
        outcome = _outcome(run, places, found)
        return compared(outcome).predicted if outcome is not None else None
    return None


def _outcome(run: RunFolder, places: Places, found: Measured) -> Outcome | None:
    out_of_memory = ran_out(found.failure)
    if found.standing.step < _STEPS_TO_THE_PEAK and not out_of_memory:
        return None
    budget = device_budget()
    device = run.facts().get("device") or {}
    on_another = device.get("name", budget.name) != budget.name
    if on_another or (budget.kind == "cuda") != found.compute.on_gpu:
        return None  # begun elsewhere: its peaks are of two devices
    plan = _as_computed(found)
    shape = shape_of(find_model(plan.model.id, places), places)
    known = [one for one in read_outcomes(places) if one.run_id != run.run_id]
    sizes = largest(found.rows, plan.train, found.course, _steps_begun(found))
    priced = repriced(plan, shape, budget, sizes, outcomes=known)
    if priced is None:
        return None
    outcome = _compared(run, found, shape, budget, priced)
    return replace(
        outcome,
        measured=outcome.measured + _asked_for(found.failure),
        complete=not out_of_memory,
        out_of_memory=out_of_memory,
    )


def _as_computed(found: Measured) -> Plan:
    """Return the plan with the number format that was really used."""
    method = replace(found.plan.method, compute_dtype=found.compute.dtype_name)
    return replace(found.plan, method=method)


def _steps_begun(found: Measured) -> int:
    return found.standing.step + (1 if found.failure is not None else 0)


def _compared(
    run: RunFolder,
    found: Measured,
    shape: ModelShape,
    budget: DeviceBudget,
    priced: Repriced,
) -> Outcome:
    standing, raw, promised = found.standing, priced.raw, priced.promised
    on_gpu = found.compute.on_gpu
    mean = sum(len(row.ids) for row in found.rows) / max(1, len(found.rows))
    return Outcome(
        run_id=run.run_id,
        t=time.time(),
        device=budget.name,
        device_kind=budget.kind,
        family=shape.architecture,
        method=found.plan.method.kind,
        predicted=raw.allocated if on_gpu else raw.process,
        measured=standing.peak_memory,
        predicted_tokens_per_s=reference_tokens_per_s(
            _as_computed(found), shape, budget, row_tokens=mean
        ),
        tokens_per_s=standing.tokens_per_s,
        model=found.plan.model.id,
        parameters=shape.parameters,
        promised=promised.allocated if on_gpu else promised.process,
        promised_reserved=promised.reserved,
        promised_process=promised.process,
        promised_low=promised.low,
        promised_high=promised.high,
        predicted_reserved=raw.reserved if on_gpu else None,
        measured_reserved=(standing.peak_reserved or None) if on_gpu else None,
        predicted_process=raw.process,
        measured_process=_process_bytes(run, found) if on_gpu else None,
        low=raw.low,
        high=raw.high,
        rows=priced.batch.rows,
        width_tokens=priced.batch.width_tokens,
        trained_tokens=priced.batch.trained_tokens,
        mean_tokens=mean,
        gradient_checkpointing=found.plan.train.gradient_checkpointing,
        steps=standing.step,
    )


def _process_bytes(run: RunFolder, found: Measured) -> int | None:
    """Return the most over all stretches of the run, this one included."""
    before = own_outcome(run)
    seen = (found.process_bytes, before.measured_process if before else None)
    return max((n_bytes for n_bytes in seen if n_bytes is not None), default=None)


# -- the largest micro-batches ---------------------------------------------------------


def largest(
    rows: Sequence[EncodedRow], training: Training, course: Course, steps: int
) -> tuple[MicroBatch, ...]:
    """Return the sizes of those micro-batches of the first `steps` steps that may peak.

    Those with the most tokens, padding counted; of equally many the longest.
    """
    lengths = [len(row.ids) for row in rows]
    sizes: dict[tuple[int, int, bool], list[tuple[int, ...]]] = {}
    for step, batch in _micro_batches(lengths, training, course, steps):
        width = rounded_width(max(lengths[number] for number in batch))
        size = (len(batch) * width, width, step == 1)
        group = sizes.setdefault(size, [])
        if len(group) < _ALIKE:
            group.append(batch)
    top: list[MicroBatch] = []
    for later in (True, False):
        found = sorted((size for size in sizes if size[2] is not later), reverse=True)
        top += [_sized(rows, size, sizes[size]) for size in found[:_SIZES]]
    return tuple(top)


def _sized(
    rows: Sequence[EncodedRow],
    size: tuple[int, int, bool],
    group: Sequence[Sequence[int]],
) -> MicroBatch:
    tokens, width, first = size
    trained = (trained_tokens([rows[number] for number in batch]) for batch in group)
    return MicroBatch(
        rows=tokens // width,
        width_tokens=width,
        trained_tokens=max(trained),
        first=first,
    )


def _micro_batches(
    lengths: Sequence[int], training: Training, course: Course, steps: int
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Give each micro-batch with the step it belongs to, counted from 1."""
    given = 0
    for epoch in range(-(-steps // course.steps_per_epoch)):
        order = batches(lengths, training.batch_size, training.seed, epoch)
        for number, batch in enumerate(order):
            place = number // training.gradient_accumulation
            step = epoch * course.steps_per_epoch + place + 1
            if step > steps or given >= _MOST_BATCHES:
                return
            given += 1
            yield step, batch


# -- out of memory ---------------------------------------------------------------------


def ran_out(failure: BaseException | None) -> bool:
    """Return whether `failure` means that there was no memory left."""
    if failure is None:
        return False
    if isinstance(failure, TunesmithError):
        return failure.code == "memory.out"
    text = str(failure).lower()
    return isinstance(failure, MemoryError) or any(
        words in text for words in ("out of memory", "can't allocate memory")
    )


def _asked_for(failure: BaseException | None) -> int:
    """Return the bytes that were asked for in vain, as torch's message tells them."""
    text = "" if failure is None else str(failure)
    found = re.search(r"tried to allocate ([\d.]+ ?[KMGT]?i?B|\d+ bytes)", text, re.I)
    if found is None:
        return 0
    return parse_bytes(found.group(1).replace("bytes", "B"))
