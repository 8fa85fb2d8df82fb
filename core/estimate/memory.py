"""Will it fit? Peak memory of one plan on one device, from the model's shape alone.

No torch, no weights, a few milliseconds. Static bytes are exact; the step's peak is
acted out (`core.estimate.acting.step`); what lies outside the tensors
(`core.estimate.outside`) is measured per architecture, and the bounds say how far it varies.
"""

from collections.abc import Sequence
from dataclasses import replace

from core.estimate.acting.replay import Replayed, replay
from core.estimate.acting.step import StepPeak, step_peak
from core.estimate.acting.tape import rounded
from core.estimate.answer import (
    Components,
    Disk,
    Loop,
    MemoryEstimate,
)
from core.estimate.corrected import Figures, corrected
from core.estimate.learned import Learned, Outcome
from core.estimate.loop import Habits, chunk_tokens, habits
from core.estimate.outside import OnHost, Outside, outside, workspace_bytes
from core.estimate.reserved import Reserve
from core.estimate.static import Static, adapter_tensors, static
from core.estimate.verdict import judge
from core.hardware.budget import DeviceBudget
from core.models.shape import ModelShape
from core.models.trainable import note, too_long
from core.plan.plan import MethodKind, Plan

METHODS: tuple[MethodKind, ...] = ("full", "lora", "lora8", "qlora")
# Config, tokenizer files, chat template and card beside the adapter's tensors.
_ADAPTER_FILES = 6 << 20
# Random states, the loop's place and manifests beside a checkpoint's tensors.
_CHECKPOINT_FILES = 1 << 20


def estimate(
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    *,
    loop: Loop = "tunesmith",
    measured_tensors: int | None = None,
    outcomes: Sequence[Outcome] = (),
    trained_tokens: int | None = None,
) -> MemoryEstimate:
    """Return the peak memory of `plan` for a model of `shape` on `budget`'s device.

    Pure and under 5 ms; a plain loop's allocator is replayed besides, 30-120 ms. The
    longest batch counts: every sequence `seq_len` tokens long and every token trained.

    Args:
        plan: Method and training settings.
        shape: The base model.
        budget: The device, and what is free on it.
        loop: Whose training loop is priced.
        measured_tensors: The tensors' peak as a dry run found it; what differs from the
            formula is counted as activations.
        outcomes: Finished runs on this machine: they correct the figures of our loop,
            and no miss of theirs lies outside the bounds.
        trained_tokens: How many tokens of the batch carry loss, where that is known.
    """
    if shape.task != "causal":
        loop = "plain"  # our engine trains none of these yet
    how = replace(habits(plan, budget, loop), trained_tokens=trained_tokens)
    stays = static(shape, plan.method, plan.train.optimizer, how)
    # A plain loop takes one micro-batch a step; ours accumulates as the plan says.
    accumulates = plan.train.gradient_accumulation > 1 and loop == "tunesmith"
    reserve = None
    if how.fused_loss and how.on_gpu:
        reserve = Reserve(shape, plan, how, budget)
    peak = step_peak(
        shape,
        plan,
        how,
        gradients=stays.gradients if accumulates else 0,
        small_gradients=reserve.small_gradients if reserve and accumulates else 0,
        tape=reserve.tape if reserve else None,
    )
    parts = _components(stays, peak)
    difference = 0
    if measured_tensors is not None:
        # what sees no picture is held besides: a dry run builds the text part alone
        measured_tensors += shape.idle * how.item_bytes
        difference = measured_tensors - _sum(parts)
        parts = replace(parts, activations=max(0, parts.activations + difference))
    replayed, workspace = None, workspace_bytes(budget)
    if reserve is not None:
        allocated = _sum(parts) + 2 * workspace
        reserved = max(allocated, reserve.bytes(stays) + difference)
        replayed = Replayed(allocated=allocated, reserved=reserved)
    elif _replays(loop, how, shape):
        replayed = replay(shape, plan, how, workspace_bytes=workspace).plus(difference)
    rest = outside(
        _sum(parts),
        budget,
        how,
        peak,
        on_host=_on_host(plan, shape, how, stays),
        replayed=replayed,
    )
    # What a dry run acted out is known, whatever the formula knows of its layers.
    is_known = shape.known or measured_tensors is not None
    raw = _figures(_sum(parts), rest, stays, is_known=is_known)
    known = None
    figures = raw
    if loop == "tunesmith" and outcomes:
        figures, known = corrected(
            raw,
            outcomes,
            device=budget.name,
            on_gpu=how.on_gpu,
            family=shape.architecture,
            method=plan.method.kind,
        )
    parts = replace(parts, context=figures.process - figures.reserved)
    parts = _filled(parts, figures.process)
    return _answer(plan, shape, budget, figures, parts, known, is_known=is_known)


def _on_host(plan: Plan, shape: ModelShape, how: Habits, stays: Static) -> OnHost:
    """Return what counts in main memory besides the tensors.

    Weights used as they were read are the mapped file itself. It stays while one of them
    is, with what was quantised from it, and is let go of once all are widened.
    """
    mapped = loading = 0
    if how.item_bytes != 2:
        loading = stays.weights + stays.quantization + 2 * shape.parameters
    elif how.quantised:
        linears = sum(count * linear.elements for linear, count in shape.linears())
        mapped = 2 * linears
    train = plan.train
    tokens = how.trained_tokens or train.batch_size * train.seq_len
    if how.fused_loss:
        tokens = min(tokens, chunk_tokens(shape.vocabulary))
    return OnHost(
        mapped_bytes=mapped,
        loading_bytes=loading,
        logits=tokens * shape.vocabulary,
    )


def _replays(loop: Loop, how: Habits, shape: ModelShape) -> bool:
    """Whether the allocator is acted out; loading two stacks is not known so well."""
    adapted = how.method != "full"
    return loop == "plain" and how.on_gpu and adapted and shape.task == "causal"


def estimates(
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    *,
    loop: Loop = "tunesmith",
    outcomes: Sequence[Outcome] = (),
) -> dict[MethodKind, MemoryEstimate]:
    """Return the estimate of every method for the same settings, side by side."""
    return {
        kind: estimate(
            replace(plan, method=replace(plan.method, kind=kind)),
            shape,
            budget,
            loop=loop,
            outcomes=outcomes,
        )
        for kind in METHODS
    }


def _components(stays: Static, peak: StepPeak) -> Components:
    """Return the bytes of the tensors at the larger of two peaks."""
    fixed = Components(
        weights=stays.weights,
        quantization=stays.quantization,
        adapter=stays.adapter,
        optimizer=stays.optimizer,
    )
    own_step = stays.gradients + stays.foreach + peak.kept_logits
    if own_step > peak.total:  # the optimiser's
        return replace(
            fixed,
            gradients=stays.gradients,
            workspace=stays.foreach,
            logits=peak.kept_logits,
        )
    return replace(
        fixed,
        gradients=peak.gradients,
        activations=peak.activations,
        logits=peak.logits,
        workspace=peak.workspace,
    )


def _sum(parts: Components) -> int:
    return (
        parts.weights
        + parts.quantization
        + parts.adapter
        + parts.gradients
        + parts.optimizer
        + parts.activations
        + parts.logits
        + parts.workspace
        + parts.context
    )


def _figures(tensors: int, rest: Outside, stays: Static, *, is_known: bool) -> Figures:
    allocated = tensors + rest.libraries
    reserved = allocated + rest.fragmentation
    process = reserved + rest.context
    low, high = process - rest.less, process + rest.more
    if not is_known:  # a stranger's layers may hold twice as much
        variable = process - stays.weights - stays.quantization
        low, high = low - variable // 2, high + variable
    return Figures(
        allocated=allocated,
        reserved=reserved,
        process=process,
        low=max(0, low),
        high=high,
    )


def _filled(parts: Components, process: int) -> Components:
    """Return `parts` with what is outside the tensors as workspace, summing to `process`.

    Where less was measured than the tensors come to, what was counted least surely is
    made smaller.
    """
    rest = process - _sum(parts)
    for name in ("workspace", "activations", "logits", "weights"):
        size: int = getattr(parts, name)
        parts = replace(parts, **{name: max(0, size + rest)})
        rest = min(0, size + rest)
    return parts


def _answer(
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    figures: Figures,
    parts: Components,
    known: Learned | None,
    *,
    is_known: bool,
) -> MemoryEstimate:
    verdict, reason = judge(
        process=figures.process, high=figures.high, budget=budget, known=is_known
    )
    reason = " ".join(filter(None, (reason, note(shape), too_long(shape, plan))))
    return MemoryEstimate(
        method=plan.method.kind,
        allocated=figures.allocated,
        reserved=figures.reserved,
        process=figures.process,
        low=figures.low,
        high=figures.high,
        components=parts,
        available=budget.free,
        verdict=verdict,
        reason=reason,
        disk=disk(plan, shape),
        learned=known,
    )


def disk(plan: Plan, shape: ModelShape) -> Disk:
    """Return the bytes a run writes: the finished adapter, and all its checkpoints."""
    if plan.method.has_adapter:
        trained = sum(
            count * elements for elements, count in adapter_tensors(shape, plan.method)
        )
        adapter = rounded(4 * trained) + _ADAPTER_FILES
    else:
        trained = shape.parameters
        adapter = rounded(2 * trained) + _ADAPTER_FILES
    # Each checkpoint holds the adapter and both moments of every weight; while a new
    # one is written the old ones are still there, and the best is kept besides.
    checkpoint = adapter + 2 * 4 * trained + _CHECKPOINT_FILES
    kept = plan.train.keep_checkpoints + 2
    return Disk(adapter=adapter, checkpoints=kept * checkpoint)


def tensors(plan: Plan, shape: ModelShape, how: Habits) -> int:
    """Return the bytes of all tensors at the peak: what a dry run measures."""
    stays = static(shape, plan.method, plan.train.optimizer, how)
    accumulates = plan.train.gradient_accumulation > 1 and how.fused_loss
    peak = step_peak(shape, plan, how, gradients=stays.gradients if accumulates else 0)
    return _sum(_components(stays, peak))
