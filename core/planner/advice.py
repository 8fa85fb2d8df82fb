"""What to change so that a run fits, and which method to take, with reasons.

`fit_plan` searches all combinations of the knobs (`core.planner.knobs`) for the one
that costs least of quality and time (`core.planner.search`). The effective batch is
kept: a smaller micro-batch is made up for by accumulation.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from core.estimate.answer import Loop, MemoryEstimate
from core.estimate.learned import Outcome
from core.estimate.memory import estimate
from core.hardware.budget import DeviceBudget
from core.models.shape import ModelShape
from core.plan.fields import BY_FLAG, BY_KEY, value_of, with_value
from core.plan.plan import Method, MethodKind, Plan, Training
from core.planner.knobs import LENGTH_STEP, Knob, knobs, turned
from core.planner.search import Place, Search, slowness
from core.units import bytes_text

_LONGEST = 1 << 20
_LARGEST_BATCH = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One setting changed to save memory."""

    field: str
    """The dotted plan key."""
    before: Any
    after: Any
    saves: int
    """Bytes of the upper bound, on top of what the changes before it save."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What every estimate of one question has in common."""

    shape: ModelShape
    budget: DeviceBudget
    loop: Loop
    outcomes: Sequence[Outcome]
    known: dict[tuple[Method, Training], MemoryEstimate] = field(
        default_factory=dict[tuple[Method, Training], MemoryEstimate]
    )
    """What was priced already: a search comes back to some plans."""

    def price(self, plan: Plan) -> MemoryEstimate:
        key = (plan.method, plan.train)
        if key not in self.known:
            self.known[key] = estimate(
                plan, self.shape, self.budget, loop=self.loop, outcomes=self.outcomes
            )
        return self.known[key]

    def fits(self, plan: Plan) -> bool:
        """Return whether even the upper bound is free, of a stranger's layers too."""
        found = self.price(plan)
        doubted = found.verdict == "unknown" and found.high <= self.budget.free
        return found.fits or doubted


def fit_plan(
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    keep: Collection[str] = (),
    *,
    loop: Loop = "tunesmith",
    outcomes: Sequence[Outcome] = (),
    longest_row_tokens: int | None = None,
) -> Fit:
    """Return the plan with the cheapest sacrifices that fits `budget`'s free memory.

    Where nothing fits, it is the leanest plan there is, with its verdict. Takes some
    50 ms; of a plain loop, a second.

    Args:
        plan: What is wished for.
        shape: The base model.
        budget: The device.
        keep: Keys that must stay: ``seq_len``, ``train.seq_len``, ``batch``, ``method``.
        loop: The training loop to price.
        outcomes: Finished runs of this machine.
        longest_row_tokens: Of the data, where it is known.
    """
    asked = _Asked(shape=shape, budget=budget, loop=loop, outcomes=outcomes)
    changes: tuple[Change, ...] = ()
    if not asked.fits(plan):
        kept = {_full_key(name) for name in keep}
        plan, changes = _made_to_fit(plan, asked, kept, longest_row_tokens)
    return Fit(
        plan=plan,
        changes=changes,
        estimate=asked.price(plan),
        max_seq_len=_longest(plan, asked),
        max_batch=_most_rows(plan, asked),
    )


def _made_to_fit(
    wish: Plan, asked: _Asked, kept: set[str], longest_row_tokens: int | None
) -> tuple[Plan, tuple[Change, ...]]:
    found = knobs(
        wish, asked.shape, asked.budget, kept, longest_row_tokens=longest_row_tokens
    )
    search = Search(
        plan=wish,
        knobs=found,
        fits=asked.fits,
        slowness=slowness(wish, asked.shape, asked.budget),
    )
    best = search.best()
    place = best or tuple(len(knob.settings) - 1 for knob in found)
    plan = search.at(place)
    if best is not None:
        plan = _lengthened(plan, found, place, asked)
    return plan, tuple(_changes(wish, plan, found, place, asked))


def _lengthened(plan: Plan, found: Sequence[Knob], place: Place, asked: _Asked) -> Plan:
    """Return `plan` with rows as long as fit, where they had to be cut."""
    numbers = {knob.key: (knob, n) for knob, n in zip(found, place, strict=True)}
    knob, number = numbers.get("train.seq_len", (None, 0))
    if knob is None or not number or knob.settings[number].is_free:
        return plan
    shorter = plan.train.seq_len
    room = (knob.settings[number - 1].value - 1 - shorter) // LENGTH_STEP

    def longer(steps: int) -> Plan:
        return with_value(plan, "train.seq_len", shorter + steps * LENGTH_STEP)

    return longer(_largest(max(0, room), lambda steps: asked.fits(longer(steps))))


def _changes(
    wish: Plan, plan: Plan, found: Sequence[Knob], place: Place, asked: _Asked
) -> Iterator[Change]:
    """Give the changes from `wish` to `plan`, each with what it saves after the last."""
    now, high = wish, asked.price(wish).high
    for knob, number in zip(found, place, strict=True):
        after = value_of(plan, knob.key)
        if not number:
            continue
        before, now = now, turned(now, knob.key, after)
        cheaper = asked.price(now).high
        yield Change(
            field=knob.key,
            before=value_of(before, knob.key),
            after=after,
            saves=high - cheaper,
            why=knob.settings[number].why,
        )
        high = cheaper
        key = "train.gradient_accumulation"
        if value_of(before, key) != value_of(now, key):
            yield Change(
                field=key,
                before=value_of(before, key),
                after=value_of(now, key),
                saves=0,
                why="So that each step still learns from as many sequences.",
            )


def max_seq_len(
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    *,
    loop: Loop = "tunesmith",
    outcomes: Sequence[Outcome] = (),
) -> int:
    """Return the longest sequence that fits, a multiple of 64 tokens; 0 if none does.

    Never longer than the model reads.
    """
    asked = _Asked(shape=shape, budget=budget, loop=loop, outcomes=outcomes)
    return _longest(plan, asked)


def max_batch(
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    *,
    loop: Loop = "tunesmith",
    outcomes: Sequence[Outcome] = (),
) -> int:
    """Return the largest micro-batch that fits; 0 if not even one sequence does."""
    asked = _Asked(shape=shape, budget=budget, loop=loop, outcomes=outcomes)
    return _most_rows(plan, asked)


def _longest(plan: Plan, asked: _Asked) -> int:
    longest = min(asked.shape.context_length or _LONGEST, _LONGEST)
    return LENGTH_STEP * _largest(
        max(1, longest // LENGTH_STEP),
        lambda n: asked.fits(with_value(plan, "train.seq_len", n * LENGTH_STEP)),
    )


def _most_rows(plan: Plan, asked: _Asked) -> int:
    return _largest(
        _LARGEST_BATCH,
        lambda n: asked.fits(with_value(plan, "train.batch_size", n)),
    )


_SLIM: Final = "one row at a time with gradient checkpointing"
_SAVES_NOTHING: Final = (
    "QLoRA saves nothing here: bitsandbytes leaves this architecture's linear layers as"
    " they are."
)


def recommend(
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    *,
    outcomes: Sequence[Outcome] = (),
) -> tuple[MethodKind, str]:
    """Return LoRA or QLoRA as the field chooses, and why in one sentence.

    In 16 bits with room to spare the base model stays exact and training is faster;
    only where that does not fit is the base worth quantising.
    """
    asked = _Asked(shape=shape, budget=budget, loop="tunesmith", outcomes=outcomes)
    lora, qlora = (with_value(plan, "method.kind", kind) for kind in ("lora", "qlora"))
    if not shape.takes_quantisation:
        return "lora", f"{_unpacked(lora, asked)} {_SAVES_NOTHING}"
    exact, packed = asked.price(lora), asked.price(qlora)
    free, need = bytes_text(budget.free), bytes_text(exact.process)
    if exact.verdict == "fits":
        return "lora", (
            f"LoRA needs {need} of {free}: with that room the base stays exact, and"
            " training is faster than in 4 bits."
        )
    lean = with_value(lora, "train.gradient_checkpointing", value=True)
    leaner = asked.price(lean)
    if leaner.verdict == "fits":
        return "lora", (
            f"With gradient checkpointing LoRA needs {bytes_text(leaner.process)} of"
            f" {free}, so the base can stay exact; without it {need}."
        )
    if packed.fits:
        how = "only just fits" if exact.fits else "does not fit"
        return "qlora", (
            f"LoRA needs {need} and {how} into {free}; QLoRA holds the base in 4 bits"
            f" and needs {bytes_text(packed.process)}."
        )
    return _slimmer(lora, qlora, asked)


def _unpacked(lora: Plan, asked: _Asked) -> str:
    """Return how LoRA fares where there is nothing to choose."""
    exact, slim = asked.price(lora), asked.price(_slimmest(lora))
    need, free = bytes_text(exact.process), bytes_text(asked.budget.free)
    if exact.fits:
        return f"LoRA needs {need} of {free}."
    if slim.fits:
        return (
            f"LoRA fits into {free} only {_SLIM}: {bytes_text(slim.process)}."
            " “Make it fit” sets that."
        )
    return (
        f"LoRA does not fit into {free}: {_SLIM}, it still needs up to"
        f" {bytes_text(slim.high)}."
    )


def _slimmer(lora: Plan, qlora: Plan, asked: _Asked) -> tuple[MethodKind, str]:
    """Return the method where neither fits as it is, with what costs time alone."""
    exact, packed = asked.price(_slimmest(lora)), asked.price(_slimmest(qlora))
    free, how = bytes_text(asked.budget.free), _SLIM
    if exact.fits:
        return "lora", (
            f"LoRA fits into {free} only {how}: {bytes_text(exact.process)}."
            " “Make it fit” sets that."
        )
    if packed.fits:
        return "qlora", (
            f"QLoRA fits into {free} {how}: {bytes_text(packed.process)}; LoRA needs"
            f" {bytes_text(exact.process)} even so. “Make it fit” sets that."
        )
    return "qlora", (
        f"Neither fits into {free}: {how}, QLoRA still needs up to"
        f" {bytes_text(packed.high)}. Shorter rows or a smaller model would."
    )


def _slimmest(plan: Plan) -> Plan:
    """Return the plan with what costs time alone: one row at once, checkpointing."""
    train = replace(plan.train, batch_size=1, gradient_checkpointing=True)
    return replace(plan, train=train)


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
