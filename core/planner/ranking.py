"""Which models this device can train, largest first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from core.estimate.answer import MemoryEstimate, Verdict
from core.estimate.learned import Outcome
from core.estimate.memory import estimate
from core.hardware.budget import DeviceBudget
from core.models.facts import ModelFacts
from core.models.shape import ModelShape
from core.plan.fields import with_value
from core.plan.plan import MethodKind, Plan

_ORDER = {"fits": 0, "tight": 1, "fits-if-closed": 2, "unknown": 3, "too-large": 4}
_METHODS: tuple[MethodKind, ...] = ("lora", "qlora")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One model, with the method the field would take here."""

    facts: ModelFacts
    method: MethodKind
    estimate: MemoryEstimate
    """Of `method`."""
    verdicts: Mapping[MethodKind, Verdict]
    """Of LoRA and of QLoRA."""


def rank(
    models: Iterable[tuple[ModelFacts, ModelShape]],
    plan: Plan,
    budget: DeviceBudget,
    *,
    outcomes: Sequence[Outcome] = (),
) -> tuple[Ranked, ...]:
    """Return the models in the order of use: what fits first, the largest of it first.

    LoRA where it fits with room, else QLoRA; as `outcomes` of this machine correct it.
    """
    found = [_ranked(facts, shape, plan, budget, outcomes) for facts, shape in models]
    return tuple(
        sorted(
            found,
            key=lambda one: (
                _ORDER[one.estimate.verdict],
                -(one.facts.parameters or 0),
                one.facts.id,
            ),
        )
    )


def _ranked(
    facts: ModelFacts,
    shape: ModelShape,
    plan: Plan,
    budget: DeviceBudget,
    outcomes: Sequence[Outcome],
) -> Ranked:
    both: dict[MethodKind, MemoryEstimate] = {
        kind: _leanest(plan, kind, shape, budget, outcomes) for kind in _METHODS
    }
    kind: MethodKind = "lora" if both["lora"].verdict == "fits" else "qlora"
    return Ranked(
        facts=facts,
        method=kind,
        estimate=both[kind],
        verdicts={kind: found.verdict for kind, found in both.items()},
    )


def _leanest(
    plan: Plan,
    kind: MethodKind,
    shape: ModelShape,
    budget: DeviceBudget,
    outcomes: Sequence[Outcome],
) -> MemoryEstimate:
    """Return the estimate as planned, or with checkpointing where only that fits."""
    plan = with_value(plan, "method.kind", kind)
    found = estimate(plan, shape, budget, outcomes=outcomes)
    if found.fits or plan.train.gradient_checkpointing:
        return found
    train = replace(plan.train, gradient_checkpointing=True)
    return estimate(replace(plan, train=train), shape, budget, outcomes=outcomes)
