"""``estimate``: how much memory a plan needs, whether it fits, and how fast it is."""

from collections.abc import Sequence

from core.cli.asked import asked, chosen_budget, estimate_document
from core.cli.request import Request
from core.cli.speed import speed_document, speed_text
from core.cli.starter import follow_task
from core.cli.table import pairs, table
from core.cli.uses import answer_use, formulas_document, formulas_text
from core.estimate.answer import MemoryEstimate
from core.estimate.explain import explain
from core.estimate.loop import compute_dtype
from core.estimate.memory import estimate, estimates
from core.hardware.budget import DeviceBudget
from core.models.find import config_of, find_to_estimate
from core.plan.codec import to_tree
from core.plan.plan import Plan
from core.planner.forecast import forecast
from core.runs.outcomes import read_outcomes
from core.units import bytes_text
from core.wire import to_json


def estimate_command(request: Request) -> int:
    """Answer with the peak memory of one plan, and of every method beside it."""
    arguments = request.arguments
    plan, shape = asked(request)
    budget = chosen_budget(request)
    if arguments.use != "train":
        return answer_use(request, plan, shape, budget)
    exact = _dry_run(request, plan, budget) if request.get("dry_run") else None
    outcomes, loop = read_outcomes(request.places), arguments.loop
    found = estimate(
        plan, shape, budget, loop=loop, measured_tensors=exact, outcomes=outcomes
    )
    methods = estimates(plan, shape, budget, loop=loop, outcomes=outcomes)
    rate = forecast(plan, shape, budget, outcomes)
    methods[found.method] = found
    document = {
        **estimate_document(found),
        "device": budget.name,
        "forecast": speed_document(rate),
        "methods": [estimate_document(other) for other in methods.values()],
    }
    text = _text(found, list(methods.values()), budget)
    text += f"\n\n{speed_text(rate, plan, budget)}"
    if request.get("explain"):
        formulas = explain(plan, shape, budget, found, loop=loop)
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
            f"{found.reason}{_learned_text(found)}",
            pairs(
                [("On", budget.name), *parts, ("Together", bytes_text(found.process))]
            ),
            table(("METHOD", "EXPECTED", "BETWEEN", "VERDICT"), rows),
        )
    )


def _learned_text(found: MemoryEstimate) -> str:
    if found.learned is None:
        return ""
    said = found.learned.text
    return f" {said[:1].upper()}{said[1:]}."
