"""``library …``: the adapters that were trained, found again and tidied up."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from core.cli.request import Request
from core.cli.result import losses
from core.cli.table import pairs, table
from core.errors import LibraryError
from core.library import shelf, trash
from core.library.record import AdapterRecord
from core.places import called
from core.units import bytes_text

_COLUMNS = (
    "adapter_id", "name", "base_model", "method", "rank", "tags", "note", "starred",
    "size", "eval_loss_before", "eval_loss", "created", "parent", "run_id", "path",
    "ok", "problem",
)  # fmt: skip


def list_adapters(request: Request) -> int:
    """Answer with every adapter, or with those in the trash."""
    if request.get("trash", default=False):
        return _answer(request, trash.trashed(request.places), "The trash is empty.")
    empty = f"No adapters yet. “{called()} demo” trains a first one."
    return _answer(request, shelf.all_adapters(request.places), empty)


def search(request: Request) -> int:
    """Answer with the adapters in which every word is found."""
    query = " ".join(request.arguments.words)
    found = [r for r in shelf.all_adapters(request.places) if shelf.matches(r, query)]
    return _answer(request, found, f"No adapter matches “{query}”.")


def show(request: Request) -> int:
    """Answer with everything known of one adapter."""
    return _answer_one(request, _wanted(request))


def delete(request: Request) -> int:
    """Move an adapter to the trash."""
    record = trash.delete(request.places, request.arguments.adapter)
    hint = f"“tunesmith library restore {record.adapter_id}” brings it back."
    request.console.note(f"{record.name} is in the trash. {hint}")
    return _answer_one(request, record)


def restore(request: Request) -> int:
    """Bring an adapter back from the trash."""
    return _answer_one(
        request, trash.restore(request.places, request.arguments.adapter)
    )


def verify(request: Request) -> int:
    """Answer whether an adapter is whole; status 1 if it is not."""
    record = shelf.verify(request.places, request.arguments.adapter)
    request.console.answer(
        _document(record),
        f"{record.adapter_id} is whole." if record.ok else record.problem,
    )
    return 0 if record.ok else 1


def rename(request: Request) -> int:
    """Give an adapter another name."""
    arguments = request.arguments
    record = shelf.rename(request.places, arguments.adapter, arguments.name)
    return _answer_one(request, record)


def tag(request: Request) -> int:
    """Add tags to an adapter, or take some away."""
    arguments = request.arguments
    tags = tuple(arguments.tags)
    record = shelf.tag(
        request.places,
        arguments.adapter,
        add=() if arguments.remove else tags,
        remove=tags if arguments.remove else (),
    )
    return _answer_one(request, record)


def note(request: Request) -> int:
    """Write a note about an adapter."""
    arguments = request.arguments
    record = shelf.note(request.places, arguments.adapter, arguments.text)
    return _answer_one(request, record)


def star(request: Request) -> int:
    """Star an adapter, or take its star away."""
    arguments = request.arguments
    starred = not arguments.remove
    record = shelf.star(request.places, arguments.adapter, starred=starred)
    return _answer_one(request, record)


def _wanted(request: Request) -> AdapterRecord:
    wanted = request.arguments.adapter
    try:
        return shelf.find(request.places, wanted)
    except LibraryError as err:
        deleted = {record.adapter_id for record in trash.trashed(request.places)}
        if wanted in deleted:
            raise LibraryError(
                "library.in_trash",
                f"“{wanted}” is in the trash.",
                hint=f"“tunesmith library restore {wanted}” brings it back.",
            ) from err
        raise


def _answer(request: Request, records: Sequence[AdapterRecord], empty: str) -> int:
    rows = [
        (
            record.adapter_id,
            ("★ " if record.starred else "") + record.name,
            record.base_model,
            record.method,
            losses(record.eval_loss_before, record.eval_loss),
            bytes_text(record.size),
            ", ".join(record.tags) if record.ok else f"damaged: {record.problem}",
        )
        for record in records
    ]
    head = ("ADAPTER", "NAME", "BASE", "METHOD", "HELD-OUT LOSS", "SIZE", "")
    request.console.answer(
        {"adapters": [_document(record) for record in records]},
        table(head, rows) if rows else empty,
    )
    return 0


def _answer_one(request: Request, record: AdapterRecord) -> int:
    text = pairs(
        (
            ("Adapter", record.adapter_id),
            ("Name", record.name),
            ("Base", record.base_model),
            ("Method", f"{record.method}, rank {record.rank}"),
            ("Held-out loss", losses(record.eval_loss_before, record.eval_loss)),
            ("Tags", ", ".join(record.tags)),
            ("Note", record.note),
            ("Size", bytes_text(record.size)),
            ("Run", record.run_id),
            ("Folder", str(record.path)),
            ("Problem", record.problem),
        )
    )
    request.console.answer({**asdict(record), **_document(record)}, text)
    return 0


def _document(record: AdapterRecord) -> dict[str, Any]:
    return {key: getattr(record, key) for key in _COLUMNS}
