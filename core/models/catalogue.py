"""Base models people fine-tune, with exact sizes, from resources/catalogue.json."""

import functools
import importlib.resources
import json
from collections.abc import Mapping
from typing import Any

from core.models.facts import ModelFacts
from core.models.reading import read_shape
from core.models.shape import ModelShape

# Tokenizer and configs beside 16-bit weights; a few MiB, whatever the model.
_SMALL_FILES = 8 << 20


@functools.cache
def _rows() -> Mapping[str, Mapping[str, Any]]:
    file = importlib.resources.files("resources").joinpath("catalogue.json")
    table = json.loads(file.read_text(encoding="utf-8"))
    return {row["id"]: row for row in table["models"]}


@functools.cache
def catalogue() -> tuple[ModelFacts, ...]:
    """Return the facts of every catalogue model; none of them is on this disk."""
    return tuple(_facts(row) for row in _rows().values())


def catalogue_facts(id: str) -> ModelFacts | None:  # noqa: A002 - the plan's word
    """Return the facts of one catalogue model, or None."""
    row = _rows().get(id)
    return None if row is None else _facts(row)


@functools.lru_cache(maxsize=256)
def catalogue_shape(id: str) -> ModelShape | None:  # noqa: A002 - the plan's word
    """Return the shape of one catalogue model, or None."""
    row = _rows().get(id)
    return None if row is None else read_shape(row["config"])


def catalogue_config(id: str) -> Mapping[str, Any] | None:  # noqa: A002 - the plan's word
    """Return the sizes of one catalogue model as its config.json has them, or None."""
    row = _rows().get(id)
    return None if row is None else row["config"]


def _facts(row: Mapping[str, Any]) -> ModelFacts:
    config = row["config"]
    length = config.get("max_position_embeddings", config.get("n_positions"))
    return ModelFacts(
        id=row["id"],
        name=row["id"].rpartition("/")[2],
        source="catalogue",
        parameters=row["parameters"],
        architecture=config["model_type"],
        context_length=length,
        licence=row["licence"],
        disk=2 * row["parameters"] + _SMALL_FILES,
        gated=row["gated"],
    )
