"""Where a run stands between two optimiser steps: what a checkpoint must remember."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.wire import known_fields

_RECENT_STEPS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The loop's own memory; the weights and the optimiser's are the learner's."""

    step: int = 0
    evaluated_step: int | None = None
    """The last step whose held-out loss is known."""
    eval_loss_before: float | None = None
    eval_loss: float | None = None
    best_eval_loss: float | None = None
    best_step: int | None = None
    evaluations_without_gain: int = 0
    recent_losses: tuple[float, ...] = ()
    """Losses of the last ten steps, oldest first."""
    tokens: int = 0
    """Tokens learnt from so far, padding not counted."""
    train_s: float = 0.0
    """Seconds spent in steps."""
    peak_memory: int = 0
    """Bytes allocated on a GPU, growth of the process on a CPU."""
    peak_reserved: int = 0

    @property
    def train_loss(self) -> float | None:
        """The mean loss of the last ten steps; one step alone is mostly noise."""
        recent = self.recent_losses
        return sum(recent) / len(recent) if recent else None

    @property
    def tokens_per_s(self) -> float | None:
        return self.tokens / self.train_s if self.train_s > 0 else None


def after_step(
    standing: Standing, *, loss: float, tokens: int, seconds: float
) -> Standing:
    """Return the standing after one more step."""
    return replace(
        standing,
        step=standing.step + 1,
        recent_losses=(*standing.recent_losses, loss)[-_RECENT_STEPS:],
        tokens=standing.tokens + tokens,
        train_s=standing.train_s + seconds,
    )


def after_evaluation(standing: Standing, loss: float) -> Standing:
    """Return the standing after a held-out evaluation gave `loss`."""
    best = standing.best_eval_loss
    is_best = best is None or loss < best
    first = standing.eval_loss_before is None
    return replace(
        standing,
        evaluated_step=standing.step,
        eval_loss_before=loss if first else standing.eval_loss_before,
        eval_loss=loss,
        best_eval_loss=loss if is_best else best,
        best_step=standing.step if is_best else standing.best_step,
        evaluations_without_gain=(
            0 if is_best else standing.evaluations_without_gain + 1
        ),
    )


def with_peak(standing: Standing, allocated: int, reserved: int) -> Standing:
    """Return the standing after these peaks, in bytes, were measured."""
    return replace(
        standing,
        peak_memory=max(standing.peak_memory, allocated),
        peak_reserved=max(standing.peak_reserved, reserved),
    )


def standing_of(found: Mapping[str, Any]) -> Standing:
    """Return the standing that a checkpoint's JSON holds."""
    pairs = known_fields(Standing, found)
    pairs["recent_losses"] = tuple(pairs.get("recent_losses", ()))
    return Standing(**pairs)
