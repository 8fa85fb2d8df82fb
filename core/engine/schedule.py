"""When things happen in a run, and how large each step is: pure functions of the plan."""

import math
from dataclasses import dataclass

from core.plan.plan import Scheduler, Training

_EVALUATIONS = 10
_CHECKPOINTS = 5
# A held-out pass costs a third of a training pass: forward (2N) against forward, input
# gradients and, with checkpointing, recomputation (4N to 6N).
_EVALUATION_COST = 1 / 3
_EVALUATION_SHARE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How many optimiser steps, and after which ones to evaluate and to save."""

    steps: int
    steps_per_epoch: int
    eval_every: int
    save_every: int

    def epoch(self, step: int) -> float:
        """Return how many times the rows were seen after `step` steps."""
        return step / self.steps_per_epoch

    def evaluates_after(self, step: int) -> bool:
        return step in {0, self.steps} or step % self.eval_every == 0

    def saves_after(self, step: int) -> bool:
        return step > 0 and (step == self.steps or step % self.save_every == 0)


def course_of(
    training: Training, *, micro_batches: int, train_tokens: int, eval_tokens: int
) -> Course:
    """Return the course of a run over `micro_batches` forward passes an epoch.

    Zeros in the plan mean: about five checkpoints, and ten evaluations or as few as
    keep evaluation under a fifth of the run.
    """
    per_epoch = max(1, math.ceil(micro_batches / training.gradient_accumulation))
    steps = training.max_steps or max(1, math.ceil(per_epoch * training.epochs))
    run_tokens = train_tokens * steps / per_epoch
    affordable = (
        _EVALUATION_SHARE * run_tokens / max(1.0, eval_tokens * _EVALUATION_COST)
    )
    evaluations = min(_EVALUATIONS, max(1, math.floor(affordable)))
    return Course(
        steps=steps,
        steps_per_epoch=per_epoch,
        eval_every=training.eval_every or math.ceil(steps / evaluations),
        save_every=training.save_every or math.ceil(steps / _CHECKPOINTS),
    )


def learning_rate(training: Training, *, step: int, steps: int) -> float:
    """Return the learning rate of optimiser step `step` (1-based) of `steps`.

    Linear warm-up over ``warmup_ratio`` of the run, then the schedule, as in
    transformers' ``get_scheduler`` (cosine: half a period, to zero). The last step is
    never part of the warm-up: a run of one step would learn nothing at rate zero.
    """
    warmup = min(math.ceil(training.warmup_ratio * steps), steps - 1)
    before = step - 1
    if before < warmup:
        return training.learning_rate * before / warmup
    done = (before - warmup) / max(1, steps - warmup)
    return training.learning_rate * _left(training.scheduler, done)


def _left(scheduler: Scheduler, done: float) -> float:
    if scheduler == "constant":
        return 1.0
    if scheduler == "linear":
        return 1.0 - done
    return 0.5 * (1.0 + math.cos(math.pi * done))
