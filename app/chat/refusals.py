"""What the Chat page says when a wish cannot be met, each with a way out."""

from __future__ import annotations

from core.errors import TunesmithError
from core.library.record import AdapterRecord


def unloaded() -> TunesmithError:
    """Return that the engine let its model go."""
    return TunesmithError("chat.unloaded", "The model was unloaded meanwhile.")


def no_adapter(adapter_id: str) -> TunesmithError:
    """Return that nothing of this id is on the shelf."""
    return TunesmithError(
        "library.unknown",
        f"There is no adapter “{adapter_id}” in the library any more.",
        hint="It may be in the library's trash; restore it there.",
    )


def no_base(record: AdapterRecord) -> TunesmithError:
    """Return that an adapter has nothing to stand on."""
    return TunesmithError(
        "model.missing",
        f"The base of “{record.name}” is not on this disk: {record.base_model}.",
        hint="Download or add it on the Models page, then try again.",
    )


def damaged(record: AdapterRecord) -> TunesmithError:
    """Return that an adapter is not whole, and so is never loaded."""
    return TunesmithError(
        "library.damaged",
        f"“{record.name}” cannot be used: {record.problem}",
        hint="Train it again from its run, or delete it in the library.",
    )
