"""The training loop: a generator of what happens, without a tensor in sight.

Between two steps the run can be saved and gone on with later; everything the loop
remembers is its `Standing`. So a step left half done (pause, kill) is done again from
its beginning and gives the same numbers.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from core.data.rows import EncodedRow
from core.engine.schedule import Course, learning_rate
from core.engine.standing import (
    Standing,
    after_evaluation,
    after_step,
    with_peak,
)
from core.errors import WorkFailed
from core.plan.plan import Training
from core.runs.events import Checkpoint, Metrics, Phase, Progress, RunEvent, Sample

Wish = Literal["pause", "stop", "discard", "save"]
Outcome = Literal["done", "pause", "stop", "discard"]
Rows = Sequence[EncodedRow]
Events = Generator[RunEvent, None, None]


class Figures(Protocol):
    """What one step measured."""

    @property
    def loss(self) -> float: ...
    @property
    def grad_norm(self) -> float: ...


class Learns(Protocol):
    """What the loop asks of a learner; see `core.engine.learner`."""

    def begin_step(self, rows: Rows) -> None: ...
    def accumulate(self, rows: Rows, *, step: int, number: int) -> None: ...
    def apply(self, learning_rate: float) -> Figures: ...
    def losses(self, batches: Sequence[Rows]) -> Iterator[float]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Rows never learnt from."""

    batches: Sequence[Rows]
    trained_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the loop is given to reach the world; each may be called at any time."""

    wishes: Callable[[], frozenset[Wish]]
    """What the person asks for now; looked at after every forward pass."""
    save: Callable[[Standing], Checkpoint]
    """Write a whole checkpoint of the learner and this standing."""
    sample: Callable[[int], Sample | None]
    """Answer a held-out prompt, for the eye, at this step."""
    memory: Callable[[], tuple[int, int]]
    """Peak bytes since the last question: allocated and reserved."""
    now: Callable[[], float] = time.time


class Loop:
    """One stretch of training, from a standing to the end or to a wish to stop."""

    def __init__(
        self,
        learner: Learns,
        *,
        training: Training,
        course: Course,
        steps_of_epoch: Callable[[int], Sequence[Sequence[Rows]]],
        held_out: HeldOut,
        surroundings: Surroundings,
        standing: Standing,
    ) -> None:
        self._learner = learner
        self._training = training
        self._course = course
        self._steps_of_epoch = steps_of_epoch
        self._held_out = held_out
        self._world = surroundings
        self._epoch: tuple[int, Sequence[Sequence[Rows]]] | None = None
        self._saved_step: int | None = standing.step if standing.step else None
        self.standing = standing
        self.outcome: Outcome = "done"

    def events(self) -> Events:
        """Give what happens until the end; then read `outcome` and `standing`.

        Raises:
            WorkFailed: The loss is no longer finite; a last finite checkpoint is saved.
        """
        yield self._phase("train")
        while True:
            yield from self._boundary()
            if self._is_over():
                return
            yield from self._step()
            if self.outcome != "done":
                yield from self._leave()
                return

    def _is_over(self) -> bool:
        patience = self._training.early_stopping
        standing = self.standing
        return (
            self.outcome != "done"
            or standing.step >= self._course.steps
            or 0 < patience <= standing.evaluations_without_gain
        )

    def _boundary(self) -> Events:
        """Do what is due between two steps: evaluate, then save."""
        step = self.standing.step
        evaluates = self._held_out.batches and self._course.evaluates_after(step)
        if evaluates and self.standing.evaluated_step != step:
            yield from self._evaluate()
            if self.outcome != "done":
                yield from self._leave()
                return
        is_best = self._training.early_stopping > 0 and self.standing.best_step == step
        if step > 0 and (self._course.saves_after(step) or (evaluates and is_best)):
            yield from self._save()

    def _leave(self) -> Events:
        if self.outcome in {"pause", "stop"} and self.standing.step > 0:
            yield from self._save()

    def _save(self) -> Events:
        if self._saved_step != self.standing.step:
            yield self._world.save(self.standing)
            self._saved_step = self.standing.step

    def _step(self) -> Events:
        batches = self._next_batches()
        number = self.standing.step + 1
        began = time.perf_counter()
        self._learner.begin_step([row for rows in batches for row in rows])
        for index, rows in enumerate(batches):
            self._learner.accumulate(rows, step=number, number=index)
            if self._hears():
                return
        rate = learning_rate(self._training, step=number, steps=self._course.steps)
        try:
            figures = self._learner.apply(rate)
        except WorkFailed:
            # the weights are those of the last finite step: worth keeping
            yield from self._leave_diverged()
            raise
        seconds = time.perf_counter() - began
        tokens = sum(len(row.ids) for rows in batches for row in rows)
        self.standing = after_step(
            self.standing, loss=figures.loss, tokens=tokens, seconds=seconds
        )
        yield self._measured(figures, rate=rate, tokens_per_s=tokens / seconds)
        yield self._progress("train", number, self._course.steps, "step")
        if "save" in self._world.wishes():
            yield from self._save()

    def _leave_diverged(self) -> Events:
        if self.standing.step > 0:
            yield from self._save()

    def _next_batches(self) -> Sequence[Rows]:
        epoch, place = divmod(self.standing.step, self._course.steps_per_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, self._steps_of_epoch(epoch))
        return self._epoch[1][place]

    def _hears(self) -> bool:
        """Return whether the run was asked to leave the training."""
        wishes = self._world.wishes()
        for wish in ("discard", "stop", "pause"):
            if wish in wishes:
                self.outcome = wish
                return True
        return False

    def _evaluate(self) -> Events:
        yield self._phase("evaluate")
        total, count = 0.0, len(self._held_out.batches)
        for done, loss_sum in enumerate(
            self._learner.losses(self._held_out.batches), start=1
        ):
            total += loss_sum
            yield self._progress("evaluate", done, count, "batch")
            if self._hears():
                return
        loss = total / max(1, self._held_out.trained_tokens)
        if loss != loss:  # noqa: PLR0124 - NaN alone is unlike itself
            raise WorkFailed(
                "train.nan",
                "The held-out loss is no longer a finite number.",
                hint="Lower the learning rate and start again; bf16 overflows later"
                " than fp16.",
            )
        self.standing = after_evaluation(self.standing, loss)
        yield self._event_of_evaluation(loss)
        if (sample := self._world.sample(self.standing.step)) is not None:
            yield sample
        yield self._phase("train")

    # -- events --------------------------------------------------------------

    def _measured(
        self, figures: Figures, *, rate: float, tokens_per_s: float
    ) -> Metrics:
        allocated, reserved = self._world.memory()
        self.standing = with_peak(self.standing, allocated, reserved)
        return Metrics(
            t=self._world.now(),
            step=self.standing.step,
            epoch=self._course.epoch(self.standing.step),
            loss=figures.loss,
            learning_rate=rate,
            grad_norm=figures.grad_norm,
            tokens_per_s=tokens_per_s,
            memory_allocated=allocated,
            memory_reserved=reserved,
        )

    def _event_of_evaluation(self, loss: float) -> Metrics:
        allocated, reserved = self._world.memory()
        self.standing = with_peak(self.standing, allocated, reserved)
        return Metrics(
            t=self._world.now(),
            step=self.standing.step,
            epoch=self._course.epoch(self.standing.step),
            eval_loss=loss,
            memory_allocated=allocated,
            memory_reserved=reserved,
        )

    def _phase(self, name: Literal["train", "evaluate"]) -> Phase:
        return Phase(t=self._world.now(), phase=name)

    def _progress(self, what: str, done: int, total: int, unit: str) -> Progress:
        return Progress(
            t=self._world.now(), what=what, done=done, total=total, unit=unit
        )
