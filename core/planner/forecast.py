"""How fast a run will be, from the card's data sheet and from runs measured here.

The time of a micro-batch is a roofline: products at a share of the tensor cores' rate,
bytes at a share of the memory's, and, where batches are small, the time the computer
needs to start the kernels. The shares are the literature's; that of products is one for
GeForce and one for all other cards, settled with the rows of `benchmarks/speed.py` in
sight but fitted to none. Runs on the same device correct the forecast:
`reference_tokens_per_s` is what a run's measured rate is divided by.

Sources: S. Bekman, ML Engineering, "Maximum achievable matmul FLOPS" (78-87 % of the
data sheet on A100 to B200 for the best shapes; a layer's own shapes reach less);
FlashAttention-2 (arXiv:2307.08691), 50-73 % of an A100; PaLM (arXiv:2204.02311,
appendix B) for model FLOPs utilisation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from core.estimate.learned import Outcome
from core.estimate.loop import Habits, habits
from core.estimate.static import static
from core.hardware.budget import DeviceBudget
from core.hardware.cards import Card, card_of
from core.models.shape import ModelShape
from core.plan.plan import Plan
from core.planner.work import Work, work

Basis = Literal["card", "runs"]

# Of the data sheet's rate, for a layer's own products. GeForce runs 32-bit accumulation
# at half its tensor cores' rate, which the rest of the card then has no trouble feeding.
_PRODUCT_SHARE: Final = 0.7
_HALVED_PRODUCT_SHARE: Final = 0.85
_EXPERT_SHARE: Final = 0.4  # of that: experts run in many small pieces
_MEMORY_SHARE: Final = 0.75
# Unpacking 4-bit weights: 0.5 bytes read and 2 written a weight, at less of the
# memory's rate because of the table look-ups.
_UNPACKED_BYTES: Final = 2.5
_UNPACKING_SHARE: Final = 0.3
_KERNEL_S: Final = 10e-6
_STEP_S: Final = 10e-3
# A processor's rate is not known before something was measured on it. These give the
# forecast its shape between models and settings; runs give it its height.
_CPU_FLOPS: Final = 1e12
_CPU_BYTES_PER_S: Final = 5e10

# Spreads of ln(measured / forecast): before any run, and between runs of one machine.
_PRIOR_SPREAD: Final = 0.40
_RUN_SPREAD: Final = 0.12
_OTHER_SPREAD: Final = 0.25
_Z: Final = 1.645  # 90 % within
_LOOK_BACK: Final = 20  # runs; older ones say little about the machine of now


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How many tokens a second a run will learn from."""

    tokens_per_s: float
    low: float
    """Nine runs of ten are at least so fast."""
    high: float
    basis: Basis
    reason: str

    def seconds(self, tokens: float) -> tuple[float, float, float]:
        """Return the shortest, the expected and the longest seconds for `tokens`."""
        return tokens / self.high, tokens / self.tokens_per_s, tokens / self.low


def forecast(
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    outcomes: Sequence[Outcome] = (),
    *,
    row_tokens: float | None = None,
) -> Forecast | None:
    """Return the rate of `plan` on the device of `budget`; None where none is known.

    None is the answer for a card known by its size alone, for one that is not in the
    table, and for a processor nothing was trained on yet: their rates differ by a
    factor of thirty, and a figure would be made up.

    Args:
        plan: Method and training settings.
        shape: The base model.
        budget: The device.
        outcomes: Finished runs of this machine, newest last.
        row_tokens: Mean tokens of the data's rows; every row full where not known.
    """
    reference = reference_tokens_per_s(plan, shape, budget, row_tokens=row_tokens)
    if reference is None:
        return None
    card = card_of(budget.name, budget.total) if budget.kind == "cuda" else None
    runs = _alike(outcomes, plan, budget)
    if runs:
        return _corrected(reference, runs, plan, known_card=card is not None)
    if card is None:
        return None
    spread = math.exp(_Z * _PRIOR_SPREAD)
    return Forecast(
        tokens_per_s=reference,
        low=reference / spread,
        high=reference * spread,
        basis="card",
        reason=f"From the data sheet of the {card.name}; no run was measured on it yet.",
    )


def reference_tokens_per_s(
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    *,
    row_tokens: float | None = None,
) -> float | None:
    """Return the uncorrected rate: what `Outcome.predicted_tokens_per_s` holds.

    On a processor its height means nothing, only its ratios do; None for a card of
    which no rates are known.
    """
    how = habits(plan, budget, "tunesmith")
    done = work(plan, shape, how, row_tokens=row_tokens)
    if budget.kind == "cpu":
        micro_s = _device_s(done, _PRODUCT_SHARE * _CPU_FLOPS, _CPU_BYTES_PER_S)
        bandwidth = _CPU_BYTES_PER_S
    else:
        card = card_of(budget.name, budget.total)
        rate = 0.0 if card is None else _rate(card, how)
        if card is None or rate <= 0:
            return None
        bandwidth = card.bandwidth_bytes_per_s
        device_s = _device_s(done, rate, bandwidth)
        # The slower of both rules, and they overlap where they are close.
        micro_s = (device_s**4 + (done.kernels * _KERNEL_S) ** 4) ** 0.25
    accumulation = plan.train.gradient_accumulation
    step_s = accumulation * micro_s + _optimizer_s(plan, shape, how, bandwidth)
    return accumulation * done.tokens / step_s


def _rate(card: Card, how: Habits) -> float:
    """Return the operations a second that products reach in the run's number format."""
    if how.item_bytes == 4:
        return _HALVED_PRODUCT_SHARE * card.fp32_flops
    halved = card.kind in {"consumer", "laptop"}
    share = _HALVED_PRODUCT_SHARE if halved else _PRODUCT_SHARE
    return share * (card.fp16_flops if how.fp16 else card.bf16_flops or card.fp32_flops)


def _device_s(done: Work, flops_per_s: float, bytes_per_s: float) -> float:
    moved = done.weight_bytes + done.moved_bytes
    return (
        done.flops / flops_per_s
        + done.sparse_flops / (flops_per_s * _EXPERT_SHARE)
        + moved / (bytes_per_s * _MEMORY_SHARE)
        + done.unpacked * _UNPACKED_BYTES / (bytes_per_s * _UNPACKING_SHARE)
    )


def _optimizer_s(
    plan: Plan, shape: ModelShape, how: Habits, bytes_per_s: float
) -> float:
    """Return the seconds of clipping and of the optimiser's step.

    Weight, gradient and both moments are read, all but the gradient written again, and
    the gradient is read once more for its norm.
    """
    stays = static(shape, plan.method, plan.train.optimizer, how)
    moved = 5 * stays.gradients + 2 * (stays.optimizer + stays.paged)
    return _STEP_S + moved / (bytes_per_s * _MEMORY_SHARE)


# -- what this machine's own runs say ------------------------------------------------


def _alike(
    outcomes: Sequence[Outcome], plan: Plan, budget: DeviceBudget
) -> list[Outcome]:
    """Return the last runs on this device whose rate was forecast and measured.

    Runs of the same method where there are any, for methods are wrong in their own way.
    """
    here = [
        one
        for one in outcomes
        if one.device == budget.name
        and one.device_kind == budget.kind
        and (one.predicted_tokens_per_s or 0) > 0
        and (one.tokens_per_s or 0) > 0
    ]
    same = [one for one in here if one.method == plan.method.kind]
    return (same or here)[-_LOOK_BACK:]


def _corrected(
    reference: float, runs: Sequence[Outcome], plan: Plan, *, known_card: bool
) -> Forecast:
    """Return the forecast moved by what runs showed, shrunk towards no correction.

    A normal prior over ln(measured / forecast), as wide as data sheets are off, meets
    the runs' weighted median (one run beside a game must not count); those of another
    model weigh less, and those of another method widen the bounds. Without a data sheet
    there is nothing to shrink to. Nine of ten runs seen lie within the bounds.
    """
    ratios = [_ratio(run) for run in runs]
    # by the model alone: were a method without runs of its own moved less than one with
    # them, the slower of the two would be shown as the faster
    weights = [1 / _spread_of_model(run, plan) ** 2 for run in runs]
    prior = 1 / _PRIOR_SPREAD**2 if known_card else 0.0
    precision = sum(weights) + prior
    middle = sum(weights) * _weighted_median(ratios, weights) / precision
    spreads = [_spread(run, plan) for run in runs]
    sureness = sum(1 / spread**2 for spread in spreads) + prior
    spread = _Z * math.sqrt(1 / sureness + min(spreads) ** 2)
    near = sorted(ratios, key=lambda ratio: abs(ratio - middle))
    near = near[: math.ceil(0.9 * len(near))]
    low, high = min(middle - spread, *near), max(middle + spread, *near)
    many = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    return Forecast(
        tokens_per_s=reference * math.exp(middle),
        low=reference * math.exp(low),
        high=reference * math.exp(high),
        basis="runs",
        reason=f"From {many} measured on this machine.",
    )


def _weighted_median(values: Sequence[float], weights: Sequence[float]) -> float:
    """Return the value with half of the weight on either side."""
    half, passed, before = sum(weights) / 2, 0.0, 0.0
    for value, weight in sorted(zip(values, weights, strict=True)):
        if passed > half:
            return before
        if passed == half and passed > 0:
            return (before + value) / 2
        passed, before = passed + weight, value
    return before


def _ratio(run: Outcome) -> float:
    """Return ln(measured / forecast) of a run that has both."""
    return math.log((run.tokens_per_s or 1) / (run.predicted_tokens_per_s or 1))


def _spread(run: Outcome, plan: Plan) -> float:
    same = run.method == plan.method.kind
    return _spread_of_model(run, plan) if same else _OTHER_SPREAD


def _spread_of_model(run: Outcome, plan: Plan) -> float:
    return _RUN_SPREAD if run.model == plan.model.id else _OTHER_SPREAD
