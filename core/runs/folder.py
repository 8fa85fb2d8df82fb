"""A run on disk. The folder is the truth: window, engine and command line all read it.

``plan.toml`` (never changed) · ``events.jsonl`` · ``status.json`` · ``trainer.log`` ·
``checkpoints/step-N/`` · ``adapter/`` · ``orders/`` (what the engine is asked to do) ·
``facts.json`` (what was predicted and known when the run was made) · ``outcome.json``
(what was measured beside it).
"""

import json
import os
import re
import secrets
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast

import psutil

from core import durable
from core.errors import RequestError
from core.plan.codec import read_plan, write_plan
from core.plan.plan import Plan
from core.wire import from_json, to_json

RunStatus = Literal[
    "queued", "running", "paused", "done", "stopped", "failed", "interrupted"
]
Order = Literal["pause", "stop", "discard", "save"]

# A worker stamps its status each second; ten silent seconds alone mean nothing (a long
# kernel, a laptop asleep), so only a missing process makes a run "interrupted".
HEARTBEAT_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What ``status.json`` says."""

    status: RunStatus
    pid: int | None = None
    pid_started: float | None = None
    heartbeat: float | None = None
    step: int = 0
    steps: int = 0


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run; its name is the run's id."""

    path: Path

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def plan_file(self) -> Path:
        return self.path / "plan.toml"

    @property
    def events_file(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def status_file(self) -> Path:
        return self.path / "status.json"

    @property
    def log_file(self) -> Path:
        return self.path / "trainer.log"

    @property
    def facts_file(self) -> Path:
        return self.path / "facts.json"

    @property
    def outcome_file(self) -> Path:
        return self.path / "outcome.json"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def adapter(self) -> Path:
        return self.path / "adapter"

    @property
    def orders(self) -> Path:
        return self.path / "orders"

    def plan(self) -> Plan:
        """Return the plan this run uses."""
        return read_plan(self.plan_file)

    def status(self) -> Status:
        """Return what the run is doing, checked against the processes that live.

        A run that says it runs while its process is gone is ``interrupted``.
        """
        found = self.written_status()
        while found.status == "running" and not is_alive(found.pid, found.pid_started):
            # It may have ended in order between the two looks: its last word counts.
            last = self.written_status()
            if last == found:
                return Status(status="interrupted", step=found.step, steps=found.steps)
            found = last
        return found

    def written_status(self) -> Status:
        """Return what ``status.json`` says, believed as it stands."""
        found = _read_json(self.status_file)
        try:
            return from_json(Status, found)
        except TypeError:  # missing or damaged: nothing is known to be running
            return Status(status="interrupted")

    def write_status(self, status: Status) -> None:
        # every key at any time, as interfaces.md has them: null where there is none
        durable.replace_text(self.status_file, json.dumps(asdict(status)))

    def facts(self) -> dict[str, Any]:
        """Return what was predicted and known when the run was made.

        A damaged value is left out: facts are told, never relied upon.
        """
        found = _read_json(self.facts_file)
        return {key: value for key, value in found.items() if _is_sound(key, value)}

    def write_facts(self, facts: Mapping[str, Any]) -> None:
        durable.replace_text(self.facts_file, json.dumps(to_json(facts), indent=1))

    def order(self, order: Order) -> None:
        """Ask the engine to do something; it looks after every micro-step."""
        durable.replace_text(self.orders / order, "")

    def ordered(self) -> frozenset[str]:
        """Return the orders that wait to be done."""
        if not self.orders.is_dir():
            return frozenset()
        return frozenset(
            file.name for file in self.orders.iterdir() if file.name[0] != "."
        )

    def done_with(self, *orders: Order) -> None:
        """Take orders back: they were done, or are void."""
        for order in orders:
            (self.orders / order).unlink(missing_ok=True)


def is_alive(pid: int | None, started: float | None) -> bool:
    """Return whether process `pid`, started at `started` (unix seconds), still runs.

    The start time guards against a recycled process number.
    """
    if pid is None:
        return False
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return started is None or abs(process.create_time() - started) < 2.0
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def own_start_time() -> float:
    """Return when this process started, as `is_alive` counts it."""
    return psutil.Process(os.getpid()).create_time()


def create_run(runs: Path, plan: Plan, facts: Mapping[str, Any]) -> RunFolder:
    """Return a new, queued run; its id is sortable by time and readable."""
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    name = _slug(plan.name) or _slug(Path(plan.model.id).name) or "run"
    run = RunFolder(runs / f"{stamp}-{name}-{secrets.token_hex(2)}")
    run.path.mkdir(parents=True)
    write_plan(run.plan_file, plan)
    run.write_facts({"created": time.time(), **facts})
    run.write_status(Status(status="queued"))
    return run


def find_run(runs: Path, wanted: str) -> RunFolder:
    """Return the run with this id, or the only one whose id or name begins so.

    Raises:
        RequestError: There is none, or more than one.
    """
    known = all_runs(runs)
    found = [run for run in known if run.run_id == wanted]
    found = found or [run for run in known if wanted and wanted in run.run_id]
    if len(found) == 1:
        return found[0]
    raise RequestError(
        "run.unknown" if not found else "run.ambiguous",
        f"No run is called “{wanted}”."
        if not found
        else f"{len(found)} runs match “{wanted}”.",
        hint="“tunesmith runs” lists them; give the whole run_id.",
    )


def all_runs(runs: Path) -> list[RunFolder]:
    """Return every run, newest first."""
    if not runs.is_dir():
        return []
    folders = [path for path in runs.iterdir() if (path / "plan.toml").is_file()]
    return [RunFolder(path) for path in sorted(folders, reverse=True)]


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:40].strip("-")


_FACTS: dict[str, tuple[type, ...]] = {
    "created": (int, float),
    "model": (str,),
    "model_path": (str,),
    "data_sha256": (str,),
    "family": (str,),
    "forecast": (dict,),
    "predicted": (dict,),
    "device": (dict,),
    "versions": (dict,),
}


def _is_sound(key: str, value: Any) -> bool:
    return key not in _FACTS or isinstance(value, _FACTS[key])


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
