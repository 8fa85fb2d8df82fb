"""Checkpoints: whole or not at all, verified before use, free of pickles.

A checkpoint is written beside its place, every file synced, ``manifest.json`` (file to
SHA-256) last, and the folder then renamed into place. What a kill leaves half done is
never under a checkpoint's name; what a disk damages fails its manifest and is moved to
``quarantine``, not deleted.
"""

import json
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from core import durable
from core.engine.standing import Standing, standing_of
from core.errors import CheckpointError
from core.wire import to_json

_MANIFEST = "manifest.json"
_WEIGHTS = "adapter.safetensors"
_OPTIMIZER = "optimizer.safetensors"
_STATE = "state.json"
_FORMAT = 1
# The next checkpoint, and the final adapter, want room beside this one.
_ROOM_FACTOR = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything a run needs to go on as if it had never stopped."""

    standing: Standing
    weights: Mapping[str, Tensor]
    optimizer: Mapping[str, Any]
    """Nested state of optimiser and loss scaler: tensors, numbers, lists, mappings."""
    facts: Mapping[str, Any]
    """What must not change on the way: number format, versions."""


def save(checkpoints: Path, snapshot: Snapshot) -> Path:
    """Write a checkpoint and return its folder; one that is there already stands.

    Raises:
        DiskFull: There is no room; older checkpoints are untouched.
        OSError: The folder cannot be written.
    """
    target = checkpoints / f"step-{snapshot.standing.step}"
    if is_whole(target):
        return target
    checkpoints.mkdir(parents=True, exist_ok=True)
    _need_room(checkpoints)
    staging = checkpoints / f".{target.name}.{secrets.token_hex(4)}"
    staging.mkdir()
    try:
        _write(staging, snapshot)
        if target.exists():
            _set_aside(target)
        staging.rename(target)
    except (OSError, SafetensorError):
        shutil.rmtree(staging, ignore_errors=True)
        raise
    durable.sync_folder(checkpoints)
    return target


def _need_room(checkpoints: Path) -> None:
    newest = next(iter(_newest_first(checkpoints)), None)
    if newest is not None:
        size = sum(file.stat().st_size for file in newest.iterdir())
        durable.need_room(
            checkpoints, round(size * _ROOM_FACTOR), what="The next checkpoint"
        )


def _write(staging: Path, snapshot: Snapshot) -> None:
    tensors: dict[str, Tensor] = {}
    tree = _without_tensors(snapshot.optimizer, "optimizer", tensors)
    weights = {name: w.contiguous() for name, w in snapshot.weights.items()}
    save_file(weights, staging / _WEIGHTS)
    save_file(tensors, staging / _OPTIMIZER)
    state = {
        "format": _FORMAT,
        "standing": to_json(snapshot.standing),
        "facts": to_json(snapshot.facts),
        "optimizer": tree,
    }
    (staging / _STATE).write_text(json.dumps(state), encoding="utf-8")
    names = (_WEIGHTS, _OPTIMIZER, _STATE)
    for name in names:
        durable.sync_file(staging / name)
    manifest = {name: durable.sha256(staging / name) for name in names}
    durable.replace_text(staging / _MANIFEST, json.dumps(manifest, indent=1))


def is_whole(folder: Path) -> bool:
    """Return whether every file of a checkpoint is there with its recorded hash."""
    try:
        found = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        manifest = cast("dict[str, str]", found)
        return {_WEIGHTS, _OPTIMIZER, _STATE} <= set(manifest) and all(
            durable.sha256(folder / name) == wanted for name, wanted in manifest.items()
        )
    except (OSError, ValueError, TypeError):
        return False


def newest_whole(checkpoints: Path) -> Path | None:
    """Return the newest checkpoint that passes its manifest, or `None`.

    Damaged ones on the way are moved to ``quarantine``; leftovers of a save that was
    cut short are removed.
    """
    if not checkpoints.is_dir():
        return None
    for leftover in checkpoints.glob(".step-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    for folder in _newest_first(checkpoints):
        if is_whole(folder):
            return folder
        _set_aside(folder)
    return None


def load(folder: Path) -> Snapshot:
    """Return what a checkpoint holds; its tensors are on the CPU.

    Raises:
        CheckpointError: It was written by another version, or is damaged.
    """
    try:
        state = cast(
            "dict[str, Any]",
            json.loads((folder / _STATE).read_text(encoding="utf-8")),
        )
        if state["format"] != _FORMAT:
            raise _unreadable(folder)
        tensors = load_file(folder / _OPTIMIZER)
        return Snapshot(
            standing=standing_of(state["standing"]),
            weights=load_file(folder / _WEIGHTS),
            optimizer=_with_tensors(state["optimizer"], tensors),
            facts=state["facts"],
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as err:
        raise _unreadable(folder) from err


def _unreadable(folder: Path) -> CheckpointError:
    return CheckpointError(
        "checkpoint.unreadable",
        f"The checkpoint {folder.name} was written by another version or is damaged.",
        hint="Resume with the version that wrote it, or start the run again.",
    )


def prune(checkpoints: Path, *, keep: int, best_step: int | None = None) -> None:
    """Remove all but the newest `keep` checkpoints and that of `best_step`."""
    for folder in _newest_first(checkpoints)[keep:]:
        if folder.name != f"step-{best_step}":
            # renamed first: a kill in mid-removal must not leave a torn step-N
            doomed = checkpoints / f".{folder.name}.{secrets.token_hex(4)}"
            folder.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def _newest_first(checkpoints: Path) -> list[Path]:
    numbered = [
        (int(number), folder)
        for folder in checkpoints.glob("step-*")
        if (number := folder.name.removeprefix("step-")).isdecimal()
    ]
    return [folder for _, folder in sorted(numbered, reverse=True)]


def _set_aside(folder: Path) -> None:
    quarantine = folder.parent.parent / "quarantine"
    quarantine.mkdir(exist_ok=True)
    folder.rename(quarantine / f"{folder.name}.{secrets.token_hex(4)}")


# -- nested state as JSON and safetensors ------------------------------------


def _without_tensors(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """Return `value` as JSON; tensors move to `tensors` and leave their name behind.

    Mappings become lists of pairs, because an optimiser's keys are integers.
    """
    if isinstance(value, Tensor):
        tensors[path] = value.detach().cpu().contiguous().clone()
        return {"tensor": path}
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        pairs = [
            [key, _without_tensors(item, f"{path}.{key}", tensors)]
            for key, item in items
        ]
        return {"pairs": pairs}
    if isinstance(value, (list, tuple)):
        many = cast("list[Any]", value)
        found = [
            _without_tensors(item, f"{path}.{number}", tensors)
            for number, item in enumerate(many)
        ]
        return {"tuple" if isinstance(value, tuple) else "list": found}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    return value


def _with_tensors(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = cast("dict[str, Any]", value).items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dtype":
        return getattr(torch, content)
    if kind == "pairs":
        return {key: _with_tensors(item, tensors) for key, item in content}
    found = [_with_tensors(item, tensors) for item in content]
    return tuple(found) if kind == "tuple" else found
