"""What this machine's runs came to: ``outcomes.jsonl``, one JSON object a line.

A run's folder may be deleted; what was learnt from it stays here. Every run's outcome
also lies in its folder, so a lost file is gathered again from what is left. The newest
line of a run counts, which is how a resumed run replaces its own.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, cast

from core import durable, wire
from core.errors import DiskFull, TunesmithError
from core.estimate.learned import Outcome
from core.places import Places
from core.runs.folder import RunFolder, all_runs
from core.runs.summary import summary

MOST_RUNS: Final = 500
# Lines that newer ones of the same run replace, or that are too old, before a tidying.
_SPARE_LINES = 500
_WORKS = frozenset({"queued", "running"})


def read_outcomes(places: Places) -> tuple[Outcome, ...]:
    """Return the outcomes of this machine's last 500 runs, newest last.

    Runs that have no line yet, as those of an older version, are looked at once. Never
    raises: what cannot be read teaches nothing.
    """
    known = _lines(places)
    with suppress(OSError, DiskFull):
        _gather(places, known)
    found = [one for line in known.values() if (one := _outcome(line)) is not None]
    return tuple(sorted(found, key=lambda one: one.t)[-MOST_RUNS:])


def remember(places: Places, run: RunFolder, outcome: Outcome) -> None:
    """Keep what `run` came to, in its folder and for this machine.

    Raises:
        OSError: One of the files cannot be written.
        DiskFull: There was no room.
    """
    found = wire.to_json(outcome)
    durable.replace_text(run.outcome_file, json.dumps(found, indent=1))
    durable.append_line(places.outcomes_file, json.dumps(found))
    _tidy(places)


def own_outcome(run: RunFolder) -> Outcome | None:
    """Return what `run` came to, as its own folder tells."""
    try:
        found = json.loads(run.outcome_file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return _outcome(found)


# -- the file --------------------------------------------------------------------------


def _lines(places: Places) -> dict[str, Any]:
    """Return each run's newest line, in the order they were written."""
    try:
        text = places.outcomes_file.read_bytes().decode("utf-8", "replace")
    except OSError:
        return {}
    known: dict[str, Any] = {}
    for line in text.split("\n"):
        try:
            found = json.loads(line)
        except (
            ValueError,
            RecursionError,
        ):  # torn, or damaged: that line alone is lost
            continue
        if isinstance(found, dict):
            pairs = cast("dict[str, Any]", found)
            run_id = str(pairs.get("run_id"))
            known.pop(run_id, None)
            known[run_id] = pairs
    return known


def _outcome(found: Any) -> Outcome | None:
    try:
        return wire.from_json(Outcome, found)
    except (TypeError, AttributeError):  # of another version, damaged, or says nothing
        return None


def _tidy(places: Places) -> None:
    """Leave each run's newest line, of as many runs as are ever asked for."""
    path = places.outcomes_file
    with durable.alone(path):
        if path.read_bytes().count(b"\n") <= MOST_RUNS + _SPARE_LINES:
            return
        durable.replace_text(path, _text(list(_lines(places).values())[-MOST_RUNS:]))


def _text(lines: Iterable[Any]) -> str:
    return "".join(f"{json.dumps(line)}\n" for line in lines)


# -- runs without a line ---------------------------------------------------------------


def _gather(places: Places, known: dict[str, Any]) -> None:
    """Add the runs that rest and have no line, to `known` and to the file."""
    for run in reversed(all_runs(places.runs)[:MOST_RUNS]):
        if run.run_id in known or run.status().status in _WORKS:
            continue
        found = own_outcome(run) or _least(run)
        # the id alone says that there is nothing to be learnt from this run
        line = {"run_id": run.run_id} if found is None else wire.to_json(found)
        known[run.run_id] = line
        durable.append_line(places.outcomes_file, json.dumps(line))


def _least(run: RunFolder) -> Outcome | None:
    """Return what a run teaches that was killed, or is older than outcomes are.

    How long its batches were is not known, so its peak is a lower bound.
    """
    facts = run.facts()
    predicted: dict[str, Any] = facts.get("predicted") or {}
    device: dict[str, Any] = facts.get("device") or {}
    try:
        plan, line = run.plan(), summary(run)
    except (OSError, TunesmithError):
        return None
    counts = "allocated" if device.get("kind") == "cuda" else "process"
    return _outcome(
        {
            "run_id": run.run_id,
            "t": line.finished or facts.get("created"),
            "device": device.get("name"),
            "device_kind": device.get("kind"),
            "family": str(facts.get("family", "")),
            "method": plan.method.kind,
            "predicted": predicted.get(counts),
            "measured": line.peak_memory,
            "predicted_process": predicted.get("process"),
            "low": predicted.get("low"),
            "high": predicted.get("high"),
            "model": plan.model.id,
            "steps": line.step,
            "complete": False,
        }
    )
