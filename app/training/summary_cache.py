"""What was read of runs that rest, kept between two starts of the window.

Reading a long run's events takes a tenth of a second, so fifty of them would keep a
start busy. The file may be lost or damaged at any time: everything in it can be read
again from the runs' folders.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, cast

from core import durable
from core.errors import DiskFull
from core.runs.events import decode, encode
from core.runs.state import RunState
from core.wire import to_json

_VERSION: Final = 1
_EVENTS: Final = ("progress", "device", "last_checkpoint", "failure", "ended")
_LEFT_OUT: Final = "sample"  # it may be long, and no list shows it

Stamps = tuple[tuple[int, int] | None, ...]
"""Time and size of the files a summary was read from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One run as it was when its files had these stamps."""

    stamps: Stamps
    state: RunState
    spark: tuple[float, ...]
    seconds_per_step: float | None
    trained_s: float


class SummaryCache:
    """One JSON file; one thread at a time may use it."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._kept: dict[str, Kept] = {} if path is None else _read(path)
        self._is_changed = False

    def get(self, run_id: str, stamps: Stamps) -> Kept | None:
        """Return what is kept of a run, if its files are as they were."""
        kept = self._kept.get(run_id)
        return kept if kept is not None and kept.stamps == stamps else None

    def put(self, run_id: str, kept: Kept) -> None:
        """Keep what was read of a run that rests."""
        self._kept[run_id] = kept
        self._is_changed = True

    def write(self, run_ids: frozenset[str]) -> None:
        """Write what changed, and forget the runs that are not among `run_ids`."""
        if not self._is_changed or self._path is None:
            return
        self._kept = {key: kept for key, kept in self._kept.items() if key in run_ids}
        self._is_changed = False
        runs = {key: _packed(kept) for key, kept in self._kept.items()}
        try:
            durable.replace_text(
                self._path, json.dumps({"version": _VERSION, "runs": runs})
            )
        except (OSError, DiskFull):  # it only saves time; the runs are what counts
            return


def _read(path: Path) -> dict[str, Kept]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["version"] != _VERSION:
            return {}
        runs = cast("dict[str, dict[str, Any]]", found["runs"])
        return {run_id: _unpacked(packed) for run_id, packed in runs.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _packed(kept: Kept) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for field in fields(RunState):
        value = getattr(kept.state, field.name)
        if field.name == _LEFT_OUT:
            continue
        if field.name in _EVENTS:
            state[field.name] = None if value is None else encode(value)
        elif field.name == "warnings":
            state[field.name] = [encode(warned) for warned in kept.state.warnings]
        else:
            state[field.name] = to_json(value)
    return {
        "stamps": kept.stamps,
        "state": state,
        "spark": to_json(kept.spark),
        "seconds_per_step": kept.seconds_per_step,
        "trained_s": kept.trained_s,
    }


def _unpacked(packed: Mapping[str, Any]) -> Kept:
    state = dict(cast("Mapping[str, Any]", packed["state"]))
    for name in _EVENTS:
        state[name] = None if state[name] is None else decode(state[name])
    state["warnings"] = tuple(decode(text) for text in state["warnings"])
    return Kept(
        stamps=tuple(None if s is None else (s[0], s[1]) for s in packed["stamps"]),
        state=RunState(**state),
        spark=tuple(float(value) for value in packed["spark"]),
        seconds_per_step=packed["seconds_per_step"],
        trained_s=float(packed["trained_s"]),
    )
