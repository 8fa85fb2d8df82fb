"""When things happen in a run."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import get_scheduler

from core.engine.schedule import course_of, learning_rate
from core.plan.plan import Training


@pytest.mark.parametrize("name", ["cosine", "linear", "constant"])
@pytest.mark.parametrize("warmup_ratio", [0.0, 0.1])
def test_learning_rate_is_that_of_transformers(name: str, warmup_ratio: float) -> None:
    """Each step's rate equals the one ``get_scheduler`` gives a Hugging Face Trainer."""
    steps = 37
    training = Training(learning_rate=3e-4, scheduler=name, warmup_ratio=warmup_ratio)
    warmup = math.ceil(warmup_ratio * steps)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-4)
    kind = "constant_with_warmup" if name == "constant" else name
    reference = get_scheduler(kind, optimizer, warmup, steps)
    expected, found = [], []
    for step in range(1, steps + 1):
        expected.append(optimizer.param_groups[0]["lr"])
        found.append(learning_rate(training, step=step, steps=steps))
        optimizer.step()
        reference.step()

    assert found == pytest.approx(expected, rel=1e-12, abs=1e-18)


@pytest.mark.parametrize("name", ["cosine", "linear", "constant"])
def test_a_run_of_one_step_learns(name: str) -> None:
    """Its one step is no warm-up, whose first step has rate zero."""
    training = Training(scheduler=name, warmup_ratio=0.05)

    assert training.learning_rate == learning_rate(training, step=1, steps=1)


def test_max_steps_wins_over_epochs() -> None:
    """A number of steps in the plan is the number of steps of the run."""
    training = Training(max_steps=7, epochs=100.0, gradient_accumulation=2)

    course = course_of(training, micro_batches=10, train_tokens=1000, eval_tokens=100)

    assert (7, 5) == (course.steps, course.steps_per_epoch)


def test_a_rest_of_micro_batches_is_a_step() -> None:
    """Micro-batches left over at an epoch's end make a smaller step; none is lost."""
    training = Training(epochs=2.0, gradient_accumulation=4)

    course = course_of(training, micro_batches=9, train_tokens=1000, eval_tokens=100)

    assert (6, 3) == (course.steps, course.steps_per_epoch)


def test_costly_evaluations_come_seldom() -> None:
    """Held-out rows as many as the training rows are not measured ten times a run."""
    training = Training(max_steps=100)
    cheap = course_of(
        training, micro_batches=800, train_tokens=10**6, eval_tokens=10**4
    )
    costly = course_of(
        training, micro_batches=800, train_tokens=10**6, eval_tokens=10**6
    )

    assert 10 == cheap.eval_every
    assert 100 == costly.eval_every


@given(
    steps=st.integers(1, 500),
    eval_every=st.integers(0, 50),
    save_every=st.integers(0, 50),
)
def test_every_run_is_measured_and_saved_at_both_ends(
    steps: int, eval_every: int, save_every: int
) -> None:
    """Whatever the plan, the loss before and after is known and the end is saved."""
    training = Training(max_steps=steps, eval_every=eval_every, save_every=save_every)

    course = course_of(training, micro_batches=10, train_tokens=1000, eval_tokens=0)

    assert course.evaluates_after(0)
    assert course.evaluates_after(steps)
    assert course.saves_after(steps)
    assert not course.saves_after(0)
