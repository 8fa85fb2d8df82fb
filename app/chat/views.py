"""The values the Chat page is decided from, and those it shows. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from app.chat.transcript import Speaker, Transcript
from app.theme.tokens import Tone
from core.chat.events import Sampling
from core.estimate.uses.price import UseEstimate
from core.library.record import AdapterRecord
from core.models.facts import ModelFacts

MOST_VOICES = 4
"""Columns that can be read side by side, the base among them."""

LoadPhase = Literal["none", "making", "loading", "ready", "dead"]
NoticeAction = Literal["load", "runs", "anyway"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineState:
    """What the chat's engine is doing."""

    phase: LoadPhase = "none"
    what: str = ""
    fraction: float | None = None
    device: str = ""
    dtype: str = ""
    memory: int = 0
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """A training that runs beside the chat."""

    run_id: str
    name: str
    is_on_gpu: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterChoice:
    """One adapter that fits the base."""

    adapter_id: str
    name: str
    detail: str
    is_chosen: bool
    can_choose: bool
    scale: float
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """One answer in its column."""

    key: str
    name: str
    text: str
    markdown: str
    """The same for a Markdown reader, once it is whole."""
    is_streaming: bool
    problem: str
    foot: str
    """Tokens and speed, once it is done."""
    foot_tip: str
    prompt: str
    prompt_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnView:
    """One prompt over its answers."""

    prompt: str
    answers: tuple[AnswerView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeView:
    """A strip above the conversation; `actions` are (what it does, words)."""

    tone: Tone
    title: str
    text: str = ""
    actions: tuple[tuple[NoticeAction, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FitView:
    """Whether base and adapters would fit, before they are loaded."""

    word: str
    tone: Tone
    text: str
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFacts:
    """Everything the page is decided from."""

    models: tuple[ModelFacts, ...] | None
    adapters: tuple[AdapterRecord, ...]
    base_id: str
    with_base: bool
    chosen: tuple[str, ...]
    scales: Mapping[str, float]
    sampling: Sampling
    quantized: bool
    engine: EngineState
    transcript: Transcript
    asked: int
    """Answers that are being given or wait to be."""
    busy: Busy | None
    busy_allowed: bool
    fit: UseEstimate | None = None
    """What loading would take; None while that is not known."""
    leaner: UseEstimate | None = None
    """The same with the base in 4 bit, where only that fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatView:
    """The whole page."""

    bases: tuple[tuple[str, str], ...]
    base_id: str
    with_base: bool
    can_switch_base: bool
    """Whether there is a column left for the base's answers, or one to take away."""
    adapters: tuple[AdapterChoice, ...]
    adapters_note: str
    state: str
    state_tone: Tone
    state_detail: str
    """Device, number format and memory, once it is loaded."""
    fit: FitView | None
    """None once something is loaded, and where nobody can tell."""
    is_loading: bool
    loading_what: str
    loading_fraction: float | None
    can_load: bool
    can_unload: bool
    load_text: str
    notice: NoticeView | None
    turns: tuple[TurnView, ...]
    system: str
    sampling: Sampling
    quantized: bool
    can_send: bool
    send_tip: str
    is_answering: bool
    can_redo: bool
    can_take_back: bool
    """Whether the last prompt, or all of the talk, can be taken away."""
    can_save: bool
    voices: tuple[Speaker, ...]
    empty_title: str
    empty_text: str
