"""The folder of a model that ``chat`` and ``data`` are to open."""

from pathlib import Path

from core.cli.request import Request
from core.cli.starter import ensure_starter
from core.models.find import find_model
from core.prepare import require_here


def model_path(request: Request, wanted: str) -> Path:
    """Return the folder of the model a person means; the starter is made if need be.

    Raises:
        TunesmithError: There is no such model here.
    """
    if wanted == "starter":
        ensure_starter(request)
    return require_here(find_model(wanted, request.places))
