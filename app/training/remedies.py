"""What to do after a failure: the likely cause, and plans that avoid it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.plan.plan import Plan
from core.runs.events import Failed
from core.units import bytes_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """A button: what it says, what changes, and the plan it opens in Train."""

    text: str
    tip: str
    plan: Plan


def likely_cause(failure: Failed | None, *, peak_memory: int | None = None) -> str:
    """Return why it probably happened, in one sentence; empty where nobody knows."""
    if failure is None:
        return (
            "The engine ended without a word: most often the system ran out of memory."
        )
    code = failure.code
    if code.startswith("memory"):
        used = f" It had taken {bytes_text(peak_memory)}." if peak_memory else ""
        return f"The plan needs more memory than the device had free.{used}"
    if code == "train.nan":
        return "The steps were too large for the number format: the weights blew up."
    if code == "gpu.lost":
        return "The driver reset the card, or it was asleep or overheated."
    if code.startswith("disk.full"):
        return "The disk that holds Tunesmith's folder is full."
    if code.startswith("dataset"):
        return "A row of the data cannot be used as the plan asks."
    if code.startswith("model"):
        return "The base model is not there any more or cannot be used."
    return ""


def remedies(plan: Plan, failure: Failed | None) -> tuple[Remedy, ...]:
    """Return the plans worth trying after `failure`, the gentlest change first."""
    code = failure.code if failure is not None else "worker.died"
    if code.startswith("memory") or code == "worker.died":
        return _for_memory(plan)[:3]
    if code == "train.nan":
        return _for_nan(plan)
    return ()


def _for_memory(plan: Plan) -> tuple[Remedy, ...]:
    train, method = plan.train, plan.method
    found: list[Remedy] = []
    if not train.gradient_checkpointing:
        found.append(
            Remedy(
                text="Recompute activations",
                tip="Switches gradient checkpointing on: far less memory, about a third"
                " slower, the same result.",
                plan=replace(plan, train=replace(train, gradient_checkpointing=True)),
            )
        )
    if train.batch_size > 1:
        batch = train.batch_size // 2
        passes = -(-train.effective_batch // batch)
        found.append(
            Remedy(
                text=f"Batch size {batch}",
                tip=f"Halves the batch and makes {passes} passes a step, so that the"
                " effective batch stays.",
                plan=replace(
                    plan,
                    train=replace(
                        train, batch_size=batch, gradient_accumulation=passes
                    ),
                ),
            )
        )
    if method.kind == "lora":
        found.append(
            Remedy(
                text="QLoRA",
                tip="Holds the base in 4 bit: about a third of its memory.",
                plan=replace(plan, method=replace(method, kind="qlora")),
            )
        )
    if train.seq_len > 256:
        shorter = train.seq_len // 2
        found.append(
            Remedy(
                text=f"Length {shorter}",
                tip=f"Cuts examples after {shorter} tokens: activations halve.",
                plan=replace(plan, train=replace(train, seq_len=shorter)),
            )
        )
    return tuple(found)


def _for_nan(plan: Plan) -> tuple[Remedy, ...]:
    train = plan.train
    slower = train.learning_rate / 5
    found = [
        Remedy(
            text=f"Learning rate {slower:.2g}",
            tip="A fifth of the learning rate: smaller steps cannot blow up so easily.",
            plan=replace(plan, train=replace(train, learning_rate=slower)),
        )
    ]
    if plan.method.compute_dtype == "fp16":
        found.append(
            Remedy(
                text="Compute type auto",
                tip="fp16 overflows above 65,504; auto takes bf16 or fp32 instead.",
                plan=replace(plan, method=replace(plan.method, compute_dtype="auto")),
            )
        )
    return tuple(found)
