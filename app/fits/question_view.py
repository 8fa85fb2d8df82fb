"""The question, as it is shown: model, device, method, and what moves memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.fits.state import FitsState
from app.glance import short_device_name
from app.setup.fit_view import SliderValue, device_detail, effective_text, slider_values
from app.setup.state import Failure
from core.hardware.budget import DeviceBudget
from core.hardware.cards import cards
from core.models.facts import ModelFacts
from core.plan.fields import BY_KEY
from core.plan.plan import MethodKind
from core.units import bytes_text, count_text


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionView:
    """What is asked, and what may be asked instead."""

    models: tuple[tuple[str, str], ...]
    model_key: str
    model_text: str
    model_detail: str
    model_failure: Failure | None
    devices: tuple[tuple[str, str], ...]
    device_key: str
    device_text: str
    device_detail: str
    device_failure: Failure | None
    method: MethodKind
    sliders: tuple[SliderValue, ...]
    checkpointing: bool
    checkpointing_tip: str
    effective_text: str
    can_train: bool
    train_tip: str


def present_question(state: FitsState) -> QuestionView:
    """Return the question for `state`."""
    plan, chosen = state.plan, state.chosen
    can_train = chosen is not None and not chosen.problem and state.shape is not None
    told = BY_KEY["train.gradient_checkpointing"].explanation
    known_cards = {name for name, _ in _CARDS}
    is_card = state.device_key in known_cards or not state.device_key
    return QuestionView(
        models=_model_options(state.listed or ()),
        model_key=chosen.id if chosen else "",
        model_text=state.model_text or (chosen.name if chosen else ""),
        model_detail=_model_detail(state),
        model_failure=state.model_failure,
        devices=(("", _here(state.budget)), *_CARDS),
        device_key=state.device_key,
        device_text="" if is_card else state.device_key,
        device_detail=device_detail(state.judged, is_other=state.other is not None),
        device_failure=state.device_failure,
        method=plan.method.kind,
        sliders=slider_values(plan, state.shape),
        checkpointing=plan.train.gradient_checkpointing,
        checkpointing_tip=f"{told.what}\nOn: {told.raised}",
        effective_text=effective_text(plan),
        can_train=can_train,
        train_tip=(
            "Opens the Train page with this model and these settings. Its data and all"
            " other settings stay as they are there."
            if can_train
            else "Choose a model that can be trained."
        ),
    )


_CARDS = tuple(
    (card.name, f"{card.name} · {bytes_text(card.memory)}") for card in cards()
)


def _here(budget: DeviceBudget | None) -> str:
    if budget is None:
        return "This machine"
    return f"This machine · {short_device_name(budget.name)}"


def _model_options(models: Sequence[ModelFacts]) -> tuple[tuple[str, str], ...]:
    """Return each model's id and words; who made it where the name alone is not one."""
    seen = Counter(model.name for model in models)
    return tuple(
        (
            model.id,
            _model_words(model) if seen[model.name] == 1 else _whole_words(model),
        )
        for model in models
    )


def _model_words(model: ModelFacts) -> str:
    size = f" · {count_text(model.parameters)}" if model.parameters else ""
    where = " · here" if model.local else ""
    return f"{model.name}{size}{where}"


def _whole_words(model: ModelFacts) -> str:
    owner = model.id.removesuffix(model.name).rstrip("/")
    return f"{_model_words(model)} · {owner}" if owner else _model_words(model)


def _model_detail(state: FitsState) -> str:
    chosen, shape = state.chosen, state.shape
    if chosen is None or shape is None:
        return ""
    context = f" · {shape.context_length:,} tokens" if shape.context_length else ""
    return f"{count_text(shape.parameters)} · {shape.architecture}{context}"
