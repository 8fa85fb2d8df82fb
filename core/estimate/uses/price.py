"""What chatting, evaluating, merging and exporting take, before they are begun.

Pure, no torch, a few milliseconds; device, main memory and disk are each judged.
"""

from collections.abc import Mapping

from core.estimate.uses.answer import (
    ExportFormat,
    Need,
    UseEstimate,
    UseKind,
    UsePart,
)
from core.estimate.uses.files import export_need, merge_need
from core.estimate.uses.memory import chat_need, evaluate_need
from core.estimate.uses.verdict import verdict_of
from core.hardware.budget import DeviceBudget
from core.models.shape import ModelShape
from core.plan.plan import Plan

__all__ = ["ExportFormat", "UseEstimate", "UseKind", "UsePart", "use_estimate"]

LARGEST_FORMAT: ExportFormat = "gguf"
"""The export that needs most room: merged first, then converted in 16 bits."""

_DO: Mapping[UseKind, str] = {"chat": "chat with", "evaluate": "evaluate"}


def use_estimate(  # noqa: PLR0913 - one figure of the question each
    use: UseKind,
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    *,
    context: int = 2048,
    answers: int = 1,
    adapters: int = 1,
    export_format: ExportFormat = LARGEST_FORMAT,
    host_free: int | None = None,
    disk_free: int | None = None,
) -> UseEstimate:
    """Return what `use` takes at its peak, judged against what is free.

    Args:
        use: What is to be done.
        plan: The method says how base and adapter are held; evaluation takes its
            batches from the training settings.
        shape: The base model.
        budget: The device; what is free there is in it.
        context: Tokens of the conversation: prompt and answer. Chat only.
        answers: Sequences answered at once. Chat only; the engine's voices speak one
            after another, which is 1.
        adapters: In memory on the one base; 0 for the base alone.
        export_format: What to export to.
        host_free: Free bytes of main memory; None leaves them unjudged.
        disk_free: Free bytes where files are written; None leaves them unjudged.
    """
    if shape.task != "causal" and use in {"chat", "evaluate"}:
        return _nothing(use, shape, budget)
    context, answers = max(1, context), max(1, answers)
    adapters = max(0, adapters)
    match use:
        case "chat":
            need = chat_need(
                plan,
                shape,
                budget,
                context=context,
                answers=answers,
                adapters=adapters,
            )
        case "evaluate":
            need = evaluate_need(plan, shape, budget, adapters=adapters)
        case "merge":
            need = merge_need(plan, shape)
        case "export":
            need = export_need(plan, shape, budget, export_format)
    return _answer(use, need, shape, budget, host_free, disk_free)


def _nothing(use: UseKind, shape: ModelShape, budget: DeviceBudget) -> UseEstimate:
    """Return the answer for a model that does not write text from left to right."""
    return UseEstimate(
        use=use,
        device=0,
        low=0,
        high=0,
        host=0,
        disk=0,
        parts=(),
        available=budget.free,
        verdict="unknown",
        reason=f"A {shape.architecture} model is none that Tunesmith can {_DO[use]} yet:"
        " choose one that writes text, such as Llama, Qwen or Gemma.",
    )


def _answer(
    use: UseKind,
    need: Need,
    shape: ModelShape,
    budget: DeviceBudget,
    host_free: int | None,
    disk_free: int | None,
) -> UseEstimate:
    device, host = need.total("device"), need.total("host")
    verdict, reason = verdict_of(
        use,
        need,
        budget,
        known=shape.known,
        host_free=host_free,
        disk_free=disk_free,
    )
    main = device or host
    return UseEstimate(
        use=use,
        device=device,
        low=max(0, main - need.less),
        high=main + need.more,
        # a processor's memory is the machine's
        host=device if device and budget.kind == "cpu" else host,
        disk=need.total("disk"),
        parts=need.parts,
        available=budget.free if device else host_free,
        verdict=verdict,
        reason=reason,
    )
