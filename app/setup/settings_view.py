"""The form of all settings, made from the one table of plan keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from core.plan.fields import BY_KEY, FIELDS, PlanField, value_of
from core.plan.plan import Plan
from core.plan.problems import Problem

Control = Literal["choice", "switch", "whole", "number", "text", "list"]

# Values the plan file knows and this version's engine refuses: not offered.
_REFUSED: Final[Mapping[str, frozenset[str]]] = {
    "method.kind": frozenset({"full", "lora8"}),
    "train.attention": frozenset({"flash"}),
}
# Keys with one possible value here, or with a better place on another step.
_ELSEWHERE: Final = frozenset({
    "name",
    "model.id",
    "model.revision",
    "data.files",
    "data.format",
    "data.columns",
    "data.on_bad_row",
    "method.kind",
    "train.task",
    "train.packing",
})  # fmt: skip
_QLORA_ONLY: Final = frozenset({"method.quant_type", "method.double_quant"})
_GROUPS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (
        "Adapter",
        (
            "method.rank", "method.alpha", "method.dropout", "method.target_modules",
            "method.use_dora", "method.use_rslora", "method.init",
        ),
    ),
    (
        "Precision",
        ("method.compute_dtype", "method.quant_type", "method.double_quant"),
    ),
    (
        "Length of the run",
        ("train.epochs", "train.max_steps", "train.early_stopping"),
    ),
    (
        "Steps",
        (
            "train.learning_rate", "train.scheduler", "train.warmup_ratio",
            "train.batch_size", "train.gradient_accumulation", "train.optimizer",
            "train.weight_decay", "train.max_grad_norm",
        ),
    ),
    (
        "Memory",
        ("train.seq_len", "train.gradient_checkpointing", "train.attention"),
    ),
    ("Data", ("data.train_on", "data.eval_fraction", "data.template")),
    (
        "Record",
        (
            "train.eval_every", "train.save_every", "train.keep_checkpoints",
            "train.seed",
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """One setting: its control, its value, and what is said about it."""

    key: str
    label: str
    what: str
    raised: str
    unit: str
    control: Control
    value: Any
    text: str
    """The value as a person would type it."""
    choices: tuple[tuple[str, str], ...] = ()
    low: float | None = None
    high: float | None = None
    zero: str = ""
    """What stands for 0 where 0 is no number: "never"."""
    is_changed: bool = False
    default_text: str = ""
    problem: str = ""

    @property
    def tip(self) -> str:
        """What it does, what raising it changes, and what it is by default."""
        parts = [self.what]
        if self.raised:
            higher = "On" if self.control == "switch" else "Higher"
            parts.append(f"{higher}: {self.raised[0].lower()}{self.raised[1:]}")
        parts.append(f"Default: {self.default_text}.")
        return "\n".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingGroup:
    """Settings that belong together."""

    title: str
    rows: tuple[SettingRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsView:
    """The whole form, or what a search leaves of it."""

    groups: tuple[SettingGroup, ...]
    query: str
    changed_text: str
    empty_text: str


def present_settings(
    plan: Plan, *, query: str = "", found: Iterable[Problem] = ()
) -> SettingsView:
    """Return the form for `plan`, less what `query` does not match."""
    # The last of a field's messages stands: an error drives out a warning.
    by_weight = sorted(found, key=lambda item: item.level == "error")
    messages = {item.field: item.message for item in by_weight}
    words = query.lower().split()
    groups: list[SettingGroup] = []
    for title, keys in _GROUPS:
        rows = tuple(
            setting_row(plan, BY_KEY[key], messages.get(key, ""))
            for key in keys
            if _is_offered(plan, key) and _matches(BY_KEY[key], title, words)
        )
        if rows:
            groups.append(SettingGroup(title=title, rows=rows))
    changed = sum(
        value_of(plan, key) != BY_KEY[key].default
        for _, keys in _GROUPS
        for key in keys
    )
    return SettingsView(
        groups=tuple(groups),
        query=query,
        changed_text=f"{changed} changed from default" if changed else "",
        empty_text="" if groups else f"No setting matches “{query}”.",
    )


def offered_keys() -> frozenset[str]:
    """Return every key the form offers."""
    return frozenset(key for _, keys in _GROUPS for key in keys)


def unoffered_keys() -> frozenset[str]:
    """Return the keys the form leaves to other steps or to one possible value."""
    return frozenset(field.key for field in FIELDS) & _ELSEWHERE


def setting_row(plan: Plan, field: PlanField, problem: str = "") -> SettingRow:
    """Return the row for one plan key."""
    value = value_of(plan, field.key)
    refused = _REFUSED.get(field.key, frozenset())
    return SettingRow(
        key=field.key,
        label=field.explanation.label,
        what=field.explanation.what,
        raised=field.explanation.raised,
        unit=field.explanation.unit,
        control=_control(field),
        value=value,
        text=value_text(value),
        choices=tuple((name, name) for name in field.choices if name not in refused),
        low=field.low,
        high=field.high,
        zero=field.explanation.zero,
        is_changed=value != field.default,
        default_text=_default_text(field),
        problem=problem,
    )


def _default_text(field: PlanField) -> str:
    if field.default == 0 and field.explanation.zero:
        return field.explanation.zero
    return value_text(field.default) or "empty"


def value_text(value: Any) -> str:
    """Return a plan value as a person would type it: ``0.0002``, ``q_proj, v_proj``."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, Mapping):
        return ", ".join(f"{role}={column}" for role, column in value.items())  # pyright: ignore[reportUnknownVariableType]
    return str(value)


def _control(field: PlanField) -> Control:
    match field.type:
        case "choice":
            return "choice"
        case "boolean":
            return "switch"
        case "integer":
            return "whole"
        case "number":
            return "number"
        case "list" | "mapping":
            return "list"
        case "text":
            return "text"


def _is_offered(plan: Plan, key: str) -> bool:
    return key not in _QLORA_ONLY or plan.method.kind == "qlora"


def _matches(field: PlanField, group: str, words: list[str]) -> bool:
    told = field.explanation
    text = f"{field.key} {told.label} {told.what} {told.raised} {group}".lower()
    return all(word in text for word in words)
