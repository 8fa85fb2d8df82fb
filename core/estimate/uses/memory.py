"""Chat and evaluation: a model on the device that only answers or is measured."""

from dataclasses import replace

from core.estimate.acting.prefill import ForwardPeak, measure_loss, read_prompt
from core.estimate.acting.tape import rounded
from core.estimate.loop import Habits, habits
from core.estimate.static import adapter_tensors, frozen_bytes
from core.estimate.uses.answer import Need, UsePart
from core.estimate.uses.around import around
from core.estimate.wording import together
from core.hardware.budget import DeviceBudget
from core.models.shape import ModelShape
from core.plan.plan import Method, MethodKind, Plan


def chat_need(
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    *,
    context: int,
    answers: int,
    adapters: int,
) -> Need:
    """Return what a conversation of `context` tokens takes.

    As `core.engine.speaker` does it: the base in 4 bits if the method is QLoRA, else in
    16; one base for all adapters, which stay unmerged in 32 bits; the whole
    conversation read anew for each answer.
    """
    plan = _as_chatted(plan)
    how = chat_habits(plan, budget)
    adapters = adapters if plan.method.has_adapter else 0
    method = plan.method if adapters else replace(plan.method, kind="full")
    peak = read_prompt(shape, method, how, tokens=context, batch=answers)
    return _need(
        plan.method,
        shape,
        budget,
        how,
        peak,
        adapters=adapters,
        cache_note=_cache_formula(shape, how, answers * context),
        scratch_note=f"one layer reading {answers * context:,} tokens, last logits",
    )


def evaluate_need(
    plan: Plan, shape: ModelShape, budget: DeviceBudget, *, adapters: int
) -> Need:
    """Return what measuring held-out loss takes: the plan's batches, forward only.

    Adapters are measured one after another on one base; logits exist chunk by chunk.
    """
    how = replace(habits(plan, budget, "tunesmith"), input_gradient=False)
    adapters = adapters if plan.method.has_adapter else 0
    method = plan.method if adapters else replace(plan.method, kind="full")
    length, batch = how.width(plan.train.seq_len), plan.train.batch_size
    peak = measure_loss(shape, method, how, length=length, batch=batch)
    tokens = batch * length
    return _need(
        plan.method,
        shape,
        budget,
        how,
        peak,
        adapters=adapters,
        cache_note="",
        scratch_note=f"one layer and one chunk of logits for {tokens:,} tokens",
    )


def chat_habits(plan: Plan, budget: DeviceBudget) -> Habits:
    """Return how the chat engine holds tensors: no autocast, inputs widened by PEFT."""
    held: MethodKind = "qlora" if plan.method.kind == "qlora" else "lora"
    how = habits(
        replace(plan, method=replace(plan.method, kind=held)), budget, "tunesmith"
    )
    return replace(how, autocast=False, cast_input=True, input_gradient=False)


def _as_chatted(plan: Plan) -> Plan:
    """Return the plan as `core.engine.speaker` loads a base, however it was trained."""
    usual = Method()
    method = replace(
        plan.method, quant_type=usual.quant_type, double_quant=usual.double_quant
    )
    return replace(plan, method=method, train=replace(plan.train, attention="sdpa"))


def _cache_formula(shape: ModelShape, how: Habits, tokens: int) -> str:
    width = sum(block.count * block.attention.key for block in shape.blocks)
    return (
        f"2 × {how.item_bytes} B × {width:,} (keys of {shape.layers} layers)"
        f" × {tokens:,} tokens"
    )


def _need(
    held: Method,
    shape: ModelShape,
    budget: DeviceBudget,
    how: Habits,
    peak: ForwardPeak,
    *,
    adapters: int,
    cache_note: str,
    scratch_note: str,
) -> Need:
    weights, scales = frozen_bytes(shape, held, how)
    trained = list(adapter_tensors(shape, held)) if adapters else []
    adapter = adapters * sum(count * rounded(4 * n) for n, count in trained)
    numbers = adapters * sum(count * n for n, count in trained)
    rest = around(weights + scales + adapter, peak, shape, budget, how)
    parts = [
        UsePart(name="weights", size=weights, formula=_weights_formula(shape, how)),
        UsePart(name="quantization", size=scales, formula="scales of 64 weights each"),
        UsePart(
            name="adapters",
            size=adapter,
            formula=f"4 B × {numbers:,} parameters of {together(adapters, 'adapter')}",
        ),
        UsePart(name="cache", size=peak.cache, formula=cache_note),
        UsePart(name="scratch", size=peak.scratch, formula=scratch_note),
        *rest.parts,
    ]
    # a stranger's layers may hold twice as much
    doubt = 0 if shape.known else adapter + peak.total
    return Need(
        parts=tuple(part for part in parts if part.size),
        less=rest.less + doubt // 2,
        more=rest.more + doubt,
    )


def _weights_formula(shape: ModelShape, how: Habits) -> str:
    linear = sum(count * one.elements for one, count in shape.linears())
    rest = shape.parameters - linear
    if how.method == "qlora":
        return f"0.5 B × {linear:,} in 4 bits + {how.rest_bytes} B × {rest:,} others"
    return f"{how.item_bytes} B × {shape.parameters:,} parameters"
