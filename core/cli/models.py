"""``models …``: base models, on this disk and to be had."""

from typing import Any

from core.cli.request import Request
from core.cli.starter import ensure_starter, follow_task
from core.cli.table import pairs, table
from core.models.added import add_model, remove_model
from core.models.facts import ModelFacts
from core.models.find import all_models, find_model, find_to_estimate
from core.models.trash import delete_model
from core.units import bytes_text, count_text


def list_models(request: Request) -> int:
    """Answer with the starter, the models on this disk and the catalogue."""
    found = all_models(request.places)
    rows = [
        (
            facts.id,
            facts.source if not facts.local else "on disk",
            count_text(facts.parameters) if facts.parameters else "",
            str(facts.context_length or ""),
            facts.licence,
            bytes_text(facts.disk) if facts.disk else "",
            facts.problem,
        )
        for facts in found
    ]
    head = ("MODEL", "WHERE", "SIZE", "CONTEXT", "LICENCE", "DISK", "")
    request.console.answer(
        {"models": [_document(facts) for facts in found]}, table(head, rows)
    )
    return 0


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
        f" “tunesmith trash restore {deleted.key}” brings it back."
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
