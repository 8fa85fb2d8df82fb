"""What is wrong with a plan, all of it, as values shown beside the fields."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.places import is_file
from core.plan.fields import FIELDS, limit_text, value_of
from core.plan.plan import ALL_LINEAR, Plan

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to fix (error) or to know (warning) before the run starts."""

    level: Level
    field: str
    """The dotted plan key it is about; empty for the plan as a whole."""
    message: str


def problems(plan: Plan, *, context_length: int | None = None) -> tuple[Problem, ...]:
    """Return all that is wrong with `plan` alone, in the order of the form.

    Whether the model loads, the rows are usable and the memory suffices are other
    questions, asked elsewhere.

    Args:
        plan: The plan to look at.
        context_length: Tokens the model reads at most, where known.
    """
    found = [*_missing(plan), *_limits(plan), *_not_yet(plan), *_unwise(plan)]
    if context_length is not None and plan.train.seq_len > context_length:
        found.append(
            _error(
                "train.seq_len", f"This model reads at most {context_length} tokens."
            )
        )
    return tuple(found)


def out_of_limits(plan: Plan) -> tuple[Problem, ...]:
    """Return the settings whose values no training could have; costs microseconds."""
    return tuple(_limits(plan))


def _error(field: str, message: str) -> Problem:
    return Problem(level="error", field=field, message=message)


def _warning(field: str, message: str) -> Problem:
    return Problem(level="warning", field=field, message=message)


def _missing(plan: Plan) -> Iterator[Problem]:
    if not plan.model.id.strip():
        yield _error("model.id", "Choose a base model.")
    if not plan.data.files:
        yield _error("data.files", "Choose the data to learn from.")
    for name in plan.data.files:
        if not is_file(Path(name)):
            yield _error("data.files", f"{name} is not there. Pick it again.")
    if not plan.method.target_modules:
        yield _error("method.target_modules", f"Name a layer, or {ALL_LINEAR[0]}.")


def _limits(plan: Plan) -> Iterator[Problem]:
    for field in FIELDS:
        value = value_of(plan, field.key)
        if field.low is not None and value < field.low:
            yield _error(field.key, f"Use {limit_text(field.low)} or more.")
        elif field.high is not None and value > field.high:
            yield _error(field.key, f"Use {limit_text(field.high)} or less.")


def _not_yet(plan: Plan) -> Iterator[Problem]:
    if plan.method.kind in {"full", "lora8"}:
        yield _error(
            "method.kind",
            f"This version trains lora and qlora; {plan.method.kind} can only be"
            " estimated.",
        )
    if plan.train.packing:
        yield _error("train.packing", "This version trains without packing.")
    if plan.train.attention == "flash":
        yield _error(
            "train.attention", "This version trains with sdpa or eager attention."
        )


def _unwise(plan: Plan) -> Iterator[Problem]:
    if plan.data.eval_fraction == 0.0:
        yield _warning(
            "data.eval_fraction",
            "Without held-out rows nothing can tell whether it learnt or memorised.",
        )
    if plan.train.learning_rate > 2e-3:
        yield _warning("train.learning_rate", "So high a rate often diverges.")
    if plan.method.alpha > 4 * plan.method.rank:
        yield _warning(
            "method.alpha", "Alpha above four times the rank often diverges."
        )
    if plan.train.epochs > 10 and plan.train.max_steps == 0:
        yield _warning("train.epochs", "So many epochs usually memorise the rows.")
