"""``estimate`` and ``fit``: will it fit, and what to change so that it does."""

from collections.abc import Sequence
from typing import Any

from core.cli.plan_flags import given_keys, plan_with_flags
from core.cli.request import Request
from core.cli.starter import follow_task
from core.cli.table import pairs, table
from core.cli.uses import answer_use, formulas_document, formulas_text
from core.errors import RequestError
from core.estimate.advice import Fit, fit_plan
from core.estimate.answer import MemoryEstimate
from core.estimate.explain import explain
from core.estimate.loop import compute_dtype
from core.estimate.memory import estimate, estimates
from core.estimate.ranking import rank
from core.hardware.budget import DeviceBudget, device_budget
from core.models.catalogue import catalogue, catalogue_shape
from core.models.find import config_of, find_to_estimate, shape_of
from core.models.shape import ModelShape
from core.plan.codec import field_named, to_tree
from core.plan.fields import with_value
from core.plan.plan import Plan
from core.units import bytes_text, count_text, parse_bytes
from core.wire import to_json


def estimate_command(request: Request) -> int:
    """Answer with the peak memory of one plan, and of every method beside it."""
    arguments = request.arguments
    plan, shape = _asked(request)
    budget = _budget(request)
    if arguments.use != "train":
        return answer_use(request, plan, shape, budget)
    exact = _dry_run(request, plan, budget) if request.get("dry_run") else None
    found = estimate(plan, shape, budget, loop=arguments.loop, measured_tensors=exact)
    methods = estimates(plan, shape, budget, loop=arguments.loop)
    methods[found.method] = found
    document = {
        **_document(found),
        "device": budget.name,
        "methods": [_document(other) for other in methods.values()],
    }
    text = _text(found, list(methods.values()), budget)
    if request.get("explain"):
        formulas = explain(plan, shape, budget, found, loop=arguments.loop)
        document["formulas"] = formulas_document(formulas)
        text += f"\n\n{formulas_text(found.components, formulas)}"
    request.console.answer(document, text)
    return 0


def _dry_run(request: Request, plan: Plan, budget: DeviceBudget) -> int:
    """Return the bytes of all tensors at the peak, as the real step has them.

    Raises:
        TunesmithError: The model cannot be built.
    """
    places = request.places
    facts = find_to_estimate(request.arguments.model, places)
    order = {
        "config": config_of(facts, places),
        "plan": to_tree(plan),
        "dtype": compute_dtype(plan, budget),
        "has_flash": (budget.compute_capability or (8, 0)) >= (8, 0),
        "loop": request.arguments.loop,
    }
    return int(follow_task(request, "dry_run", order)["tensors"])


def fit_command(request: Request) -> int:
    """Answer with the best plan that fits, and what was changed for it.

    Without a model: which models of the catalogue fit, the largest first.
    """
    if not request.arguments.model:
        return _rank_command(request)
    plan, shape = _asked(request)
    keep = [*_kept(request), *given_keys(request.arguments)]
    budget = _budget(request)
    fit = fit_plan(plan, shape, budget, keep=keep)
    request.console.answer(
        {
            "plan": to_tree(fit.plan),
            "changes": [_change(change) for change in fit.changes],
            "estimate": _document(fit.estimate),
            "fits": fit.estimate.fits,
            "max_seq_len": fit.max_seq_len,
            "max_batch": fit.max_batch,
        },
        _fit_text(fit, budget),
    )
    return 0


def _rank_command(request: Request) -> int:
    plan = plan_with_flags(Plan(), request.arguments)
    budget = _budget(request)
    known = [(facts, catalogue_shape(facts.id)) for facts in catalogue()]
    ranked = rank([(f, s) for f, s in known if s is not None], plan, budget)
    rows = [
        (
            one.facts.id,
            count_text(one.facts.parameters or 0),
            one.method,
            bytes_text(one.estimate.process),
            one.estimate.verdict,
        )
        for one in ranked
    ]
    request.console.answer(
        {
            "models": [
                {
                    "id": one.facts.id,
                    "parameters": one.facts.parameters,
                    **_document(one.estimate),
                }
                for one in ranked
            ],
            "device": budget.name,
        },
        table(("MODEL", "SIZE", "METHOD", "NEEDS", "VERDICT"), rows),
    )
    return 0


def _asked(request: Request) -> tuple[Plan, ModelShape]:
    wanted = request.arguments.model
    if not wanted:
        raise RequestError(
            "usage",
            "Say which model: --model.",
            hint="“tunesmith models” lists them.",
        )
    facts = find_to_estimate(wanted, request.places)
    plan = with_value(Plan(), "model.id", wanted)
    return plan_with_flags(plan, request.arguments), shape_of(facts, request.places)


def _budget(request: Request) -> DeviceBudget:
    memory = request.get("gpu_memory")
    try:
        n_bytes = None if memory is None else parse_bytes(memory)
    except ValueError as err:
        raise RequestError(
            "gpu.memory", str(err), hint="“--gpu-memory 12GiB” is one way to say it."
        ) from err
    return device_budget(gpu_memory=n_bytes, gpu_name=request.get("gpu"))


def _kept(request: Request) -> list[str]:
    names: list[str] = [part.strip() for part in request.arguments.keep.split(",")]
    known = {"batch": "train.batch_size", "method": "method.kind"}
    return [known.get(name) or field_named(name).key for name in names if name]


def _document(found: MemoryEstimate) -> dict[str, Any]:
    return {**to_json(found), "available": found.available, "fits": found.fits}


def _change(change: Any) -> dict[str, Any]:
    return {
        "field": change.field,
        "from": change.before,
        "to": change.after,
        "saves": change.saves,
        "why": change.why,
    }


def _text(
    found: MemoryEstimate, methods: Sequence[MemoryEstimate], budget: DeviceBudget
) -> str:
    parts = [
        (name.capitalize(), bytes_text(size))
        for name, size in to_json(found.components).items()
        if size
    ]
    rows = [
        (
            other.method,
            bytes_text(other.process),
            f"{bytes_text(other.low)} – {bytes_text(other.high)}",
            other.verdict,
        )
        for other in methods
    ]
    return "\n\n".join(
        (
            f"{found.reason}",
            pairs(
                [("On", budget.name), *parts, ("Together", bytes_text(found.process))]
            ),
            table(("METHOD", "EXPECTED", "BETWEEN", "VERDICT"), rows),
        )
    )


def _fit_text(fit: Fit, budget: DeviceBudget) -> str:
    changes = [
        (c.field, f"{c.before} → {c.after}", bytes_text(c.saves), c.why)
        for c in fit.changes
    ]
    return "\n\n".join(
        (
            f"{fit.estimate.reason}",
            table(("SETTING", "CHANGE", "SAVES", "WHY"), changes)
            if changes
            else f"Nothing needs to change for {budget.name}.",
            f"Longest sequence {fit.max_seq_len} tokens, largest batch {fit.max_batch}.",
        )
    )
