"""The list of runs as it is shown: rows ready to paint, searched and sorted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.training.history import RunSummary, TrashedRun
from app.training.reading import change_text, loss_text
from app.training.words import (
    STATUS_LOOKS,
    StatusLook,
    method_text,
    model_name,
    when_text,
)
from core.units import bytes_text, duration_text


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One line of the list."""

    run_id: str
    look: StatusLook
    name: str
    detail: str
    """Model and method."""
    spark: tuple[float, ...]
    result: str
    """Held-out loss and how far it fell; for a live run, how far it is."""
    result_detail: str
    when: str
    said: str
    """The whole row in one sentence, for screen readers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsView:
    """The list page."""

    rows: tuple[RunRow, ...]
    is_loading: bool
    is_empty: bool
    """There is no run at all; `rows` may also be empty because of the search."""
    subtitle: str
    can_compare: bool
    compare_tip: str
    trash: tuple[TrashedRun, ...]
    trash_text: str


def present_runs(
    summaries: Sequence[RunSummary] | None,
    *,
    query: str,
    selected: Collection[str],
    now: float,
    trash: Sequence[TrashedRun] = (),
) -> RunsView:
    """Return the list page; `summaries` is None until the first reading is done."""
    known = summaries or ()
    rows = tuple(
        run_row(summary, now=now) for summary in known if matches(summary, query)
    )
    chosen = len(selected)
    return RunsView(
        rows=rows,
        is_loading=summaries is None,
        is_empty=summaries is not None and not known,
        subtitle=_subtitle(known),
        can_compare=2 <= chosen <= 8,
        compare_tip="Draw the selected runs in one chart and list what differs."
        if 2 <= chosen <= 8
        else "Tick two to eight runs to compare them.",
        trash=tuple(trash),
        trash_text=f"Trash · {bytes_text(sum(run.size for run in trash))}"
        if trash
        else "Trash",
    )


def _subtitle(summaries: Sequence[RunSummary]) -> str:
    if not summaries:
        return "Every training you start is kept here with its whole curve."
    live = sum(summary.status in {"running", "queued"} for summary in summaries)
    count = f"{len(summaries)} run{'s' * (len(summaries) != 1)}"
    return f"{count}, {live} at work now." if live else f"{count}. Nothing is running."


def matches(summary: RunSummary, query: str) -> bool:
    """Return whether every word of `query` is in what the row says."""
    said = " ".join(
        (
            summary.name,
            summary.run_id,
            model_name(summary.plan),
            method_text(summary.plan),
            STATUS_LOOKS[summary.status].text,
        )
    ).casefold()
    return all(word in said for word in query.casefold().split())


def run_row(summary: RunSummary, *, now: float) -> RunRow:
    """Return the line of one run."""
    look = STATUS_LOOKS[summary.status]
    detail = f"{model_name(summary.plan)} · {method_text(summary.plan)}"
    result, result_detail = _result(summary)
    when = when_text(summary.created, now=now)
    if summary.status == "failed" and summary.state.failure is not None:
        detail = summary.state.failure.message
    if summary.problem:
        detail, result, result_detail = "Its plan cannot be read.", "", ""
    said = ", ".join(
        part for part in (summary.name, look.text, detail, result, when) if part
    )
    return RunRow(
        run_id=summary.run_id,
        look=look,
        name=summary.name,
        detail=detail,
        spark=summary.spark,
        result=result,
        result_detail=result_detail,
        when=when,
        said=said,
    )


def _result(summary: RunSummary) -> tuple[str, str]:
    state = summary.state
    if summary.status in {"running", "queued"} and state.steps:
        left = ""
        if summary.seconds_per_step is not None:
            rest_s = (state.steps - state.step) * summary.seconds_per_step
            left = f"{duration_text(rest_s)} left"
        return f"Step {state.step} of {state.steps}", left
    if state.eval_loss is not None:
        before = state.eval_loss_before
        change = "" if before is None else change_text(before, state.eval_loss)
        return f"{loss_text(state.eval_loss)} held out", change
    if state.loss is not None:
        return f"{loss_text(state.loss)} training", f"step {state.step}"
    return "", ""
