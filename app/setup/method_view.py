"""Step 3, as it is shown: LoRA or QLoRA, how thorough, and every setting behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.setup.presets import PRESETS, preset_of
from app.setup.settings_view import SettingsView, present_settings
from app.setup.state import FitState
from app.setup.words import METHOD_NAMES, TRAINABLE, joined, verdict_words
from core.estimate.answer import MemoryEstimate
from core.hardware.budget import DeviceBudget
from core.plan.fields import BY_KEY, value_of
from core.plan.plan import MethodKind, Plan
from core.plan.problems import Problem
from core.planner.forecast import Forecast
from core.units import bytes_text

if TYPE_CHECKING:
    from app.theme.tokens import Tone

_WHAT: Final[dict[MethodKind, str]] = {
    "lora": "A small adapter learns beside the model as it is.",
    "qlora": "The same adapter, the model packed into 4 bit.",
}
_UNPACKED: Final = (
    "Saves nothing here: none of this model's linear layers can be packed into 4 bit."
)
_SPEED: Final[dict[MethodKind, str]] = {
    "lora": "weights are used as they lie in memory.",
    "qlora": "weights are unpacked for each use.",
}
_QUALITY: Final[dict[MethodKind, str]] = {
    "lora": "The reference: nothing is rounded.",
    "qlora": "Close to LoRA: 4-bit rounding costs a little.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodCard:
    """One method as a large choice."""

    kind: MethodKind
    name: str
    what: str
    memory: str
    memory_detail: str
    verdict: str
    tone: Tone
    speed: str
    quality: str
    is_chosen: bool
    is_recommended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetCard:
    """One preset."""

    key: str
    name: str
    what: str
    detail: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodView:
    """Everything step 3 shows."""

    cards: tuple[MethodCard, ...]
    recommendation: str
    presets: tuple[PresetCard, ...]
    preset_text: str
    settings: SettingsView


def present_method(
    plan: Plan,
    state: FitState,
    *,
    packs: bool = True,
    query: str = "",
    found: Iterable[Problem] = (),
) -> MethodView:
    """Return step 3 for the draft on the device the estimates are for.

    Args:
        plan: The draft.
        state: What it needs by each method.
        packs: Whether the model has layers that 4 bits make smaller.
        query: Which settings are looked for.
        found: What is wrong with the draft.
    """
    worn = preset_of(plan)
    return MethodView(
        cards=tuple(_card(kind, plan, state, packs=packs) for kind in TRAINABLE),
        recommendation=_recommendation(state),
        presets=tuple(
            PresetCard(
                key=preset.key,
                name=preset.name,
                what=preset.what,
                detail=joined(
                    f"rank {preset.values['method.rank']}",
                    f"{preset.values['train.epochs']:g} epochs"
                    if preset.values["train.epochs"] != 1
                    else "1 epoch",
                ),
                is_chosen=preset is worn,
            )
            for preset in PRESETS
        ),
        preset_text="" if worn else _unworn_text(plan),
        settings=present_settings(plan, query=query, found=found),
    )


def _unworn_text(plan: Plan) -> str:
    keys = PRESETS[0].values
    if all(value_of(plan, key) == BY_KEY[key].default for key in keys):
        return "Now: the defaults, one epoch at rank 16."
    return (
        "Now: your own mix. Choosing a preset sets its values again; undo brings yours"
        " back."
    )


def _recommendation(state: FitState) -> str:
    if state.recommended is None:
        return (
            "Choose a model first; then each method is priced for it on this machine."
            if not state.estimates
            else ""
        )
    return state.recommended_why


def _card(kind: MethodKind, plan: Plan, state: FitState, *, packs: bool) -> MethodCard:
    estimate = state.estimates.get(kind)
    words, tone = verdict_words(estimate) if estimate else ("", "neutral")
    return MethodCard(
        kind=kind,
        name=METHOD_NAMES[kind],
        what=_WHAT[kind] if packs or kind != "qlora" else _UNPACKED,
        memory=bytes_text(estimate.process) if estimate else "–",
        memory_detail=_memory_detail(estimate, state.judged),
        verdict=words,
        tone=tone,
        speed=_speed(kind, state.forecasts),
        quality=_QUALITY[kind] if packs else _QUALITY["lora"],
        is_chosen=plan.method.kind == kind,
        is_recommended=state.recommended == kind,
    )


def _speed(kind: MethodKind, rates: Mapping[MethodKind, Forecast]) -> str:
    """Return how fast `kind` learns here, or which of both is faster, and why."""
    rate = rates.get(kind)
    if rate is None:
        word = "Faster" if kind == "lora" else "Slower"
        return f"{word}: {_SPEED[kind]}"
    exact = rates.get("lora")
    share = 0.0 if exact is None else rate.tokens_per_s / exact.tokens_per_s - 1
    than = "" if abs(share) < 0.01 else f", {abs(share) * 100:.0f} % "
    than += "" if not than else "slower" if share < 0 else "faster"
    return f"About {rate.tokens_per_s:,.0f} tokens/s{than}: {_SPEED[kind]}"


def _memory_detail(estimate: MemoryEstimate | None, budget: DeviceBudget | None) -> str:
    if estimate is None:
        return "Known once a model is chosen."
    if estimate.available is None or budget is None:
        return "expected at the peak"
    return f"of {bytes_text(estimate.available)} free on {budget.name}"
