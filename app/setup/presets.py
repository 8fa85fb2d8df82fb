"""Three ways to train, from quick to thorough: each a handful of plan values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.plan.fields import value_of, with_value
from core.plan.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A named set of plan values; everything else stays as it is."""

    key: str
    name: str
    what: str
    values: Mapping[str, Any]

    def applied(self, plan: Plan) -> Plan:
        """Return `plan` with this preset's values."""
        for key, value in self.values.items():
            plan = with_value(plan, key, value)
        return plan

    def is_worn_by(self, plan: Plan) -> bool:
        """Return whether `plan` has exactly these values."""
        return all(value_of(plan, key) == value for key, value in self.values.items())


# LoRA wants about ten times the rate of full training ("LoRA Without Regret", Thinking
# Machines, 2025); 2e-4 is QLoRA's own (arXiv:2305.14314, appendix B). Alpha at twice the
# rank keeps the adapter's scale the same from preset to preset.
PRESETS: Final = (
    Preset(
        key="quick",
        name="Quick",
        what="One pass, a small adapter. To see whether the data works at all.",
        values={
            "method.rank": 8,
            "method.alpha": 16,
            "train.epochs": 1.0,
            "train.learning_rate": 2e-4,
            "train.early_stopping": 0,
        },
    ),
    Preset(
        key="balanced",
        name="Balanced",
        what="Two passes at rank 16. Right for most data.",
        values={
            "method.rank": 16,
            "method.alpha": 32,
            "train.epochs": 2.0,
            "train.learning_rate": 2e-4,
            "train.early_stopping": 0,
        },
    ),
    Preset(
        key="thorough",
        name="Thorough",
        what="Three gentler passes at rank 32. Stops when the held-out loss no longer"
        " falls.",
        values={
            "method.rank": 32,
            "method.alpha": 64,
            "train.epochs": 3.0,
            "train.learning_rate": 1e-4,
            "train.early_stopping": 3,
        },
    ),
)


def preset_of(plan: Plan) -> Preset | None:
    """Return the preset whose values `plan` has; None if it has been changed since."""
    return next((preset for preset in PRESETS if preset.is_worn_by(plan)), None)
