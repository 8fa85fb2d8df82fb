"""Step 4, as it is shown: the memory bar, what to change, the disk, and who else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from app.setup.cards_view import CardsView, present_cards
from app.setup.exact_view import ExactView, exact_line, present_exact
from app.setup.fit_facts import disk_rows, others, told_facts
from app.setup.offer_view import OfferView, present_offer
from app.setup.parts_view import (
    PART_WORDS,
    PartRow,
    part_sizes,
    present_parts,
    series_of,
)
from app.setup.report import DataReport
from app.setup.state import Failure, FitState
from app.setup.words import METHOD_NAMES, TRAINABLE, joined, verdict_words
from core.estimate.answer import Components, MemoryEstimate
from core.hardware.budget import DeviceBudget
from core.models.shape import ModelShape
from core.plan.fields import BY_KEY
from core.plan.plan import MethodKind, Plan
from core.units import bytes_text

if TYPE_CHECKING:
    from app.theme.tokens import Tone

_COMPARED: Final[tuple[MethodKind, ...]] = ("lora", "qlora", "lora8", "full")


@dataclass(frozen=True, slots=True, kw_only=True)
class BarPart:
    """One piece of a memory bar."""

    name: str
    size_bytes: int
    tip: str
    series: int | None = None
    """The number of its colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRow:
    """One method's bar."""

    label: str
    parts: tuple[BarPart, ...]
    low_bytes: int
    high_bytes: int
    verdict: str
    tone: Tone
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SliderValue:
    """A slider on a plan key."""

    key: str
    label: str
    value: float
    default: float
    stops: tuple[float, ...]
    unit: str
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FitView:
    """Everything step 4 shows."""

    title: tuple[str, ...]
    """What a picture of the bars needs to be understood by itself."""
    picture_name: str
    device_title: str
    device_detail: str
    is_other: bool
    other_text: str
    other_failure: Failure | None
    bars: tuple[BarRow, ...]
    free_bytes: int
    free_label: str
    verdict: str
    verdict_tone: Tone
    reason: str
    sliders: tuple[SliderValue, ...]
    effective_text: str
    can_make_fit: bool
    make_fit_text: str
    make_fit_tip: str
    offer: OfferView | None
    parts: tuple[PartRow, ...]
    disk: tuple[tuple[str, str, str], ...]
    others: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    """Who else is on the card, the time, the disk, what was learnt; in sentences."""
    cards: CardsView | None
    exact: ExactView
    exact_line: str
    """The exact figure in a sentence; empty while it is not known."""
    compares_all: bool
    empty_text: str
    failure: Failure | None


def present_fit(
    plan: Plan,
    state: FitState,
    shape: ModelShape | None,
    report: DataReport | None = None,
    *,
    name: str = "",
) -> FitView:
    """Return step 4 for the draft on the device the estimates are for."""
    estimate = state.estimates.get(plan.method.kind)
    budget = state.judged
    words, tone = verdict_words(estimate) if estimate else ("", "neutral")
    bars = _bars(plan, state)
    return FitView(
        title=(
            f"{name or 'No model'} on {budget.name if budget else 'no device'}",
            settings_text(plan),
            estimate.reason if estimate else "",
        ),
        picture_name=_file_name(f"{name}-{plan.method.kind}-memory.png"),
        device_title=budget.name if budget else "Looking for a device",
        device_detail=device_detail(budget, is_other=state.other is not None),
        is_other=state.other is not None,
        other_text=state.other_text,
        other_failure=state.other_failure,
        bars=bars,
        free_bytes=_free(estimate),
        free_label="free there" if state.other else "free now",
        verdict=f"{METHOD_NAMES[plan.method.kind]} {words}" if estimate else "",
        verdict_tone=tone,
        reason=estimate.reason if estimate else "",
        sliders=slider_values(plan, shape),
        effective_text=effective_text(plan),
        can_make_fit=estimate is not None,
        make_fit_text="How far can it go" if _fits(estimate) else "Make it fit",
        make_fit_tip=_make_fit_tip(estimate),
        offer=present_offer(state.offer),
        parts=present_parts(estimate, state.formulas),
        disk=disk_rows(estimate, state.free_disk),
        others=others(state),
        facts=told_facts(plan, state, estimate, report),
        cards=present_cards(state.cards),
        exact=present_exact(state.exact),
        exact_line=exact_line(state.exact),
        compares_all=state.compares_all,
        empty_text=_empty_text(plan, state, shape, name),
        failure=state.failure,
    )


def device_detail(budget: DeviceBudget | None, *, is_other: bool) -> str:
    """Return what is free on `budget`, in words."""
    if budget is None:
        return ""
    if is_other:
        return f"{bytes_text(budget.total)}, with nothing else running on it"
    kind = "" if budget.kind == "cuda" else " main memory"
    return f"{bytes_text(budget.free)} of {bytes_text(budget.total)}{kind} free"


def _free(estimate: MemoryEstimate | None) -> int:
    return (estimate.available or 0) if estimate else 0


def _bars(plan: Plan, state: FitState) -> tuple[BarRow, ...]:
    kinds = _COMPARED if state.compares_all else TRAINABLE
    return tuple(
        bar_row(state.estimates[kind], is_chosen=kind == plan.method.kind)
        for kind in kinds
        if kind in state.estimates
    )


def bar_row(estimate: MemoryEstimate, *, is_chosen: bool) -> BarRow:
    """Return the bar of one method."""
    words, tone = verdict_words(estimate)
    trainable = estimate.method in TRAINABLE
    return BarRow(
        label=METHOD_NAMES[estimate.method],
        parts=tuple(
            BarPart(
                name=PART_WORDS[name][0],
                size_bytes=size,
                tip=PART_WORDS[name][1],
                series=series_of(name),
            )
            for name, size in part_sizes(_packed(estimate.components))
        ),
        low_bytes=estimate.low,
        high_bytes=estimate.high,
        verdict=words if trainable else f"{words}, for comparison",
        tone=tone,
        is_chosen=is_chosen,
    )


def _packed(parts: Components) -> Components:
    """Return `parts` with the scales counted among the weights they belong to.

    Eight pieces have eight colours; the table names the ninth.
    """
    weights = parts.weights + parts.quantization
    return replace(parts, weights=weights, quantization=0)


def slider_values(plan: Plan, shape: ModelShape | None) -> tuple[SliderValue, ...]:
    """Return the sliders that move memory, at the values of `plan`."""
    longest = shape.context_length if shape and shape.context_length else 8192
    lengths = _doubling(128, longest)
    return (
        _slider("train.batch_size", plan.train.batch_size, _doubling(1, 64)),
        _slider("train.seq_len", plan.train.seq_len, lengths),
        _slider("method.rank", plan.method.rank, _doubling(1, 256)),
        _slider(
            "train.gradient_accumulation",
            plan.train.gradient_accumulation,
            _doubling(1, 128),
        ),
    )


def _slider(key: str, value: float, stops: tuple[float, ...]) -> SliderValue:
    field = BY_KEY[key]
    told = field.explanation
    tip = f"{told.what}\nHigher: {told.raised}" if told.raised else told.what
    return SliderValue(
        key=key,
        label=told.label,
        value=value,
        default=float(field.default),
        stops=stops if value <= stops[-1] else (*stops, float(value)),
        unit=told.unit,
        tip=tip,
    )


def _doubling(first: int, last: int) -> tuple[float, ...]:
    stops = [float(first)]
    while stops[-1] * 2 <= last:
        stops.append(stops[-1] * 2)
    if stops[-1] < last:
        stops.append(float(last))
    return tuple(stops)


def effective_text(plan: Plan) -> str:
    """Return what one step sees, in a sentence."""
    train = plan.train
    tokens = train.effective_batch * train.seq_len
    return (
        f"{train.effective_batch:,} sequences per step ({train.batch_size} ×"
        f" {train.gradient_accumulation}), at most {tokens:,} tokens."
    )


def _fits(estimate: MemoryEstimate | None) -> bool:
    return estimate is not None and estimate.fits


def _make_fit_tip(estimate: MemoryEstimate | None) -> str:
    if estimate is None:
        return "Choose a model first."
    if estimate.fits:
        return (
            "It fits. Show the longest sequence and the largest batch that would too."
        )
    return (
        "Show the smallest changes that make it fit. Nothing changes until you apply."
    )


def settings_text(plan: Plan) -> str:
    """Return the settings memory depends on, in a line."""
    train, method = plan.train, plan.method
    parts = [
        f"batch {train.batch_size} × {train.gradient_accumulation}",
        f"{train.seq_len:,} tokens",
        f"rank {method.rank}",
        ", ".join(method.target_modules),
        train.optimizer,
    ]
    if train.gradient_checkpointing:
        parts.append("gradient checkpointing")
    return joined(*parts)


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip("-")


def _empty_text(
    plan: Plan, state: FitState, shape: ModelShape | None, name: str
) -> str:
    if state.estimates or state.failure is not None:
        return ""
    if plan.model.id and shape is None:
        return f"The sizes of {name} are not known until it is on this disk."
    return "Choose a model, and its memory is drawn here."
