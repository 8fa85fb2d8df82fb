"""One honest sentence about a curve: did it learn, is it still learning, is it late."""

from dataclasses import dataclass
from typing import Final, Literal

from app.theme.tokens import Tone
from app.training.series import Points, RunCurves

# Held-out losses of two evaluations that differ by less than this are called equal:
# the noise of a held-out set of some tens of rows is about that large.
_SAME: Final = 0.005
# A rise above the best by more than this is called over-fitting.
_RISEN: Final = 0.02
_FEW_STEPS: Final = 3


Stage = Literal["live", "resting", "over"]
"""Is it at work, does it rest (paused, broken off), or did it end as somebody meant?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the curve says, and how glad to be of it."""

    text: str
    tone: Tone = "neutral"


def loss_text(loss: float) -> str:
    """Return a loss with three digits that matter: ``3.41``, ``0.412``."""
    return f"{loss:.2f}" if abs(loss) >= 1 else f"{loss:.3f}"


def change_text(before: float, after: float) -> str:
    """Return the change in percent with a true minus: ``−44 %``, ``+3 %``."""
    if before == 0:
        return "±0 %"
    percent = (after - before) / before * 100
    digits = 0 if abs(percent) >= 9.95 else 1
    size = f"{abs(percent):.{digits}f} %"
    if float(f"{percent:.{digits}f}") == 0:
        return "±0 %"
    return f"−{size}" if percent < 0 else f"+{size}"


def read_curve(curves: RunCurves, *, stage: Stage) -> Reading | None:
    """Return what the loss curves say so far, or None while there is nothing to say."""
    if len(curves.eval_loss) >= 2:
        return _held_out(curves.eval_loss, stage=stage)
    if len(curves.smoothed) >= _FEW_STEPS:
        return _training_alone(curves, stage=stage)
    if curves.eval_loss:
        return Reading(
            text=f"Held-out loss is {loss_text(curves.eval_loss.ys[0])} before training."
        )
    return None


def _held_out(points: Points, *, stage: Stage) -> Reading:
    before, now = points.ys[0], points.ys[-1]
    at_best = min(range(len(points)), key=lambda at: points.ys[at])
    best, step_best = points.ys[at_best], round(points.xs[at_best])
    steps_since = round(points.xs[-1] - points.xs[at_best])
    if at_best == 0 or best >= before * (1 - _SAME):
        return _no_better(before, now, round(points.xs[-1]), stage=stage)
    if now > best * (1 + _RISEN):
        risen = (
            f"Held-out loss was best at step {step_best} ({loss_text(best)}) and has"
            f" risen to {loss_text(now)} since"
        )
        return Reading(text=f"{risen}: it is learning the rows by heart.", tone="warn")
    fell = (
        f"Held-out loss fell from {loss_text(before)} to {loss_text(now)}"
        f" ({change_text(before, now)})"
    )
    if at_best < len(points) - 1:
        tail = f"and has not improved for {steps_since} steps"
        text = (
            f"{fell} {tail}."
            if stage == "live"
            else f"{fell}; best at step {step_best}."
        )
        return Reading(text=text, tone="good")
    falling = points.ys[-2] - now > _SAME * points.ys[-2]
    return Reading(text=fell + _ENDINGS[stage][falling], tone="good")


# What follows "Held-out loss fell from … to …" when it was levelling off, and when not.
_ENDINGS: Final[dict[Stage, tuple[str, str]]] = {
    "live": (" and is levelling off.", " and is still falling."),
    "resting": (" and was levelling off.", " and was still falling."),
    "over": (".", " and was still falling at the end: more epochs may help."),
}


def _no_better(before: float, now: float, step: int, *, stage: Stage) -> Reading:
    if now > before * (1 + _RISEN):
        text = (
            f"Held-out loss rose from {loss_text(before)} to {loss_text(now)}"
            f" ({change_text(before, now)}): the learning rate may be too high, or the"
            " held-out rows unlike the others."
        )
        return Reading(text=text, tone="warn")
    word = "did not improve" if stage == "over" else "has not improved yet"
    text = (
        f"Held-out loss {word}: {loss_text(before)} before,"
        f" {loss_text(now)} after {step} steps."
    )
    return Reading(text=text, tone="warn" if stage == "over" else "neutral")


def _training_alone(curves: RunCurves, *, stage: Stage) -> Reading:
    first = curves.loss.ys[0]
    now = curves.smoothed.ys[-1]
    change = change_text(first, now)
    verb = "fell" if now < first * (1 - _SAME) else "went"
    text = (
        f"Training loss {verb} from {loss_text(first)} to {loss_text(now)} ({change})"
    )
    if not curves.eval_loss:
        return Reading(
            text=f"{text}. Nothing is held out, so there is no measure on unseen rows."
        )
    if stage == "live":
        return Reading(text=f"{text}; the next held-out measure is still to come.")
    return Reading(text=f"{text}; held-out loss was measured at the start alone.")
