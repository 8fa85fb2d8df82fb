"""What the formula says of the batches a run really had.

An estimate is for rows as long as `seq_len`, every token trained. Held against a run of
shorter rows it would always look too high, and correcting it by that would one day call
a run of long rows safe that is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.estimate.answer import MemoryEstimate
from core.estimate.learned import Outcome
from core.estimate.memory import estimate
from core.hardware.budget import DeviceBudget
from core.models.shape import ModelShape
from core.plan.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroBatch:
    """The sizes of one micro-batch."""

    rows: int
    width_tokens: int
    """Padding counted."""
    trained_tokens: int
    """Tokens of all rows that carry loss."""
    first: bool = False
    """Of a run's first step: the optimiser has no states yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repriced:
    """The largest micro-batch and what it should have taken."""

    batch: MicroBatch
    raw: MemoryEstimate
    """By the formula alone."""
    promised: MemoryEstimate
    """As earlier runs correct it."""


def repriced(
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    batches: Sequence[MicroBatch],
    *,
    outcomes: Sequence[Outcome] = (),
) -> Repriced | None:
    """Return the one of `batches` with the highest peak, priced; None without any."""
    found = [
        Repriced(
            batch=batch,
            raw=_priced(plan, shape, budget, batch, ()),
            promised=_priced(plan, shape, budget, batch, outcomes),
        )
        for batch in batches
    ]
    return max(found, key=lambda one: one.raw.allocated, default=None)


def _priced(
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    batch: MicroBatch,
    outcomes: Sequence[Outcome],
) -> MemoryEstimate:
    train = replace(plan.train, batch_size=batch.rows, seq_len=batch.width_tokens)
    found = estimate(
        replace(plan, train=train),
        shape,
        budget,
        outcomes=outcomes,
        trained_tokens=batch.trained_tokens,
    )
    less = found.components.optimizer if batch.first else 0
    return replace(
        found,
        allocated=found.allocated - less,
        reserved=found.reserved - less,
        process=found.process - less,
        low=max(0, found.low - less),
        high=found.high - less,
    )
