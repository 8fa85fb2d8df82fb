"""Step 1, as it is shown: the models, what each needs here, and the one chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from app.qtwork.window_words import in_window
from app.setup.progress_view import Progress, progress_of
from app.setup.state import Failure, ModelState
from app.setup.words import (
    METHOD_BITS,
    METHOD_NAMES,
    TRAINABLE,
    joined,
    verdict_words,
)
from core.estimate.answer import MemoryEstimate
from core.models.facts import ModelFacts
from core.plan.plan import MethodKind
from core.units import bytes_text, count_text

if TYPE_CHECKING:
    from app.theme.tokens import Tone

Way = Literal["none", "make", "download"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitBadge:
    """One method's verdict on this machine: a word, a tone, the figures."""

    text: str
    tone: Tone
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One model in the list."""

    id: str
    name: str
    detail: str
    badges: tuple[FitBadge, ...] = ()
    problem: str = ""
    is_chosen: bool = False

    @property
    def spoken(self) -> str:
        """What a screen reader says."""
        fits = ", ".join(f"{badge.text}: {badge.tip}" for badge in self.badges)
        return joined(self.name, self.detail, self.problem or fits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """Everything step 1 shows."""

    cards: tuple[ModelCard, ...]
    is_looking: bool
    empty_text: str
    shown: str
    query: str
    can_search_hub: bool
    hub_tip: str
    is_searching: bool
    chosen_title: str = ""
    chosen_text: str = ""
    chosen_tone: Tone = "neutral"
    way: Way = "none"
    way_text: str = ""
    way_tip: str = ""
    licence_url: str = ""
    progress: Progress | None = None
    failure: Failure | None = None


def present_models(state: ModelState, *, is_offline: bool) -> ModelView:
    """Return step 1 for `state`."""
    facts = _visible(state)
    cards = tuple(_card(item, state) for item in facts)
    base = ModelView(
        cards=cards,
        is_looking=state.listed is None,
        empty_text=_empty_text(state, is_offline=is_offline),
        shown=state.shown,
        query=state.query,
        can_search_hub=bool(state.query) and not is_offline and not state.is_searching,
        hub_tip=_hub_tip(state, is_offline=is_offline),
        is_searching=state.is_searching,
        progress=progress_of(state.work),
        failure=state.failure or state.unusable,
    )
    return _with_chosen(base, state, is_offline=is_offline)


def _visible(state: ModelState) -> list[ModelFacts]:
    listed = state.listed or ()
    known = {item.id for item in listed}
    found = [item for item in state.found if item.id not in known]
    everything = [*listed, *found]
    if state.chosen is not None and state.chosen.id not in {m.id for m in everything}:
        everything.insert(0, state.chosen)
    words = state.query.lower().split()
    return [
        item for item in everything if _is_shown(item, state) and _matches(item, words)
    ]


def _is_shown(item: ModelFacts, state: ModelState) -> bool:
    match state.shown:
        case "all":
            return True
        case "fits":
            prices = state.fits.get(item.id, {})
            return any(prices[kind].fits for kind in TRAINABLE if kind in prices)
        case "here":
            return item.local or item.source == "starter"
        case "download":
            return not item.local and item.source != "starter"


def _matches(item: ModelFacts, words: list[str]) -> bool:
    text = f"{item.id} {item.name} {item.architecture} {item.licence}".lower()
    return all(word in text for word in words)


def _card(item: ModelFacts, state: ModelState) -> ModelCard:
    return ModelCard(
        id=item.id,
        name=item.name,
        detail=joined(_parameters(item), _where(item), item.licence, _context(item)),
        badges=() if item.problem else fit_badges(state.fits.get(item.id, {})),
        problem=item.problem,
        is_chosen=state.chosen is not None and state.chosen.id == item.id,
    )


def facts_line(item: ModelFacts) -> str:
    """Return size, context and licence in one line, as far as known."""
    return joined(_parameters(item), _context(item), item.licence)


def short_facts(item: ModelFacts) -> str:
    """Return size and licence, for where there is little room."""
    return joined(_parameters(item), item.licence)


def _parameters(item: ModelFacts) -> str:
    return f"{count_text(item.parameters)} parameters" if item.parameters else ""


def _context(item: ModelFacts) -> str:
    length = item.context_length
    return f"context of {length:,} tokens" if length else ""


def _where(item: ModelFacts) -> str:
    if item.source == "starter":
        return "Comes with Tunesmith"
    if item.local:
        return joined("On this computer", bytes_text(item.disk) if item.disk else "")
    if item.source == "local":
        return "No weights"
    # The weights' format is known once the Hub has been asked; most are in 16 bits.
    size = f", about {bytes_text(item.disk)}" if item.disk else ""
    return joined(f"To download{size}", "licence to accept" if item.gated else "")


def fit_badges(
    estimates: Mapping[MethodKind, MemoryEstimate],
) -> tuple[FitBadge, ...]:
    """Return a badge for each method the engine trains, as far as estimated."""
    found = (estimates[kind] for kind in TRAINABLE if kind in estimates)
    return tuple(_badge(estimate) for estimate in found)


def _badge(estimate: MemoryEstimate) -> FitBadge:
    words, tone = verdict_words(estimate)
    name = METHOD_NAMES[estimate.method]
    tip = f"{name}, {METHOD_BITS[estimate.method]}: {words}. {estimate.reason}"
    return FitBadge(text=f"{name} {words}", tone=tone, tip=tip)


def _empty_text(state: ModelState, *, is_offline: bool) -> str:
    if not state.query:
        return "No model here. Add a folder, or look under All."
    if "/" in state.query:
        return f"Not known here. Press Enter to use “{state.query}” as it stands."
    if is_offline:
        return (
            f"Nothing here matches “{state.query}”. Offline is switched on, so the Hub"
            " cannot be searched."
        )
    return f"Nothing here matches “{state.query}”. Search the Hub for it."


def _hub_tip(state: ModelState, *, is_offline: bool) -> str:
    if is_offline:
        return "Offline is switched on in Settings; nothing is asked of the network."
    if not state.query:
        return "Type a name first, or paste an id such as org/name."
    return f"Ask huggingface.co for models called “{state.query}”."


def _with_chosen(view: ModelView, state: ModelState, *, is_offline: bool) -> ModelView:
    item = state.chosen
    if item is None:
        return view
    title, text, tone, way, way_text = _chosen_words(item, is_offline=is_offline)
    return replace(
        view,
        chosen_title=title,
        chosen_text=text,
        chosen_tone=tone,
        way="none" if state.work is not None else way,
        way_text=way_text,
        way_tip=text,
        licence_url=f"https://huggingface.co/{item.id}" if item.gated else "",
    )


def _chosen_words(
    item: ModelFacts, *, is_offline: bool
) -> tuple[str, str, Tone, Way, str]:
    if item.problem:
        return f"{item.name} cannot be trained", _why(item), "bad", "none", ""
    if item.local:
        return f"{item.name} is ready", facts_line(item), "good", "none", ""
    if item.source == "starter":
        return (
            f"{item.name} comes with Tunesmith",
            "It is unpacked once, which takes under a minute and no network.",
            "accent",
            "make",
            "Unpack it",
        )
    size = f" (about {bytes_text(item.disk)})" if item.disk else ""
    if item.source == "local":
        return (
            f"{item.name} cannot be trained",
            in_window(item.hint),
            "warn",
            "none",
            "",
        )
    if is_offline:
        return (
            f"{item.name} is not on this computer",
            (
                "Offline is switched on. Switch it off in Settings to download it, or choose"
                " a model that is here."
            ),
            "warn",
            "none",
            "",
        )
    gated = (
        " Its licence must be accepted on its page first, with the account of your"
        " token."
        if item.gated
        else ""
    )
    return (
        f"{item.name} is not on this computer",
        (
            f"Download it once{size}; after that it needs no network. Paused, it goes on"
            f" where it was; ended, it keeps the files that are whole.{gated}"
        ),
        "accent",
        "download",
        "Download",
    )


def _why(item: ModelFacts) -> str:
    return f"{item.problem} {in_window(item.hint)}".strip()
