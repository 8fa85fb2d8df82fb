"""One table of every plan key: what it is, its limits, and what raising it does.

The plan file, the command line's flags, ``--set``, the form and its tooltips all read
this table, so none of them can drift from another.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from core.plan.explain import EXPLANATIONS, Explanation
from core.plan.plan import DataChoice, Method, ModelChoice, Plan, Training

FieldType = Literal["text", "integer", "number", "boolean", "choice", "list", "mapping"]

SECTIONS: Mapping[str, type[Any]] = {
    "model": ModelChoice,
    "data": DataChoice,
    "method": Method,
    "train": Training,
}

# (lowest, highest) allowed, both included.
_LIMITS: Mapping[str, tuple[float, float]] = {
    "data.eval_fraction": (0.0, 0.9),
    "method.rank": (1, 1024),
    "method.alpha": (1, 4096),
    "method.dropout": (0.0, 0.9),
    "train.epochs": (0.001, 1000),
    "train.max_steps": (0, 10_000_000),
    "train.batch_size": (1, 4096),
    "train.gradient_accumulation": (1, 65_536),
    "train.seq_len": (8, 1_048_576),
    "train.learning_rate": (1e-8, 1.0),
    "train.warmup_ratio": (0.0, 0.9),
    "train.weight_decay": (0.0, 10.0),
    "train.max_grad_norm": (0.0, 1000.0),
    "train.seed": (0, 2**32 - 1),
    "train.eval_every": (0, 10_000_000),
    "train.save_every": (0, 10_000_000),
    "train.keep_checkpoints": (1, 1000),
    "train.early_stopping": (0, 1000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanField:
    """One key of the plan file."""

    key: str
    """Dotted: ``train.seq_len``; ``name`` and ``version`` have no section."""
    type: FieldType
    default: Any
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    explanation: Explanation

    @property
    def flag(self) -> str:
        """The command line's flag without dashes in front: ``seq-len``."""
        return self.name.replace("_", "-")

    @property
    def name(self) -> str:
        return self.key.rpartition(".")[2]


def limit_text(limit: float) -> str:
    """Return a limit for people: ``1048576`` and ``0.9``, never ``1.04858e+06``."""
    return f"{limit:.0f}" if float(limit).is_integer() else f"{limit:g}"


def _type_of(hint: Any) -> tuple[FieldType, tuple[str, ...]]:
    if get_origin(hint) is Literal:
        return "choice", tuple(str(item) for item in get_args(hint))
    if get_origin(hint) is tuple:
        return "list", ()
    if hint in {bool, int, float, str}:
        plain: dict[Any, FieldType] = {
            bool: "boolean", int: "integer", float: "number", str: "text",
        }  # fmt: skip
        return plain[hint], ()
    return "mapping", ()


def _section_fields(section: str, cls: type[Any]) -> list[PlanField]:
    hints: dict[str, type | UnionType] = get_type_hints(cls)
    default = cls()
    found: list[PlanField] = []
    for item in dataclasses.fields(cls):
        key = f"{section}.{item.name}"
        kind, choices = _type_of(hints[item.name])
        low, high = _LIMITS.get(key, (None, None))
        found.append(
            PlanField(
                key=key,
                type=kind,
                default=getattr(default, item.name),
                choices=choices,
                low=low,
                high=high,
                explanation=EXPLANATIONS[key],
            )
        )
    return found


FIELDS: tuple[PlanField, ...] = (
    PlanField(key="name", type="text", default="", explanation=EXPLANATIONS["name"]),
    *(field for name, cls in SECTIONS.items() for field in _section_fields(name, cls)),
)
BY_KEY: Mapping[str, PlanField] = {field.key: field for field in FIELDS}
BY_FLAG: Mapping[str, PlanField] = {field.flag: field for field in FIELDS}


def value_of(plan: Plan, key: str) -> Any:
    """Return the value at a dotted key such as ``method.rank``."""
    section, _, name = key.rpartition(".")
    return getattr(getattr(plan, section) if section else plan, name)


def with_value(plan: Plan, key: str, value: Any) -> Plan:
    """Return `plan` with one key changed; the value's type must already be right."""
    section, _, name = key.rpartition(".")
    if not section:
        return dataclasses.replace(plan, **{name: value})
    part = dataclasses.replace(getattr(plan, section), **{name: value})
    return dataclasses.replace(plan, **{section: part})


def changed_keys(plan: Plan, base: Plan | None = None) -> tuple[str, ...]:
    """Return the keys whose values differ from `base` (the defaults if none)."""
    other = Plan() if base is None else base
    keys = (field.key for field in FIELDS)
    return tuple(key for key in keys if value_of(plan, key) != value_of(other, key))
