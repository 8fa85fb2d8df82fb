"""``models …``: base models, on this disk and to be had."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from core.cli.asked import chosen_budget
from core.cli.request import Request
from core.cli.starter import ensure_starter, follow_task
from core.cli.table import pairs, table
from core.errors import ModelError
from core.models.added import add_model, remove_model
from core.models.facts import ModelFacts
from core.models.find import all_models, find_model, find_to_estimate, shape_of
from core.models.shape import ModelShape
from core.models.starter import STARTER_ID
from core.models.trash import delete_model
from core.places import called
from core.plan.plan import Plan
from core.planner.ranking import Ranked, rank
from core.runs.outcomes import read_outcomes
from core.units import bytes_text, count_text


def list_models(request: Request) -> int:
    """Answer with every model known here: the starter, then the best fit first.

    What fits the device comes first, the largest of it first; models whose sizes are not
    known, or that cannot be trained, come last.
    """
    budget = chosen_budget(request)
    found = all_models(request.places)
    ranked = rank(
        _trainable(found, request),
        Plan(),
        budget,
        outcomes=read_outcomes(request.places),
    )
    by_id = {one.facts.id: one for one in ranked}
    rest = [facts for facts in found if facts.id not in by_id]
    ordered = [*(one.facts for one in ranked), *rest]
    ordered.sort(key=lambda facts: facts.id != STARTER_ID)  # stable
    head = ("MODEL", "WHERE", "SIZE", "FITS", "CONTEXT", "LICENCE", "DISK", "")
    request.console.answer(
        {
            "models": [
                {**_document(facts), **_fit_document(by_id.get(facts.id))}
                for facts in ordered
            ],
            "device": budget.name,
        },
        table(head, [_row(facts, by_id.get(facts.id)) for facts in ordered]),
    )
    return 0


def _trainable(
    found: Sequence[ModelFacts], request: Request
) -> Iterator[tuple[ModelFacts, ModelShape]]:
    for facts in found:
        if facts.problem and facts.id != STARTER_ID:
            continue
        with contextlib.suppress(ModelError):  # its sizes are not on this disk
            yield facts, shape_of(facts, request.places)


def _row(facts: ModelFacts, ranked: Ranked | None) -> tuple[str, ...]:
    return (
        facts.id,
        facts.source if not facts.local else "on disk",
        count_text(facts.parameters) if facts.parameters else "",
        _fit_text(ranked),
        str(facts.context_length or ""),
        facts.licence,
        bytes_text(facts.disk) if facts.disk else "",
        facts.problem,
    )


def _fit_text(ranked: Ranked | None) -> str:
    """Return ``LoRA``, ``QLoRA``, or the verdict where neither fits."""
    if ranked is None:
        return ""
    if not ranked.estimate.fits:
        return ranked.estimate.verdict
    name = "LoRA" if ranked.method == "lora" else "QLoRA"
    return name if ranked.estimate.verdict == "fits" else f"{name}, tight"


def _fit_document(ranked: Ranked | None) -> dict[str, Any]:
    """Return the best method with its verdict, and the verdict of either method."""
    if ranked is None:
        return {"method": None, "verdict": None, "process": None, "verdicts": {}}
    return {
        "method": ranked.method,
        "verdict": ranked.estimate.verdict,
        "process": ranked.estimate.process,
        "verdicts": dict(ranked.verdicts),
    }


def add(request: Request) -> int:
    """Add a folder with a model, or a Hub id, to the list."""
    return _answer(request, add_model(request.arguments.model, request.places))


def show(request: Request) -> int:
    """Answer with what is known of a model."""
    return _answer(request, find_to_estimate(request.arguments.model, request.places))


def download(request: Request) -> int:
    """Fetch a model from the Hub, or make the starter."""
    wanted = request.arguments.model
    if wanted == "starter":
        ensure_starter(request)
    else:
        order = {"id": wanted, "home": str(request.places.home)}
        follow_task(request, "download", order)
    return _answer(request, find_model(wanted, request.places))


def remove(request: Request) -> int:
    """Take an added model off the list; its files stay."""
    wanted = request.arguments.model
    remove_model(wanted, request.places)
    request.console.answer({"removed": wanted}, f"{wanted} is off the list.")
    return 0


def delete(request: Request) -> int:
    """Move a model's files to the trash, or forget a folder that was added."""
    facts = find_model(request.arguments.model, request.places)
    deleted = delete_model(facts, request.places)
    text = (
        f"{facts.name} is off the list; its files stay where they are."
        if deleted.kept is None
        else f"{facts.name} is in the trash."
        f" “{called()} trash restore {deleted.key}” brings it back."
    )
    request.console.answer(
        {"model": facts.id, "key": deleted.key, "size": deleted.size}, text
    )
    return 0


def search(request: Request) -> int:
    """Answer with the models of the Hub that fit the words."""
    order = {"query": " ".join(request.arguments.words)}
    found: list[dict[str, Any]] = follow_task(request, "hub_search", order)["models"]
    rows = [(str(facts.get("id")), str(facts.get("licence") or "")) for facts in found]
    text = table(("MODEL", "LICENCE"), rows) if rows else "The Hub knows none."
    request.console.answer({"models": found}, text)
    return 0


def _answer(request: Request, facts: ModelFacts) -> int:
    text = pairs(
        (
            ("Model", facts.id),
            ("Name", facts.name),
            ("Parameters", count_text(facts.parameters) if facts.parameters else ""),
            ("Architecture", facts.architecture),
            (
                "Context",
                f"{facts.context_length} tokens" if facts.context_length else "",
            ),
            ("Licence", facts.licence),
            ("Disk", bytes_text(facts.disk) if facts.disk else ""),
            ("Folder", str(facts.path) if facts.path else "not on this disk"),
            ("Gated", "its licence must be accepted first" if facts.gated else ""),
            ("Problem", facts.problem),
            ("", facts.hint),
        )
    )
    request.console.answer(_document(facts), text)
    return 0


def _document(facts: ModelFacts) -> dict[str, Any]:
    keys = (
        "id", "name", "source", "local", "path", "parameters", "architecture",
        "context_length", "licence", "disk", "gated", "problem", "hint",
    )  # fmt: skip
    return {key: getattr(facts, key) for key in keys}
