"""Deleted models: out of the list, still on the disk, until the trash is emptied.

Weights are gigabytes, so a deletion is a rename on the disk they lie on, never a copy:
into Tunesmith's trash where that is on the same disk, else into a hidden folder beside
them. ``trash/models/<key>/origin.json`` remembers where they came from.
"""

import errno
import json
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from core import durable
from core.errors import ModelError
from core.models.added import add_model, remove_model
from core.models.facts import ModelFacts
from core.models.folder import folder_bytes
from core.models.hub_cache import hub_cache
from core.places import Places

_BESIDE = ".tunesmith-trash"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrashedModel:
    """A model that was deleted or forgotten, and how to undo it."""

    key: str
    name: str
    origin: Path
    """Where its folder was."""
    kept: Path | None
    """Where its folder is now; None where only the list forgot it."""
    size: int = 0
    """Bytes that emptying the trash would free."""


def can_delete(facts: ModelFacts, places: Places) -> bool:
    """Return whether its files are Tunesmith's or the cache's to move away.

    The files of a folder a person added stay theirs: such a model is only forgotten.
    """
    return _own_folder(facts, places) is not None


def delete_model(facts: ModelFacts, places: Places) -> TrashedModel:
    """Move a model to the trash, or forget a folder that was added by hand.

    Raises:
        ModelError: It is not on this disk, or was never added.
        OSError: Its folder cannot be moved.
    """
    if facts.path is None:
        raise ModelError(
            "model.not_here",
            f"{facts.name} is not on this disk.",
            hint="There is nothing to delete.",
        )
    folder = _own_folder(facts, places)
    if folder is None:
        remove_model(facts.id, places)
        return TrashedModel(key="", name=facts.name, origin=facts.path, kept=None)
    size = folder_bytes(folder)
    key = secrets.token_hex(8)
    kept = _moved_away(folder, places, key)
    made = TrashedModel(key=key, name=facts.name, origin=folder, kept=kept, size=size)
    _remember(made, places)
    return made


def restore_model(model: TrashedModel, places: Places) -> None:
    """Undo a deletion.

    Raises:
        ModelError: Something else is now where it was, or its files are gone.
    """
    if model.kept is None:
        add_model(str(model.origin), places)
        return
    if model.origin.exists():
        raise ModelError(
            "model.in_the_way",
            f"There is another {model.origin.name} where the model was.",
            hint=f"Move {model.origin} away, then restore it again.",
        )
    if not model.kept.is_dir():
        raise ModelError(
            "model.missing",
            f"The files of {model.name} are no longer in the trash.",
            hint="Download or add it again.",
        )
    model.origin.parent.mkdir(parents=True, exist_ok=True)
    model.kept.rename(model.origin)
    durable.sync_folder(model.origin.parent)
    _forget(model, places)


def trashed_models(places: Places) -> tuple[TrashedModel, ...]:
    """Return the models in the trash."""
    found = (_remembered(file) for file in _trash(places).glob("*/origin.json"))
    return tuple(model for model in found if model is not None)


def empty_models(places: Places) -> int:
    """Delete for good what is in the trash, and return the bytes that frees."""
    freed = 0
    for model in trashed_models(places):
        if model.kept is not None and model.kept.is_dir():
            shutil.rmtree(model.kept)
            freed += model.size
        _forget(model, places)
    return freed


def _own_folder(facts: ModelFacts, places: Places) -> Path | None:
    """Return the whole folder to move, if the model lies in one of ours."""
    if facts.path is None:
        return None
    path = facts.path.absolute()
    if path.parent == places.models.absolute():
        return path
    cache = hub_cache().absolute()
    if cache in path.parents:  # …/models--org--name/snapshots/<revision>
        return cache / path.relative_to(cache).parts[0]
    return None


def _trash(places: Places) -> Path:
    return places.trash / "models"


def _moved_away(folder: Path, places: Places, key: str) -> Path:
    target = _trash(places) / key / folder.name
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        folder.rename(target)
    except OSError as err:
        if err.errno != errno.EXDEV:
            raise
        target = folder.parent / _BESIDE / key / folder.name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.rename(target)
    durable.sync_folder(target.parent)
    durable.sync_folder(folder.parent)
    return target


def _remember(model: TrashedModel, places: Places) -> None:
    content = {
        "name": model.name,
        "origin": str(model.origin),
        "kept": str(model.kept),
        "size": model.size,
    }
    file = _trash(places) / model.key / "origin.json"
    durable.replace_text(file, json.dumps(content, indent=1))


def _remembered(file: Path) -> TrashedModel | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        pairs = cast("dict[str, Any]", found)
        return TrashedModel(
            key=file.parent.name,
            name=str(pairs["name"]),
            origin=Path(str(pairs["origin"])),
            kept=Path(str(pairs["kept"])),
            size=int(pairs["size"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not ours, or torn: left alone


def _forget(model: TrashedModel, places: Places) -> None:
    shutil.rmtree(_trash(places) / model.key, ignore_errors=True)
    if model.kept is not None and model.kept.parent.parent.name == _BESIDE:
        shutil.rmtree(model.kept.parent, ignore_errors=True)
