"""The starter model, made when it is first wanted."""

import time
from typing import Any

from core.cli.request import Request
from core.launch import Task
from core.models.starter import starter_path
from core.units import bytes_text


def ensure_starter(request: Request) -> None:
    """Make the starter model unless it is there, telling how far it is.

    Raises:
        TunesmithError: It cannot be made; says why.
    """
    if starter_path(request.places) is not None:
        return
    request.places.make()
    request.console.note("Making the starter model, once …")
    follow_task(request, "make_starter", {"home": str(request.places.home)})


def follow_task(request: Request, name: str, order: dict[str, Any]) -> dict[str, Any]:
    """Do a worker task, show how far it is, and return its result.

    Raises:
        TunesmithError: The work failed; Ctrl-C kills it.
    """
    task = Task(name, order)
    found: dict[str, Any] = {}
    try:
        for event in task.events():
            if event.get("kind") == "result":
                found = event
            else:
                request.console.event({"t": time.time(), **event})
                request.console.draw(_progress(event))
    except KeyboardInterrupt:
        task.cancel()
        raise
    finally:
        request.console.clear()
    return {key: value for key, value in found.items() if key != "kind"}


def _progress(event: dict[str, Any]) -> str:
    what, unit = str(event.get("what", "Working")), str(event.get("unit", ""))
    done, total = float(event.get("done") or 0), float(event.get("total") or 0)
    if unit in {"byte", "bytes"}:
        return f"{what}: {bytes_text(done)} of {bytes_text(total)}"
    if unit == "%":
        return f"{what}: {done:g} %"
    return f"{what}: {done:g} of {total:g} {unit}".rstrip()
