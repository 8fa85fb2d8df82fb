"""From a plan to a run that may start: everything that can be refused is refused here.

The window and the command line both begin a run with `new_run`. It can take a second
(it reads the data once), so the window calls it off the GUI thread.
"""

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core import durable
from core.data.load import count_accepted_rows
from core.data.starter import starter_file
from core.errors import ModelError, PlanError, WouldNotFit
from core.estimate.answer import MemoryEstimate
from core.estimate.learned import Outcome
from core.estimate.memory import estimate
from core.estimate.targets import missing_targets
from core.hardware.budget import DeviceBudget, device_budget
from core.models.facts import ModelFacts
from core.models.find import find_model, shape_of
from core.models.shape import ModelShape
from core.places import Places, expanded, is_folder
from core.plan.fields import with_value
from core.plan.plan import DataChoice, Method, ModelChoice, Plan, Training
from core.plan.problems import Problem, out_of_limits, problems
from core.planner.advice import fit_plan, recommend
from core.planner.forecast import forecast
from core.runs.folder import RunFolder, create_run
from core.runs.outcomes import read_outcomes

# Log, events and a run's small files, beside checkpoints and adapter.
_RUN_FILES_BYTES = 32 << 20
# Enough to teach the starter data's form plainly; more only learns its rows by heart.
_DEMO_EPOCHS = 1.25
# "unknown" is no reason to refuse: the person may know better.
_TOO_MUCH = frozenset({"too-large", "fits-if-closed"})
_VERSIONS_OF = ("torch", "transformers", "peft", "bitsandbytes", "tunesmith")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What stands against a plan here and now, and what it would need."""

    problems: tuple[Problem, ...]
    estimate: MemoryEstimate | None = None
    """None where the model is not known, or no training could have such settings."""
    facts: ModelFacts | None = None

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.level == "error")


def check(plan: Plan, places: Places, *, budget: DeviceBudget | None = None) -> Checked:
    """Return what is wrong with `plan` on this machine, without reading its data.

    A model that cannot be used is a problem of ``model.id``, not an exception.
    """
    if not plan.model.id.strip():
        return Checked(problems=problems(plan))
    try:
        facts = find_model(plan.model.id, places)
        shape = shape_of(facts, places)
    except ModelError as err:
        return Checked(problems=(*problems(plan), _model_problem(err)))
    found = (
        *problems(plan, context_length=facts.context_length),
        *_target_problems(plan, shape),
    )
    if out_of_limits(plan):  # no training could have such values, so none has a price
        return Checked(problems=found, facts=facts)
    budget = budget or device_budget()
    predicted = estimate(plan, shape, budget, outcomes=read_outcomes(places))
    return Checked(problems=found, estimate=predicted, facts=facts)


def new_run(
    plan: Plan,
    places: Places,
    *,
    force: bool = False,
    budget: DeviceBudget | None = None,
    measured_tensors: int | None = None,
) -> RunFolder:
    """Return a queued run of `plan`, ready for `core.launch.start_run`.

    Args:
        plan: What to do. Its files may be relative to the current folder; without a
            name it is called after its data and model.
        places: Where the run is made.
        force: Start although the estimate says that it will not fit.
        budget: The device to judge by; this machine's own if none.
        measured_tensors: The tensors' peak as a dry run of this very plan found it.

    Raises:
        PlanError: Something in the plan is wrong; all of it is named.
        ModelError: The base model cannot be used or is not on this disk.
        DatasetError: A data file cannot be used as it is.
        WouldNotFit: It needs more memory than is free, and `force` was not given.
        DiskFull: The run would not fit on the disk.
    """
    plan = _settled(plan)
    budget = budget or device_budget()
    _require_sound(problems(plan))
    facts = find_model(plan.model.id, places)
    require_here(facts)
    _require_sound(problems(plan, context_length=facts.context_length))
    shape, outcomes = shape_of(facts, places), read_outcomes(places)
    _require_sound(_target_problems(plan, shape))
    predicted = estimate(
        plan, shape, budget, measured_tensors=measured_tensors, outcomes=outcomes
    )
    if predicted.verdict in _TOO_MUCH and not force:
        raise _would_not_fit(predicted)
    count_accepted_rows(plan.data)
    written = predicted.disk.adapter * 2 + predicted.disk.checkpoints
    durable.need_room(places.runs, written + _RUN_FILES_BYTES, what="This run")
    plan = _named(plan, facts)
    known = {
        **_facts(plan, facts, predicted, budget),
        "family": shape.architecture,
        "forecast": forecast(plan, shape, budget, outcomes),
    }
    return create_run(places.make().runs, plan, known)


def quick_plan(
    model_id: str,
    files: tuple[str, ...],
    places: Places,
    *,
    budget: DeviceBudget | None = None,
) -> Plan:
    """Return a sensible plan for `model_id` and `files` on this machine.

    The method is the one recommended here; batch and length are what fits, with the
    effective batch kept at 8; checkpointing of activations only where it is needed.

    Raises:
        ModelError: The base model cannot be used.
    """
    budget = budget or device_budget()
    facts = find_model(model_id, places)
    shape, outcomes = shape_of(facts, places), read_outcomes(places)
    plan = Plan(
        model=ModelChoice(id=model_id),
        data=DataChoice(files=files),
        train=Training(seq_len=min(1024, facts.context_length or 1024)),
    )
    kind, _ = recommend(plan, shape, budget, outcomes=outcomes)
    if kind in {"lora", "qlora"}:  # what this version trains
        plan = with_value(plan, "method.kind", kind)
    return _roomiest(plan, shape, budget, outcomes)


def demo_plan(places: Places, steps: int = 0) -> Plan:
    """Return the plan of the demo: starter model, starter data, a few minutes on a CPU.

    Args:
        places: Where Tunesmith keeps its things.
        steps: Optimiser steps; 0 for as many as teach the behaviour plainly (49).
    """
    del places  # the starter has an id, wherever it lies
    return Plan(
        name="First adapter",
        model=ModelChoice(id="starter"),
        data=DataChoice(files=(str(starter_file()),), eval_fraction=0.15),
        method=Method(kind="lora", rank=16, alpha=32),
        train=Training(
            max_steps=steps,
            epochs=_DEMO_EPOCHS,
            batch_size=4,
            gradient_accumulation=1,
            seq_len=96,  # the longest row of the starter data has 93 tokens
            learning_rate=1e-3,
            warmup_ratio=0.05,
            gradient_checkpointing=False,
        ),
    )


def _target_problems(plan: Plan, shape: ModelShape) -> tuple[Problem, ...]:
    strange = missing_targets(shape, plan.method)
    if not strange:
        return ()
    return (Problem(level="error", field="method.target_modules", message=strange),)


def _settled(plan: Plan) -> Plan:
    files = tuple(str(expanded(name).absolute()) for name in plan.data.files)
    plan = with_value(plan, "data.files", files)
    folder = expanded(plan.model.id)
    if plan.model.id and is_folder(folder) and plan.model.id != "starter":
        return with_value(plan, "model.id", str(folder.absolute()))
    return plan


def _named(plan: Plan, facts: ModelFacts) -> Plan:
    """Return `plan` under a name that tells its run and its adapter from others."""
    if plan.name.strip():
        return plan
    learnt = Path(plan.data.files[0]).stem
    return with_value(plan, "name", f"{learnt} on {facts.name}")


def _require_sound(found: tuple[Problem, ...]) -> None:
    errors = [problem for problem in found if problem.level == "error"]
    if errors:
        raise unsound(errors)


def unsound(errors: Sequence[Problem]) -> PlanError:
    """Return what is said of a plan with these errors: all of them at once."""
    listed = " ".join(f"{p.field}: {p.message}" for p in errors)
    return PlanError(
        "plan.problems",
        f"The plan cannot be run. {listed}",
        hint="Correct it in the plan file or with --set, then start again.",
    )


def require_here(facts: ModelFacts) -> Path:
    """Return the folder of a model that can be run here.

    Raises:
        ModelError: It cannot, or is not on this disk; says how to get it.
    """
    if facts.problem:
        raise ModelError("model.unusable", facts.problem, hint=facts.hint)
    if facts.path is not None:
        return facts.path
    if facts.source == "local":
        raise ModelError(
            "model.no_weights",
            f"{facts.id} says how a model is built, but holds no weights.",
            hint=facts.hint or "Give the folder that holds the weights too.",
        )
    if facts.source == "starter":
        raise ModelError(
            "model.starter_not_made",
            "The starter model has not been made on this machine yet.",
            hint="“tunesmith models download starter” makes it, offline, in a minute.",
        )
    raise ModelError(
        "model.not_here",
        f"{facts.id} is not on this disk.",
        hint=f"“tunesmith models download {facts.id}” fetches it.",
    )


def _would_not_fit(predicted: MemoryEstimate) -> WouldNotFit:
    return WouldNotFit(
        "memory.would_not_fit",
        f"This would not fit: {predicted.reason[:1].lower()}{predicted.reason[1:]}",
        hint="“tunesmith fit” shows what to change; --force starts it all the same.",
    )


def _model_problem(err: ModelError) -> Problem:
    message = f"{err.message} {err.hint}".strip()
    return Problem(level="error", field="model.id", message=message)


def _facts(
    plan: Plan, facts: ModelFacts, predicted: MemoryEstimate, budget: DeviceBudget
) -> dict[str, Any]:
    return {
        "model": facts.name,
        "model_path": str(facts.path),
        "data_sha256": durable.files_sha256(Path(name) for name in plan.data.files),
        "predicted": predicted,
        "device": {
            "kind": budget.kind,
            "name": budget.name,
            "total": budget.total,
            "free": budget.free,
        },
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for package in _VERSIONS_OF:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # run from a checkout, or a package this machine lacks
    return found


def _roomiest(
    plan: Plan,
    shape: ModelShape,
    budget: DeviceBudget,
    outcomes: tuple[Outcome, ...],
) -> Plan:
    """Return the first of a few layouts that fits, from the fastest to the leanest."""
    for batch_size, checkpointing in ((4, False), (2, False), (1, False), (2, True)):
        layout = replace(
            plan.train,
            batch_size=batch_size,
            gradient_accumulation=8 // batch_size,
            gradient_checkpointing=checkpointing,
        )
        tried = replace(plan, train=layout)
        if estimate(tried, shape, budget, outcomes=outcomes).fits:
            return tried
    return fit_plan(plan, shape, budget, outcomes=outcomes).plan
