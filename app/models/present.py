"""What the Models page says beyond the list it shares with Train: pure, no Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.setup.model_view import ModelView, fit_badges, present_models
from app.setup.state import ModelState
from app.setup.words import METHOD_NAMES
from core.estimate.answer import MemoryEstimate
from core.models.facts import ModelFacts
from core.plan.plan import MethodKind
from core.units import bytes_text, count_text

if TYPE_CHECKING:
    from app.setup.model_view import FitBadge

_SOURCES: Final = {
    "starter": "Comes with Tunesmith",
    "catalogue": "Catalogue, from huggingface.co",
    "hub": "huggingface.co",
    "local": "A folder on this computer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsState:
    """What the Models page knows beside the list."""

    models: ModelState
    is_offline: bool = False
    free_disk: int | None = None
    can_delete: bool = False
    """Whether the chosen model's files are ours to move to the trash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """The chosen model."""

    name: str
    id: str
    rows: tuple[tuple[str, str, str], ...]
    badges: tuple[FitBadge, ...]
    can_train: bool
    train_tip: str
    delete_word: str
    """"Delete", "Forget", or "" where neither makes sense."""
    delete_tip: str
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsView:
    """Everything the page shows."""

    list: ModelView
    summary: str
    id_hint: str
    """What pressing Enter in the search field would look up; "" if nothing."""
    detail: Detail | None


def present(state: ModelsState) -> ModelsView:
    """Return the page for `state`."""
    models = state.models
    chosen = models.chosen
    query = models.query
    listed = {item.id for item in models.listed or ()}
    is_new_id = query.count("/") == 1 and query not in listed and " " not in query
    return ModelsView(
        list=present_models(models, is_offline=state.is_offline),
        summary=_summary(models.listed, state.free_disk),
        id_hint=query if is_new_id and not query.startswith(("/", ".", "~")) else "",
        detail=None if chosen is None else _detail(chosen, state),
    )


def _summary(listed: tuple[ModelFacts, ...] | None, free_disk: int | None) -> str:
    if listed is None:
        return "Looking for models…"
    here = [item for item in listed if item.local]
    held = sum(item.disk or 0 for item in here)
    many = "1 model" if len(here) == 1 else f"{len(here)} models"
    words = f"{many} on this computer, {bytes_text(held)}"
    if not here:
        words = "No model on this computer yet"
    if free_disk is not None:
        words += f"  ·  {bytes_text(free_disk)} free"
    return words


def _detail(item: ModelFacts, state: ModelsState) -> Detail:
    fits = state.models.fits.get(item.id, {})
    usable = not item.problem
    word, tip = _delete_words(item, can_delete=state.can_delete)
    return Detail(
        name=item.name,
        id=item.id,
        rows=tuple(row for row in _rows(item, fits) if row[1]),
        badges=() if item.problem else fit_badges(fits),
        can_train=usable,
        train_tip=(
            f"Start a new run with {item.name}"
            if usable
            else f"{item.name} cannot be trained: {item.problem}"
        ),
        delete_word=word,
        delete_tip=tip,
        folder=str(item.path) if item.path else "",
    )


def _delete_words(item: ModelFacts, *, can_delete: bool) -> tuple[str, str]:
    if not item.local:
        return "", ""
    size = f" and frees {bytes_text(item.disk)} when emptied" if item.disk else ""
    if can_delete:
        return "Delete", f"Moves {item.name} to the trash{size}. It can be undone."
    if item.source == "local":
        return (
            "Forget",
            f"Takes {item.name} off the list; its files stay where they are.",
        )
    return "", ""


def _rows(
    item: ModelFacts, fits: Mapping[MethodKind, MemoryEstimate]
) -> tuple[tuple[str, str, str], ...]:
    context = f"{item.context_length:,} tokens" if item.context_length else ""
    disk = bytes_text(item.disk) if item.disk else ""
    if disk and not item.local:
        disk = f"about {disk}"
    rows = (
        ("Id", item.id, "What a plan's model.id holds."),
        ("From", _SOURCES[item.source], ""),
        (
            "Parameters",
            count_text(item.parameters) if item.parameters else "",
            "How many weights it has. More know more, and need more memory.",
        ),
        ("Architecture", item.architecture, "The family its layers belong to."),
        (
            "Context",
            context,
            "The longest text it reads at once. A run's length cannot exceed it.",
        ),
        ("Licence", item.licence, "What its makers allow you to do with it."),
        ("On disk" if item.local else "To download", disk, ""),
        ("Folder", str(item.path) if item.path else "", ""),
    )
    needs = tuple(
        (
            f"{METHOD_NAMES[kind]} needs",
            f"{bytes_text(estimate.process)}",
            estimate.reason,
        )
        for kind, estimate in fits.items()
    )
    return (*rows, *needs)
