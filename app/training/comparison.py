"""Several runs in one picture: their curves overlaid, and only what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.training.history import RunSummary
from app.training.present import value_text
from app.training.reading import loss_text
from app.training.series import Points, RunCurves
from app.training.words import STATUS_LOOKS, speed_text
from core.plan.fields import FIELDS, value_of
from core.units import bytes_text, duration_text

Measure = Literal["eval_loss", "smoothed", "tokens_per_s", "memory"]

MEASURES: tuple[tuple[Measure, str], ...] = (
    ("eval_loss", "Held-out loss"),
    ("smoothed", "Training loss"),
    ("tokens_per_s", "Speed"),
    ("memory", "Memory"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """One of the runs, with its whole curves."""

    summary: RunSummary
    curves: RunCurves


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedCurve:
    """One run's curve in the chart."""

    name: str
    points: Points


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareView:
    """The page that compares."""

    names: tuple[str, ...]
    curves: tuple[ComparedCurve, ...]
    measure: Measure
    differing: tuple[tuple[str, tuple[str, ...], str], ...]
    """(setting, its value in each run, explanation)."""
    results: tuple[tuple[str, tuple[str, ...], str], ...]
    sentence: str


def present_comparison(runs: Sequence[ComparedRun], *, measure: Measure) -> CompareView:
    """Return the comparison of `runs` by `measure`."""
    names = _distinct_names([run.summary for run in runs])
    curves = tuple(
        ComparedCurve(name=name, points=getattr(run.curves, measure))
        for name, run in zip(names, runs, strict=True)
    )
    return CompareView(
        names=names,
        curves=curves,
        measure=measure,
        differing=differing_settings([run.summary for run in runs]),
        results=_results([run.summary for run in runs]),
        sentence=_sentence(names, [run.summary for run in runs]),
    )


def differing_settings(
    runs: Sequence[RunSummary],
) -> tuple[tuple[str, tuple[str, ...], str], ...]:
    """Return the settings whose values are not the same in all `runs`."""
    rows: list[tuple[str, tuple[str, ...], str]] = []
    for field in FIELDS:
        values = tuple(value_text(value_of(run.plan, field.key)) for run in runs)
        if field.key != "name" and len(set(values)) > 1:
            shown = tuple(value or "–" for value in values)
            rows.append((field.explanation.label, shown, field.explanation.what))
    return tuple(rows)


def _distinct_names(runs: Sequence[RunSummary]) -> tuple[str, ...]:
    names = [run.name for run in runs]
    return tuple(
        # the id's last four characters tell runs of one name apart
        f"{run.name} ({run.run_id[-4:]})" if names.count(run.name) > 1 else run.name
        for run in runs
    )


def _results(
    runs: Sequence[RunSummary],
) -> tuple[tuple[str, tuple[str, ...], str], ...]:
    states = [run.state for run in runs]
    return (
        ("State", tuple(STATUS_LOOKS[run.status].text for run in runs), ""),
        (
            "Held-out loss before",
            tuple(_or_dash(state.eval_loss_before) for state in states),
            "Before the first step.",
        ),
        (
            "Held-out loss",
            tuple(_or_dash(state.eval_loss) for state in states),
            "The newest measure on rows never trained on: lower is better.",
        ),
        (
            "Speed",
            tuple(
                "–" if s.tokens_per_s is None else speed_text(s.tokens_per_s)
                for s in states
            ),
            "Trained tokens in a second.",
        ),
        (
            "Peak memory",
            tuple(
                "–" if s.peak_memory is None else bytes_text(s.peak_memory)
                for s in states
            ),
            "",
        ),
        ("Time", tuple(duration_text(run.trained_s) for run in runs), ""),
    )


def _or_dash(loss: float | None) -> str:
    return "–" if loss is None else loss_text(loss)


def _sentence(names: Sequence[str], runs: Sequence[RunSummary]) -> str:
    ranked = sorted(
        (run.state.eval_loss, name)
        for name, run in zip(names, runs, strict=True)
        if run.state.eval_loss is not None
    )
    if len(ranked) < 2:
        return "Fewer than two of these runs have a held-out loss to compare."
    files = {run.plan.data.files for run in runs}
    splits = {(r.plan.data.eval_fraction, r.plan.train.seed) for r in runs}
    (best, best_name), (second, _) = ranked[0], ranked[1]
    if len(files) > 1 or len(splits) > 1:
        return (
            "They were measured on different held-out rows: compare shapes, not values."
        )
    if second - best < 0.005 * best:
        return "The best two are equal within what the held-out rows can tell."
    return f"{best_name} has the lowest held-out loss: {loss_text(best)}."
