"""What ``estimate``, ``fit`` and ``models`` are asked about: model, plan and device."""

from typing import Any

from core.cli.plan_flags import plan_with_flags
from core.cli.request import Request
from core.errors import RequestError
from core.estimate.answer import MemoryEstimate
from core.estimate.targets import missing_targets
from core.hardware.budget import DeviceBudget, device_budget
from core.models.find import find_to_estimate, shape_of
from core.models.shape import ModelShape
from core.plan.fields import with_value
from core.plan.plan import Plan
from core.units import parse_bytes
from core.wire import to_json


def asked(request: Request) -> tuple[Plan, ModelShape]:
    """Return the plan that the flags say, and the shape of its model.

    Raises:
        TunesmithError: No model was named, or none that can be priced.
    """
    wanted = request.arguments.model
    if not wanted:
        raise RequestError(
            "usage",
            "Say which model: --model.",
            hint="“tunesmith models” lists them.",
        )
    facts = find_to_estimate(wanted, request.places)
    plan = plan_with_flags(with_value(Plan(), "model.id", wanted), request.arguments)
    shape = shape_of(facts, request.places)
    strange = missing_targets(shape, plan.method)
    if strange:
        raise RequestError(
            "plan.target_modules", strange, hint="Name some of these, or all-linear."
        )
    return plan, shape


def chosen_budget(request: Request) -> DeviceBudget:
    """Return the device named by ``--gpu`` or ``--gpu-memory``, else this machine's.

    Raises:
        RequestError: No card has that name, or no such size.
    """
    memory = request.get("gpu_memory")
    try:
        n_bytes = None if memory is None else parse_bytes(memory)
    except ValueError as err:
        raise RequestError(
            "gpu.memory", str(err), hint="“--gpu-memory 12GiB” is one way to say it."
        ) from err
    return device_budget(gpu_memory=n_bytes, gpu_name=request.get("gpu"))


def estimate_document(found: MemoryEstimate) -> dict[str, Any]:
    """Return an estimate as ``--json`` has it."""
    return {
        **to_json(found),
        "learned": to_json(found.learned),
        "available": found.available,
        "fits": found.fits,
    }
