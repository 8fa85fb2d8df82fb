"""The sentence about the curve says what the curve says, and no more."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import pytest

from app.training.reading import Stage, change_text, loss_text, read_curve
from app.training.series import NO_POINTS, Points, RunCurves


def points(ys: Sequence[float], *, every: int = 10) -> Points:
    xs = array("d", [at * every for at in range(len(ys))])
    return Points(xs=xs, ys=array("d", ys))


def said(evals: Sequence[float], stage: Stage = "live") -> str:
    reading = read_curve(RunCurves(eval_loss=points(evals)), stage=stage)
    assert reading is not None
    return reading.text


@pytest.mark.parametrize(
    ("evals", "stage", "text"),
    [
        (
            [3.41, 2.6, 1.92], "live",
            "Held-out loss fell from 3.41 to 1.92 (−44 %) and is still falling.",
        ),
        (
            [3.41, 2.6, 1.92], "over",
            ("Held-out loss fell from 3.41 to 1.92 (−44 %) and was still falling at the"
            " end: more epochs may help."),
        ),
        (
            [3.41, 2.6, 1.92], "resting",
            "Held-out loss fell from 3.41 to 1.92 (−44 %) and was still falling.",
        ),
        (
            [3.41, 1.93, 1.925], "live",
            "Held-out loss fell from 3.41 to 1.93 (−44 %) and is levelling off.",
        ),
        (
            [3.41, 1.93, 1.925], "over",
            "Held-out loss fell from 3.41 to 1.93 (−44 %).",
        ),
        (
            [3.41, 1.90, 1.91, 1.92], "live",
            ("Held-out loss fell from 3.41 to 1.92 (−44 %) and has not improved for"
            " 20 steps."),
        ),
        (
            [3.41, 1.90, 1.91, 1.92], "over",
            "Held-out loss fell from 3.41 to 1.92 (−44 %); best at step 10.",
        ),
        (
            [3.41, 1.92, 2.10], "live",
            ("Held-out loss was best at step 10 (1.92) and has risen to 2.10 since: it"
            " is learning the rows by heart."),
        ),
        (
            [2.0, 2.0, 2.01], "live",
            "Held-out loss has not improved yet: 2.00 before, 2.01 after 20 steps.",
        ),
        (
            [2.0, 2.0], "over",
            "Held-out loss did not improve: 2.00 before, 2.00 after 10 steps.",
        ),
        (
            [2.0, 3.0], "live",
            ("Held-out loss rose from 2.00 to 3.00 (+50 %): the learning rate may be too"
            " high, or the held-out rows unlike the others."),
        ),
    ],
)  # fmt: skip
def test_held_out_loss_is_read(evals: list[float], stage: Stage, text: str) -> None:
    """Falling, level, stuck, over-fitting, not learning: each has its own words."""
    assert text == said(evals, stage)


@pytest.mark.parametrize(
    ("evals", "stage", "tone"),
    [
        ([3.0, 2.0], "live", "good"),
        ([3.0, 2.0, 2.5], "live", "warn"),
        ([2.0, 2.0], "live", "neutral"),
        ([2.0, 2.0], "over", "warn"),
        ([2.0, 3.0], "live", "warn"),
    ],
)
def test_only_what_learnt_is_called_good(
    evals: list[float], stage: Stage, tone: str
) -> None:
    """The tone follows the words."""
    reading = read_curve(RunCurves(eval_loss=points(evals)), stage=stage)

    assert reading is not None
    assert tone == reading.tone


def test_nothing_is_said_of_nothing() -> None:
    """Before the first figure there is no reading."""
    assert read_curve(RunCurves(), stage="live") is None


def test_one_measure_is_only_named() -> None:
    """A single held-out loss is a starting point, not a trend."""
    reading = read_curve(RunCurves(eval_loss=points([3.41])), stage="live")

    assert reading is not None
    assert "Held-out loss is 3.41 before training." == reading.text


@pytest.mark.parametrize(
    ("evals", "stage", "end"),
    [
        ([], "live", "Nothing is held out, so there is no measure on unseen rows."),
        ([3.4], "live", "the next held-out measure is still to come."),
        ([3.4], "over", "held-out loss was measured at the start alone."),
    ],
)
def test_training_loss_alone_is_not_oversold(
    evals: list[float], stage: Stage, end: str
) -> None:
    """Without a second held-out measure, the sentence says so."""
    loss = points([3.0, 2.5, 2.0, 1.5], every=1)
    curves = RunCurves(
        loss=loss, smoothed=loss, eval_loss=points(evals) if evals else NO_POINTS
    )

    reading = read_curve(curves, stage=stage)

    assert reading is not None
    assert reading.text.startswith("Training loss fell from 3.00 to 1.50 (−50 %)")
    assert reading.text.endswith(end)


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (2.0, 1.0, "−50 %"), (2.0, 2.2, "+10 %"), (2.0, 1.97, "−1.5 %"),
        (2.0, 2.0, "±0 %"), (2.0, 1.9999, "±0 %"), (0.0, 1.0, "±0 %"),
    ],
)  # fmt: skip
def test_changes_carry_a_true_minus(before: float, after: float, text: str) -> None:
    """Percent with no more digits than they deserve."""
    assert text == change_text(before, after)


def test_losses_keep_three_digits() -> None:
    """3.41, but 0.412: small losses differ in the third place."""
    assert ("3.41", "0.412") == (loss_text(3.4123), loss_text(0.41234))
