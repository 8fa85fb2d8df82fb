"""What to change so that a run fits, and which method to take, with reasons.

The search goes down a ladder of changes, cheapest first: what costs nothing but a few
bytes of precision or some seconds comes before what costs quality. The effective batch
is kept: a smaller micro-batch is made up for by accumulation.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from core.estimate.answer import Loop, MemoryEstimate
from core.estimate.memory import estimate
from core.hardware.budget import DeviceBudget
from core.models.shape import ModelShape
from core.plan.fields import BY_FLAG, BY_KEY, value_of, with_value
from core.plan.plan import MethodKind, Plan
from core.units import bytes_text

_LONGEST = 1 << 20
_LARGEST_BATCH = 1024
_LENGTH_STEP = 64
_SHORTEST = 128
_LOWEST_RANK = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One setting changed to save memory."""

    field: str
    """The dotted plan key."""
    before: Any
    after: Any
    saves: int
    """Bytes of the upper bound."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The best plan that fits, or the closest to it where none does."""

    plan: Plan
    changes: tuple[Change, ...]
    estimate: MemoryEstimate
    max_seq_len: int
    """Longest sequence that fits the plan found; 0 if none does."""
    max_batch: int
    """Most sequences in one micro-batch that fit the plan found; 0 if none."""


Step = Callable[[Plan, DeviceBudget], Iterator[tuple[str, Any, str]]]


def fit_plan(
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    keep: Collection[str] = (),
    *,
    loop: Loop = "tunesmith",
) -> Fit:
    """Return the plan with the fewest sacrifices that fits `budget`'s free memory.

    Args:
        plan: What is wished for.
        shape: The base model.
        budget: The device.
        keep: Keys that must stay: ``seq_len``, ``train.seq_len``, ``batch``, ``method``.
        loop: The training loop to price.
    """
    kept = {_full_key(name) for name in keep}
    now = estimate(plan, shape, budget, loop=loop)
    changes: list[Change] = []
    for step in _LADDER:
        if now.fits:
            break
        for key, after, why in step(plan, budget):
            if now.fits or key in kept or value_of(plan, key) == after:
                continue
            tried = _with(plan, key, after)
            cheaper = estimate(tried, shape, budget, loop=loop)
            saves = now.high - cheaper.high
            if saves <= 0:
                continue
            before = value_of(plan, key)
            changes += [
                Change(field=key, before=before, after=after, saves=saves, why=why)
            ]
            changes += _made_up(plan, tried, key)
            plan, now = tried, cheaper
    merged = list(_merged(changes))
    if now.fits:
        plan, merged = _without_the_needless(plan, merged, shape, budget, loop)
        now = estimate(plan, shape, budget, loop=loop)
    return Fit(
        plan=plan,
        changes=tuple(merged),
        estimate=now,
        max_seq_len=max_seq_len(plan, shape, budget, loop=loop),
        max_batch=max_batch(plan, shape, budget, loop=loop),
    )


def max_seq_len(
    plan: Plan, shape: ModelShape, budget: DeviceBudget, *, loop: Loop = "tunesmith"
) -> int:
    """Return the longest sequence that fits, a multiple of 64 tokens; 0 if none does.

    Never longer than the model reads.
    """
    longest = min(shape.context_length or _LONGEST, _LONGEST)
    return _LENGTH_STEP * _largest(
        max(1, longest // _LENGTH_STEP),
        lambda n: _fits(
            with_value(plan, "train.seq_len", n * _LENGTH_STEP), shape, budget, loop
        ),
    )


def max_batch(
    plan: Plan, shape: ModelShape, budget: DeviceBudget, *, loop: Loop = "tunesmith"
) -> int:
    """Return the largest micro-batch that fits; 0 if not even one sequence does."""
    return _largest(
        _LARGEST_BATCH,
        lambda n: _fits(with_value(plan, "train.batch_size", n), shape, budget, loop),
    )


def recommend(
    plan: Plan, shape: ModelShape, budget: DeviceBudget
) -> tuple[MethodKind, str]:
    """Return LoRA or QLoRA as the field chooses, and why in one sentence.

    In 16 bits with room to spare the base model stays exact and training is faster;
    only where that does not fit is the base worth quantising.
    """
    lora = estimate(with_value(plan, "method.kind", "lora"), shape, budget)
    qlora = estimate(with_value(plan, "method.kind", "qlora"), shape, budget)
    free, need = bytes_text(budget.free), bytes_text(lora.process)
    if lora.verdict == "fits":
        return "lora", (
            f"LoRA needs {need} of {free}: with that room the base stays exact, and"
            " training is faster than in 4 bits."
        )
    lean = with_value(plan, "method.kind", "lora")
    lean = with_value(lean, "train.gradient_checkpointing", value=True)
    leaner = estimate(lean, shape, budget)
    if leaner.verdict == "fits":
        return "lora", (
            f"With gradient checkpointing LoRA needs {bytes_text(leaner.process)} of"
            f" {free}, so the base can stay exact; without it {need}."
        )
    if qlora.fits:
        how = "only just fits" if lora.fits else "does not fit"
        return "qlora", (
            f"LoRA needs {need} and {how} into {free}; QLoRA holds the base in 4 bits"
            f" and needs {bytes_text(qlora.process)}."
        )
    slim = _slimmest(with_value(plan, "method.kind", "lora"))
    kind: MethodKind = "lora" if _fits(slim, shape, budget, "tunesmith") else "qlora"
    least = bytes_text(min(lora.process, qlora.process))
    return kind, (
        f"Neither fits into {free} with these settings; the smaller needs {least}."
        " “Make it fit” shows what to change."
    )


def _slimmest(plan: Plan) -> Plan:
    """Return the plan with what costs time alone: one row at once, checkpointing."""
    train = replace(plan.train, batch_size=1, gradient_checkpointing=True)
    return replace(plan, train=train)


# -- the ladder ------------------------------------------------------------------


def _checkpointing(plan: Plan, _: DeviceBudget) -> Iterator[tuple[str, Any, str]]:
    if not plan.train.gradient_checkpointing:
        yield (
            "train.gradient_checkpointing",
            True,
            "Activations are computed again instead of kept; about a third slower.",
        )


def _attention(plan: Plan, _: DeviceBudget) -> Iterator[tuple[str, Any, str]]:
    if plan.train.attention == "eager":
        yield (
            "train.attention",
            "sdpa",
            "The same numbers from a kernel that never holds all attention scores.",
        )


def _batch(plan: Plan, _: DeviceBudget) -> Iterator[tuple[str, Any, str]]:
    size = plan.train.batch_size
    while size > 1:
        size = max(1, size // 2)
        yield (
            "train.batch_size",
            size,
            "Fewer sequences at once; accumulation keeps the effective batch.",
        )


def _eight_bit(plan: Plan, budget: DeviceBudget) -> Iterator[tuple[str, Any, str]]:
    if budget.kind == "cuda" and plan.train.optimizer == "adamw_torch":
        yield (
            "train.optimizer",
            "adamw_8bit",
            "The optimiser's states in 8 bits; the loss hardly tells.",
        )


def _method(plan: Plan, _: DeviceBudget) -> Iterator[tuple[str, Any, str]]:
    if plan.method.kind == "full":
        yield (
            "method.kind",
            "lora",
            "An adapter learns instead of every weight; most tasks need no more.",
        )
    if plan.method.kind != "qlora":
        yield (
            "method.kind",
            "qlora",
            "The base model in 4 bits: a little slower, close to 16 bits in quality.",
        )


def _double_quant(plan: Plan, _: DeviceBudget) -> Iterator[tuple[str, Any, str]]:
    if plan.method.kind == "qlora" and not plan.method.double_quant:
        yield (
            "method.double_quant",
            True,
            "The scales are quantised too; nothing else changes.",
        )


def _paged(_: Plan, budget: DeviceBudget) -> Iterator[tuple[str, Any, str]]:
    if budget.kind == "cuda":
        yield (
            "train.optimizer",
            "paged_adamw_8bit",
            "The optimiser's states may wait in the computer's memory.",
        )


def _rank(plan: Plan, _: DeviceBudget) -> Iterator[tuple[str, Any, str]]:
    rank = plan.method.rank
    while plan.method.has_adapter and rank > _LOWEST_RANK:
        rank = max(_LOWEST_RANK, rank // 2)
        yield (
            "method.rank",
            rank,
            "A smaller adapter: it can learn less that is new.",
        )


def _length(plan: Plan, _: DeviceBudget) -> Iterator[tuple[str, Any, str]]:
    length = plan.train.seq_len
    while length > _SHORTEST:
        length = max(_SHORTEST, length * 3 // 4 // _LENGTH_STEP * _LENGTH_STEP)
        yield (
            "train.seq_len",
            length,
            "Longer rows are cut off, so what stands at their end is not learnt.",
        )


_LADDER: tuple[Step, ...] = (
    _attention,
    _checkpointing,
    _batch,
    _double_quant,
    _eight_bit,
    _method,
    _paged,
    _length,
    _rank,
)


def _with(plan: Plan, key: str, value: Any) -> Plan:
    """Return `plan` with one key changed and the effective batch kept."""
    effective = plan.train.effective_batch
    plan = with_value(plan, key, value)
    if key != "train.batch_size":
        return plan
    return with_value(
        plan, "train.gradient_accumulation", max(1, round(effective / value))
    )


def _made_up(before: Plan, after: Plan, key: str) -> list[Change]:
    if key != "train.batch_size":
        return []
    return [
        Change(
            field="train.gradient_accumulation",
            before=before.train.gradient_accumulation,
            after=after.train.gradient_accumulation,
            saves=0,
            why="So that each step still learns from as many sequences.",
        )
    ]


def _merged(changes: list[Change]) -> Iterator[Change]:
    """Give one change a field: from its first value to its last, savings summed."""
    for field in dict.fromkeys(change.field for change in changes):
        same = [change for change in changes if change.field == field]
        if same[0].before != same[-1].after:
            yield Change(
                field=field,
                before=same[0].before,
                after=same[-1].after,
                saves=sum(change.saves for change in same),
                why=same[-1].why,
            )


def _without_the_needless(
    plan: Plan,
    changes: list[Change],
    shape: ModelShape,
    budget: DeviceBudget,
    loop: Loop,
) -> tuple[Plan, list[Change]]:
    """Return the plan with every change taken back that later ones made needless.

    The dearest sacrifices stand last on the ladder, so they are taken back first.
    """
    left = list(changes)
    for change in reversed(changes):
        if change.field == "train.gradient_accumulation":
            continue
        tried = _with(plan, change.field, change.before)
        if _fits(tried, shape, budget, loop):
            plan = tried
            left.remove(change)
    if all(change.field != "train.batch_size" for change in left):
        left = [c for c in left if c.field != "train.gradient_accumulation"]
    return plan, left


_SHORT_NAMES = {
    "batch": "train.batch_size",
    "method": "method.kind",
    "checkpointing": "train.gradient_checkpointing",
    "length": "train.seq_len",
}


def _full_key(name: str) -> str:
    wanted = name.strip()
    if wanted in BY_KEY:
        return wanted
    if wanted in _SHORT_NAMES:
        return _SHORT_NAMES[wanted]
    field = BY_FLAG.get(wanted.replace("_", "-"))
    return field.key if field is not None else wanted


def _fits(plan: Plan, shape: ModelShape, budget: DeviceBudget, loop: Loop) -> bool:
    return estimate(plan, shape, budget, loop=loop).fits


def _largest(most: int, holds: Callable[[int], bool]) -> int:
    """Return the largest n of 1…most for which `holds`, given that it holds below."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low
