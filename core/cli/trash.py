"""``trash``: what was deleted and can still come back, of every kind."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from core.cli.request import Request
from core.cli.table import table
from core.errors import RequestError
from core.library import trash as adapters
from core.models import trash as models
from core.places import Places
from core.runs import trash as runs
from core.units import bytes_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """One thing in the trash."""

    kind: str
    """``adapter``, ``run`` or ``model``."""
    id: str
    name: str
    size: int
    """Bytes."""
    restore: Callable[[], object]


def list_trash(request: Request) -> int:
    """Answer with everything in the trash."""
    found = _all(request.places)
    rows = [(one.kind, one.id, one.name, bytes_text(one.size)) for one in found]
    request.console.answer(
        {"trash": [_document(one) for one in found]},
        table(("KIND", "ID", "NAME", "SIZE"), rows) if rows else "The trash is empty.",
    )
    return 0


def restore(request: Request) -> int:
    """Bring one thing back from the trash."""
    wanted = request.arguments.id
    found = [one for one in _all(request.places) if wanted in {one.id, one.name}]
    if len(found) != 1:
        raise RequestError(
            "trash.ambiguous" if found else "trash.unknown",
            f"{len(found)} things in the trash are called “{wanted}”."
            if found
            else f"“{wanted}” is not in the trash.",
            hint="“tunesmith trash” lists what is; give the id.",
        )
    found[0].restore()
    request.console.answer(
        {"restored": _document(found[0])}, f"{found[0].name} is back."
    )
    return 0


def empty(request: Request) -> int:
    """Delete for good what is in the trash."""
    places = request.places
    freed = adapters.empty(places) + models.empty_models(places)
    freed += runs.empty_trash(places)
    request.console.answer({"freed": freed}, f"{bytes_text(freed)} are free again.")
    return 0


def _all(places: Places) -> list[Deleted]:
    return [
        *(
            Deleted(
                kind="adapter", id=record.adapter_id, name=record.name,
                size=record.size,
                restore=partial(adapters.restore, places, record.adapter_id),
            )
            for record in adapters.trashed(places)
        ),
        *(
            Deleted(
                kind="run", id=run.run_id, name=run.run_id, size=runs.size_of(run),
                restore=partial(runs.restore_run, places, run),
            )
            for run in runs.trashed_runs(places)
        ),
        *(
            Deleted(
                kind="model", id=model.key, name=model.name, size=model.size,
                restore=partial(models.restore_model, model, places),
            )
            for model in models.trashed_models(places)
        ),
    ]  # fmt: skip


def _document(one: Deleted) -> dict[str, object]:
    return {"kind": one.kind, "id": one.id, "name": one.name, "size": one.size}
