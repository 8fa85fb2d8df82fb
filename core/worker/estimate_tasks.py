"""The exact estimate: a dry run of the engine's own step, in a process of its own."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from core.engine.device import DTypeName
from core.engine.dryrun import Loop
from core.engine.dryrun import dry_run as run
from core.errors import RequestError
from core.models.config import read_config
from core.plan.codec import from_tree

Tell = Callable[[dict[str, Any]], None]


def dry_run(request: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return ``{"tensors", "static", "phases"}`` in bytes for one plan on a CUDA card.

    The request holds ``config`` (a model's config.json as an object) or ``path`` (its
    folder or file), ``plan`` (nested, as in a plan file), ``dtype`` (bf16, fp16, fp32),
    ``has_flash`` and ``loop`` (tunesmith, plain).

    Raises:
        TunesmithError: The model cannot be built, or there is no such loop.
    """
    plan = from_tree(cast("Mapping[str, Any]", request.get("plan") or {}))
    loop = request.get("loop", "tunesmith")
    if loop not in {"tunesmith", "plain"}:
        raise RequestError(
            "dry_run.loop",
            f"There is no loop “{loop}”.",
            hint="Say tunesmith or plain.",
        )
    config = request.get("config") or read_config(Path(str(request.get("path", ""))))
    tell({"kind": "progress", "what": "dry_run", "done": 0, "total": 1, "unit": "run"})
    found = run(
        cast("Mapping[str, Any]", config),
        plan,
        dtype=cast("DTypeName", request.get("dtype", "bf16")),
        has_flash=bool(request.get("has_flash", True)),
        loop=cast("Loop", loop),
    )
    return {
        "tensors": found.peak,
        "static": found.static,
        "phases": dict(found.phases),
    }
