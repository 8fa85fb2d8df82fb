"""The loop alone, with a learner that only counts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest

from core.data.rows import EncodedRow
from core.engine.loop import HeldOut, Loop, Rows, Surroundings, Wish
from core.engine.schedule import Course
from core.engine.standing import Standing
from core.errors import WorkFailed
from core.plan.plan import Training
from core.runs.events import Checkpoint, Metrics, Phase, RunEvent, Sample

ROW = EncodedRow(ids=(1, 2, 3), trained=(False, True, True))


class Figures(NamedTuple):
    loss: float
    grad_norm: float


@dataclass
class CountingLearner:
    """Its loss is 10 minus the number of steps taken."""

    steps: int = 0
    passes: list[tuple[int, int]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    diverges_at: int | None = None
    held_out: list[float] = field(
        default_factory=lambda: [9.0, 8.0, 7.0, 6.0, 5.0, 4.0]
    )

    def begin_step(self, rows: Rows) -> None:
        pass

    def accumulate(self, rows: Rows, *, step: int, number: int) -> None:
        self.passes.append((step, number))

    def apply(self, learning_rate: float) -> Figures:
        if self.diverges_at == self.steps + 1:
            raise WorkFailed("train.nan", "It diverged.")
        self.steps += 1
        self.rates.append(learning_rate)
        return Figures(10.0 - self.steps, 1.0)

    def losses(self, batches: Sequence[Rows]) -> Iterator[float]:
        loss = self.held_out.pop(0)
        for _ in batches:
            yield loss


@dataclass
class World:
    """Remembers what was saved; wishes come true at a given forward pass."""

    learner: CountingLearner
    saved: list[int] = field(default_factory=list)
    wish: Wish | None = None
    after_passes: int = 0

    def surroundings(self) -> Surroundings:
        return Surroundings(
            wishes=self._wishes,
            save=self._save,
            sample=lambda step: Sample(t=0.0, step=step, prompt="?", text="!"),
            memory=lambda: (100, 200),
            now=lambda: 0.0,
        )

    def _wishes(self) -> frozenset[Wish]:
        due = self.wish and len(self.learner.passes) >= self.after_passes
        return frozenset([self.wish]) if self.wish and due else frozenset()

    def _save(self, standing: Standing) -> Checkpoint:
        self.saved.append(standing.step)
        if "save" in self._wishes():
            self.wish = None
        return Checkpoint(t=0.0, step=standing.step, path=f"step-{standing.step}")


def make_loop(
    world: World, *, standing: Standing | None = None, training: Training | None = None
) -> Loop:
    return Loop(
        world.learner,
        training=training or Training(learning_rate=1.0, gradient_accumulation=2),
        course=Course(steps=6, steps_per_epoch=4, eval_every=3, save_every=2),
        steps_of_epoch=lambda epoch: [[[ROW], [ROW]]] * 4,
        held_out=HeldOut(batches=[[ROW], [ROW]], trained_tokens=4),
        surroundings=world.surroundings(),
        standing=standing or Standing(),
    )


def test_steps_looks_and_saves_come_when_due() -> None:
    """Six steps of two passes; evaluated at 0, 3 and 6; saved at 2, 4 and 6."""
    world = World(CountingLearner())
    loop = make_loop(world)

    events = list(loop.events())

    measured = [e for e in events if isinstance(e, Metrics)]
    assert [(s, n) for s in range(1, 7) for n in (0, 1)] == world.learner.passes
    assert [1, 2, 3, 4, 5, 6] == [e.step for e in measured if e.loss is not None]
    assert [(0, 4.5), (3, 4.0), (6, 3.5)] == [
        (e.step, e.eval_loss) for e in measured if e.eval_loss is not None
    ]
    assert [2, 4, 6] == world.saved
    assert "done" == loop.outcome
    assert loop.standing.train_loss == pytest.approx(6.5)
    assert (4.5, 3.5, 6) == (
        loop.standing.eval_loss_before, loop.standing.eval_loss, loop.standing.best_step,
    )  # fmt: skip
    assert [1.5, 0.25] == [measured[-2].epoch, measured[1].epoch]


@pytest.mark.parametrize("wish", ["pause", "stop"])
@pytest.mark.parametrize("passes", [1, 5, 6, 11])
def test_leaving_drops_the_half_step_and_saves_the_whole(
    wish: Wish, passes: int
) -> None:
    """Asked to leave in the middle of a step, the run stands at the last whole step."""
    world = World(CountingLearner(), wish=wish, after_passes=passes)
    loop = make_loop(world)

    events = list(loop.events())

    whole = (passes - 1) // 2
    assert wish == loop.outcome
    assert whole == loop.standing.step == world.learner.steps
    assert (whole in world.saved) == (whole > 0)
    assert not isinstance(events[-1], Metrics)


def test_discard_saves_nothing_more() -> None:
    """A run to be dropped writes no checkpoint on its way out."""
    world = World(CountingLearner(), wish="discard", after_passes=3)
    loop = make_loop(world)

    list(loop.events())

    assert "discard" == loop.outcome
    assert [] == world.saved


def test_save_now_saves_after_the_step() -> None:
    """The order to save is done at the end of the step and the run goes on."""
    world = World(CountingLearner(), wish="save", after_passes=5)

    list(make_loop(world).events())

    assert [2, 3, 4, 6] == world.saved


def test_a_resumed_loop_repeats_nothing_before_its_checkpoint() -> None:
    """From step 4 on: two more steps, no second first look, the same rates."""
    full = World(CountingLearner())
    list(make_loop(full).events())
    world = World(CountingLearner(steps=4, held_out=[7.0]))
    standing = Standing(step=4, evaluated_step=3, eval_loss_before=4.5, eval_loss=4.0)

    events: list[RunEvent] = list(make_loop(world, standing=standing).events())

    looks = [e.step for e in events if isinstance(e, Metrics) and e.eval_loss]
    assert [5, 5, 6, 6] == [step for step, _ in world.learner.passes]
    assert full.learner.rates[4:] == world.learner.rates
    assert [6] == looks
    assert [6] == world.saved


def test_a_look_cut_short_is_taken_again() -> None:
    """Paused during an evaluation, the resumed run evaluates that step first."""
    world = World(CountingLearner(), wish="pause", after_passes=6)
    loop = make_loop(world)
    list(loop.events())
    paused = Standing(step=3, evaluated_step=0, eval_loss_before=4.5)
    again = World(CountingLearner(steps=3, held_out=[8.0, 7.0]))

    events = list(make_loop(again, standing=paused).events())

    assert isinstance(events[1], Phase)
    assert "evaluate" == events[1].phase
    looks = [e.step for e in events if isinstance(e, Metrics) and e.eval_loss]
    assert [3, 6] == looks


def test_divergence_keeps_the_last_finite_weights() -> None:
    """When a step is refused, the weights before it are saved and the error goes on."""
    world = World(CountingLearner(diverges_at=4))
    loop = make_loop(world)

    with pytest.raises(WorkFailed):
        list(loop.events())

    assert [2, 3] == world.saved
    assert 3 == loop.standing.step


def test_a_held_out_loss_that_is_no_number_stops() -> None:
    """NaN on the held-out rows ends the run; it is never drawn as a loss."""
    world = World(CountingLearner(held_out=[9.0, float("nan")]))

    with pytest.raises(WorkFailed) as caught:
        list(make_loop(world).events())

    assert "train.nan" == caught.value.code


def test_patience_ends_the_run() -> None:
    """After one look without gain a patience of one stops; the best step is saved."""
    world = World(CountingLearner(held_out=[9.0, 9.5]))
    training = Training(gradient_accumulation=2, early_stopping=1)
    loop = make_loop(world, training=training)

    list(loop.events())

    assert 3 == loop.standing.step
    assert 0 == loop.standing.best_step
