"""The draft on disk: what was chosen survives a crash, a power cut and a new start."""

from __future__ import annotations

from pathlib import Path

from core.errors import PlanError
from core.places import Places
from core.plan.codec import read_plan, write_plan
from core.plan.plan import Plan


def draft_file(places: Places) -> Path:
    """Return where the draft is kept."""
    return places.home / "draft.toml"


def load_draft(places: Places) -> tuple[Plan, str]:
    """Return the draft and a word about it, empty where there is nothing to say.

    A draft that cannot be read is set aside under another name, never overwritten.
    """
    file = draft_file(places)
    if not file.is_file():
        return Plan(), ""
    try:
        return read_plan(file), ""
    except PlanError as err:
        aside = file.with_suffix(".unreadable.toml")
        file.replace(aside)
        return Plan(), f"The last draft could not be read and lies at {aside}. {err}"


def save_draft(places: Places, plan: Plan) -> None:
    """Write the draft, whole or not at all.

    Raises:
        DiskFull: There was no room; the last draft stands.
        OSError: The folder cannot be written.
    """
    write_plan(draft_file(places), plan)
