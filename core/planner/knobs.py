"""What can be changed so that a run fits, and what each change costs.

A knob is one key of the plan with its values from the wish to the leanest. A change
costs what it takes of quality, written down below in the currency of time: a cost of
0.1 is as bad as a run a tenth longer. Slower steps come on top, as forecast. Quality is
dear on purpose: a night more is soon forgotten, a worse adapter is not.

Why these prices:

* 16-bit numbers for 32: what every paper named here trained in.
* sdpa for eager, double quantisation: the same numbers, or a difference nobody measured
  (QLoRA, arXiv:2305.14314, section 4).
* 8-bit states: as good as 32-bit ones over many tasks (arXiv:2110.02861, table 1).
* 4 bits under an adapter: on par with 16 bits in QLoRA, table 3, for the models of its
  day; small and long-trained ones lose more. So dear that checkpointing comes first:
  while time alone buys 16 bits, the field stays with them.
* DoRA off: a point or two on reasoning tasks at low ranks (arXiv:2402.09353, table 1).
* an adapter in place of all weights: enough for instruction data, behind on long runs
  of new matter (LoRA Learns Less and Forgets Less, arXiv:2405.09673).
* fewer layers adapted: matching full training took all linear layers, whatever the rank
  (QLoRA, figure 2); attention alone fell short at equal parameters.
* a lower rank: matters less than which layers (ibid., appendix A), but caps what is new.
* shorter rows: what stands at their end is not learnt at all.
"""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from core.hardware.budget import DeviceBudget
from core.models.shape import ModelShape
from core.plan.fields import value_of, with_value
from core.plan.plan import ALL_LINEAR, MethodKind, Optimizer, Plan

LENGTH_STEP: Final = 64
SHORTEST: Final = 128
_LOWEST_RANK: Final = 8
_SIZES: Final = 8  # of the micro-batch; more would not change the answer
_MOMENT: Final = 0.001  # so that no change is ever free

_METHODS: Final[tuple[MethodKind, ...]] = ("full", "lora", "qlora")
_METHOD_PRICE: Final = {"full": 0.0, "lora": 0.6, "lora8": 0.85, "qlora": 0.95}
_OPTIMIZER_PRICE: Final[dict[Optimizer, float]] = {
    "adamw_torch": 0.0,
    "paged_adamw_32bit": 0.03,
    "adamw_8bit": 0.02,
    "paged_adamw_8bit": 0.05,
}
_TARGETS: Final = (
    (ALL_LINEAR, 0.0),
    (("q_proj", "k_proj", "v_proj", "o_proj"), 0.9),
    (("q_proj", "v_proj"), 1.3),
)
_SHORT_FORMAT_PRICE: Final = 0.02
_DORA_PRICE: Final = 0.3
_HALF_RANK_PRICE: Final = 0.5
_LENGTH_PRICE: Final = 3.0  # times ln(before / after): a quarter cut off costs 0.86


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value of a knob."""

    value: Any
    price: float
    """What it takes of quality, rising from value to value."""
    why: str = ""

    @property
    def is_free(self) -> bool:
        """Whether nothing is lost by it."""
        return self.price <= _MOMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One key of the plan, from the value wished for to the leanest."""

    key: str
    settings: tuple[Setting, ...]


def knobs(
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    kept: Collection[str],
    *,
    longest_row_tokens: int | None = None,
) -> tuple[Knob, ...]:
    """Return every knob that can be turned, in the order people read changes.

    Args:
        plan: What is wished for.
        shape: The base model, for the names of its layers.
        budget: The device: paged and 8-bit states need a GPU.
        kept: Full keys that must stay.
        longest_row_tokens: Of the data, where it is known; cutting `seq_len` down to it
            costs nothing.
    """
    made = (
        ("method.kind", _method(plan)),
        ("method.compute_dtype", _format(plan, budget)),
        ("train.attention", _attention(plan)),
        ("train.gradient_checkpointing", _checkpointing(plan)),
        ("train.batch_size", _batch(plan, kept)),
        ("method.double_quant", _double_quant(plan, kept)),
        ("train.optimizer", _optimizer(plan, budget)),
        ("method.use_dora", _dora(plan)),
        ("method.target_modules", _targets(plan, shape)),
        ("method.rank", _rank(plan)),
        ("train.seq_len", _length(plan, longest_row_tokens)),
    )
    found: list[Knob] = []
    for key, settings in made:
        if key in kept:
            continue
        wish = Setting(value=value_of(plan, key), price=0.0)
        rest = tuple(one for one in settings if one.value != wish.value)
        if rest:
            found.append(Knob(key=key, settings=(wish, *rest)))
    return tuple(found)


def turned(plan: Plan, key: str, value: Any) -> Plan:
    """Return `plan` with one key changed and the effective batch kept."""
    effective = plan.train.effective_batch
    plan = with_value(plan, key, value)
    if key != "train.batch_size":
        return plan
    return with_value(plan, "train.gradient_accumulation", effective // value)


# -- one function a knob ---------------------------------------------------------------


def _format(plan: Plan, budget: DeviceBudget) -> Iterator[Setting]:
    if plan.method.compute_dtype == "fp32" and (budget.kind == "cuda" or budget.bf16):
        yield Setting(
            value="auto",
            price=_SHORT_FORMAT_PRICE,
            why="Numbers of 16 bits, as nearly everybody trains; faster besides.",
        )


def _attention(plan: Plan) -> Iterator[Setting]:
    if plan.train.attention == "eager":
        yield Setting(
            value="sdpa",
            price=_MOMENT,
            why="The same numbers from a kernel that never holds all attention scores.",
        )


def _checkpointing(plan: Plan) -> Iterator[Setting]:
    if not plan.train.gradient_checkpointing:
        yield Setting(
            value=True,
            price=_MOMENT,
            why="Activations are computed again instead of kept: slower, nothing lost.",
        )


def _batch(plan: Plan, kept: Collection[str]) -> Iterator[Setting]:
    """Give smaller micro-batches that divide the effective one, so that it is kept."""
    if "train.gradient_accumulation" in kept:
        return
    effective, size = plan.train.effective_batch, plan.train.batch_size
    smaller = [n for n in range(size - 1, 0, -1) if effective % n == 0]
    while len(smaller) > _SIZES:
        smaller = [*smaller[:-1:2], smaller[-1]]
    for number, value in enumerate(smaller, start=1):
        yield Setting(
            value=value,
            price=number * _MOMENT,
            why="Fewer sequences at once; accumulation keeps the effective batch.",
        )


def _double_quant(plan: Plan, kept: Collection[str]) -> Iterator[Setting]:
    may_quantise = plan.method.kind == "qlora" or "method.kind" not in kept
    if may_quantise and not plan.method.double_quant:
        yield Setting(
            value=True,
            price=2 * _MOMENT,
            why="The scales are quantised too; nothing else changes.",
        )


def _optimizer(plan: Plan, budget: DeviceBudget) -> Iterator[Setting]:
    if budget.kind != "cuda":
        return
    now = plan.train.optimizer
    words: dict[Optimizer, str] = {
        "adamw_8bit": "The optimiser's states in 8 bits; the loss hardly tells.",
        "paged_adamw_8bit": "The optimiser's states may wait in the computer's memory.",
    }
    for value, why in words.items():
        price = _OPTIMIZER_PRICE[value] - _OPTIMIZER_PRICE[now]
        if price > 0:
            yield Setting(value=value, price=price, why=why)


def _method(plan: Plan) -> Iterator[Setting]:
    now = plan.method.kind
    words: dict[MethodKind, str] = {
        "lora": "An adapter learns instead of every weight; most tasks need no more.",
        "qlora": "The base model in 4 bits: close to 16 bits in quality.",
    }
    for value in _METHODS[1:]:
        price = _METHOD_PRICE[value] - _METHOD_PRICE[now]
        if price > 0:
            yield Setting(value=value, price=price, why=words[value])


def _targets(plan: Plan, shape: ModelShape) -> Iterator[Setting]:
    """Give fewer layers to adapt, where the model has layers of these names."""
    names = {linear.name for linear, _ in shape.linears()}
    now = plan.method.target_modules
    held = names if now == ALL_LINEAR else {n.rpartition(".")[2] for n in now}
    for value, price in _TARGETS[1:]:
        if set(value) < held and set(value) <= names:
            yield Setting(
                value=value,
                price=price,
                why="Fewer layers learn: what the task needs may lie in the others.",
            )


def _dora(plan: Plan) -> Iterator[Setting]:
    if plan.method.use_dora:
        yield Setting(
            value=False,
            price=_DORA_PRICE,
            why="Plain LoRA: without DoRA's copies of every adapted layer.",
        )


def _rank(plan: Plan) -> Iterator[Setting]:
    rank, price = plan.method.rank, 0.0
    while rank > _LOWEST_RANK:
        rank, price = max(_LOWEST_RANK, rank // 2), price + _HALF_RANK_PRICE
        yield Setting(
            value=rank,
            price=price,
            why="A smaller adapter: it can learn less that is new.",
        )


def _length(plan: Plan, longest_row_tokens: int | None) -> Iterator[Setting]:
    wished = length = plan.train.seq_len
    if longest_row_tokens is not None and not plan.train.packing:
        longest = -(-max(1, longest_row_tokens) // LENGTH_STEP) * LENGTH_STEP
        if SHORTEST <= longest < wished:
            yield Setting(
                value=longest, price=_MOMENT, why="No row of the data is longer."
            )
            wished = length = longest
    while length > SHORTEST:
        length = max(SHORTEST, length * 3 // 4 // LENGTH_STEP * LENGTH_STEP)
        yield Setting(
            value=length,
            price=length_price(wished, length) + _MOMENT,
            why="Longer rows are cut off, so what stands at their end is not learnt.",
        )


def length_price(before: int, after: int) -> float:
    """Return what cutting rows from `before` to `after` tokens costs."""
    return _LENGTH_PRICE * math.log(before / after)
