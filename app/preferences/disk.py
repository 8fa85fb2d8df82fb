"""How much Tunesmith's folders hold; walked off the main thread."""

from __future__ import annotations

import os
from pathlib import Path

from app.preferences.present import FolderSizes
from core.library import trash as adapter_trash
from core.models import trash as model_trash
from core.places import Places


def folder_sizes(places: Places) -> FolderSizes:
    """Return the bytes in each folder and in the trash."""
    adapters = adapter_trash.trashed(places)
    models = model_trash.trashed_models(places)
    return FolderSizes(
        sizes={
            "Tunesmith": bytes_in(places.home),
            "Runs": bytes_in(places.runs),
            "Library": bytes_in(places.library),
            "Models": bytes_in(places.models),
        },
        trash=sum(one.size for one in adapters) + sum(one.size for one in models),
        trash_items=len(adapters) + len(models),
    )


def empty_trash(places: Places) -> int:
    """Delete for good what is in the trash, and return the bytes that frees."""
    return adapter_trash.empty(places) + model_trash.empty_models(places)


def bytes_in(folder: Path) -> int:
    """Return the bytes of all files below `folder`; what vanishes meanwhile is 0."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(root) / name).lstat().st_size
            except OSError:
                continue  # a run's temporary file, gone by now
    return total
