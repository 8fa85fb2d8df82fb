"""The exact estimate: a dry run of the engine's own step, in a process of its own."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from core.errors import RequestError
from core.models.config import read_config
from core.plan.codec import from_tree

if TYPE_CHECKING:
    from core.engine.device import DTypeName
    from core.engine.dryrun import Loop

Tell = Callable[[dict[str, Any]], None]
_LOADING = "Loading the training engine"
_ACTING = "Acting the training step out"
# Of a known architecture two thirds of the time go by before the first layer: what is
# loaded, and how many hundredths are over by then.
_LOADED = (
    ("torch", 20),
    ("bitsandbytes", 32),
    ("peft", 62),
    ("core.engine.dryrun", 64),
)


def dry_run(request: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return ``{"tensors", "static", "phases"}`` in bytes for one plan on a CUDA card.

    The request holds ``config`` (a model's config.json as an object) or ``path`` (its
    folder or file), ``plan`` (nested, as in a plan file), ``dtype`` (bf16, fp16, fp32),
    ``has_flash`` and ``loop`` (tunesmith, plain). `tell` hears how many per cent are
    done of loading the engine, then of acting out the training step.

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
    loaded = _load(tell)
    from core.engine.dryrun import dry_run as run

    found = run(
        cast("Mapping[str, Any]", config),
        plan,
        dtype=cast("DTypeName", request.get("dtype", "bf16")),
        has_flash=bool(request.get("has_flash", True)),
        loop=cast("Loop", loop),
        tell=lambda share: tell(_percent(_ACTING, loaded + share * (100 - loaded))),
    )
    return {
        "tensors": found.peak,
        "static": found.static,
        "phases": dict(found.phases),
    }


def _load(tell: Tell) -> int:
    """Import the engine piece by piece and return the hundredths that took."""
    done = 0
    for name, after in _LOADED:
        tell(_percent(_LOADING, done))
        import_module(name)
        done = after
    return done


def _percent(what: str, done: float) -> dict[str, Any]:
    return {
        "kind": "progress", "what": what, "done": round(done), "total": 100, "unit": "%",
    }  # fmt: skip
