"""``runs`` and ``runs show``: the history, with curves."""

from datetime import datetime
from typing import Any

from core.cli.follow import run_document
from core.cli.request import Request
from core.cli.result import losses, result_text
from core.cli.table import pairs, table
from core.places import called
from core.plan.codec import to_tree
from core.runs.events import Metrics, RunEvent
from core.runs.folder import all_runs, find_run
from core.runs.summary import RunSummary, summary
from core.runs.tail import read_events
from core.runs.trash import delete_run

_COLUMNS = (
    "run_id", "name", "status", "model", "method", "started", "finished", "step",
    "steps", "train_loss", "eval_loss_before", "eval_loss", "adapter_id",
)  # fmt: skip


def list_runs(request: Request) -> int:
    """Answer with every run, newest first."""
    lines = [summary(run) for run in all_runs(request.places.runs)]
    text = (
        table(
            ("RUN", "STATUS", "METHOD", "STEP", "HELD-OUT LOSS", "STARTED"),
            [_row(line) for line in lines],
        )
        if lines
        else f"No runs yet. “{called()} demo” trains a first one."
    )
    request.console.answer({"runs": [_document(line) for line in lines]}, text)
    return 0


def show(request: Request) -> int:
    """Answer with one run: its line, its plan and its curve."""
    run = find_run(request.places.runs, request.arguments.run)
    line = summary(run)
    document = {
        **run_document(run, request.places),
        **_document(line),
        "plan": to_tree(run.plan()),
        "curve": curve(read_events(run.events_file)),
        "log": str(run.log_file),
    }
    facts = pairs(
        (
            ("Run", run.run_id),
            ("Status", line.status),
            ("Model", line.model),
            ("Method", line.method),
            ("Step", f"{line.step} of {line.steps}"),
            ("Error", line.error or ""),
            ("Folder", str(run.path)),
        )
    )
    _, *results = result_text(document).splitlines()
    text = "\n".join((facts, *results))
    request.console.answer(document, text)
    return 0


def delete(request: Request) -> int:
    """Move a run to the trash; its adapter in the library stays."""
    run = find_run(request.places.runs, request.arguments.run)
    deleted = delete_run(request.places, run)
    request.console.answer(
        {"run_id": run.run_id, "path": str(deleted.path)},
        f"{run.run_id} is in the trash."
        f" “{called()} trash restore {deleted.run_id}” brings it back.",
    )
    return 0


def curve(events: list[RunEvent]) -> list[dict[str, Any]]:
    """Return one point a step, in order; steps repeated after a resume count once."""
    points: dict[int, dict[str, Any]] = {}
    for event in events:
        if not isinstance(event, Metrics):
            continue
        point = points.setdefault(event.step, {"step": event.step})
        figures = {
            "epoch": event.epoch,
            "loss": event.loss,
            "eval_loss": event.eval_loss,
            "learning_rate": event.learning_rate,
            "grad_norm": event.grad_norm,
            "tokens_per_s": event.tokens_per_s,
        }
        point.update({key: x for key, x in figures.items() if x is not None})
    return [points[step] for step in sorted(points)]


def _document(line: RunSummary) -> dict[str, Any]:
    # not “error”: that key says that the command failed
    return {**{key: getattr(line, key) for key in _COLUMNS}, "failure": line.error}


def _row(line: RunSummary) -> tuple[str, ...]:
    started = (
        datetime.fromtimestamp(line.started).astimezone().strftime("%Y-%m-%d %H:%M")
        if line.started
        else ""
    )
    return (
        line.run_id,
        line.status,
        line.method,
        f"{line.step}/{line.steps}",
        losses(line.eval_loss_before, line.eval_loss),
        started,
    )
