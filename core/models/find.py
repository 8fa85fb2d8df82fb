"""From what a person names to a base model: starter, folder, cache or catalogue."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models.added import added_models, is_hub_id
from core.models.catalogue import (
    catalogue,
    catalogue_config,
    catalogue_facts,
    catalogue_shape,
)
from core.models.config import read_config
from core.models.facts import ModelFacts
from core.models.folder import (
    check_config,
    facts_of_folder,
    folder_shape,
    read_folder,
    unreadable,
)
from core.models.headers import config_of_weights
from core.models.hub_cache import cached_facts, cached_models
from core.models.loose import facts_of_weights, is_weights, loose_weights
from core.models.reading import is_known, read_shape
from core.models.shape import ModelShape
from core.models.starter import (
    STARTER_HUB_ID,
    STARTER_ID,
    starter_facts,
    starter_folder,
    starter_path,
)
from core.models.trainable import require_trained, untrained
from core.places import Places, expanded, is_folder


def find_model(id_or_path: str, places: Places, revision: str = "") -> ModelFacts:
    """Return the model a person means, which our engine can train or run.

    As `find_to_estimate`.

    Raises:
        ModelError: There is no such model, or it cannot be trained, and why.
    """
    facts = find_to_estimate(id_or_path, places, revision)
    if facts.problem and facts.source != "starter":
        require_trained(shape_of(facts, places))
        raise ModelError("model.no_config", facts.problem, hint=facts.hint)
    return facts


def find_to_estimate(id_or_path: str, places: Places, revision: str = "") -> ModelFacts:
    """Return the model a person means; its memory can be told.

    A catalogue or Hub model that is not on this disk has `path` None and can be
    downloaded; a bare config.json too has `path` None and can only be estimated.

    Raises:
        ModelError: There is no such model, or it cannot even be priced, and why.
    """
    if not id_or_path.strip():
        raise ModelError(
            "model.unnamed",
            "No model was named.",
            hint="Name one, such as “starter”; “tunesmith models” lists them.",
        )
    if id_or_path == STARTER_ID:
        return starter_facts(places)
    path = expanded(id_or_path)
    try:
        if path.exists():
            return _on_disk(path, places)
    except OSError as err:
        raise unreadable(path, err) from err
    cached = cached_facts(id_or_path, revision) if is_hub_id(id_or_path) else None
    if cached is not None and cached.path is not None and not cached.problem:
        return cached
    if cached is not None and cached.path is not None and _only_begun(cached.path):
        cached = None  # a download that was cut short: offered for download again
    if cached is not None and cached.path is not None:
        read_folder(cached.path)  # raises, unless it is only of a kind we do not train
        return cached
    known = catalogue_facts(id_or_path) or _named(id_or_path)
    if known is not None:
        return replace(cached_facts(known.id) or known, problem="", hint="")
    if is_hub_id(id_or_path):
        name = id_or_path.rpartition("/")[2]
        return ModelFacts(id=id_or_path, name=name, source="hub")
    raise _unknown(id_or_path)


def all_models(places: Places) -> tuple[ModelFacts, ...]:
    """Return every model known here, each once; what is on this disk comes first."""
    found: dict[str, ModelFacts] = {}
    for facts in _candidates(places):
        found.setdefault(facts.id, facts)
    return tuple(sorted(found.values(), key=_rank))


def shape_of(facts: ModelFacts, places: Places) -> ModelShape:
    """Return the tensors of a model, on this disk or in the catalogue.

    Raises:
        ModelError: Its config is nowhere to be read.
    """
    if facts.path is not None:
        return folder_shape(facts.path)
    if facts.id == STARTER_ID:
        made = starter_path(places)
        known = read_shape(made) if made else catalogue_shape(STARTER_HUB_ID)
        assert known is not None
        return known
    known = catalogue_shape(facts.id)
    if known is not None:
        return known
    return read_shape(_config_by_name(facts))


def _config_by_name(facts: ModelFacts) -> dict[str, Any]:
    """Return the config of a bare config.json, or that of weights without one.

    Raises:
        ModelError: There is no such file.
    """
    path = expanded(facts.id)
    if is_weights(path):
        return config_of_weights(loose_weights(path))
    if path.is_file():
        return read_config(path)
    raise ModelError(
        "model.not_here",
        f"{facts.id} is not on this disk, so its sizes are unknown.",
        hint="Download it first, or give its config.json.",
    )


def config_of(facts: ModelFacts, places: Places) -> dict[str, Any]:
    """Return the content of a model's config.json, on this disk or in the catalogue.

    Raises:
        ModelError: It is nowhere to be read.
    """
    if facts.path is not None:
        return read_config(facts.path)
    made = starter_path(places) if facts.id == STARTER_ID else None
    if made is not None:
        return read_config(made)
    known = catalogue_config(STARTER_HUB_ID if facts.id == STARTER_ID else facts.id)
    if known is not None:
        return dict(known)
    return _config_by_name(facts)


def _candidates(places: Places) -> Iterator[ModelFacts]:
    yield starter_facts(places)
    yield from added_models(places)
    for folder in sorted(places.models.glob("[!.]*")):
        if is_folder(folder) and folder != starter_folder(places):
            yield facts_of_folder(
                folder, id=str(folder), name=folder.name, source="local"
            )
    yield from cached_models()
    # The starter is that model, and here without a download: it is listed once.
    yield from (facts for facts in catalogue() if facts.id != STARTER_HUB_ID)


def _rank(facts: ModelFacts) -> tuple[int, int, str]:
    order = 0 if facts.id == STARTER_ID else 1 if facts.local else 2
    return order, facts.parameters or 0, facts.id


def _on_disk(path: Path, places: Places) -> ModelFacts:
    if path.is_file() and path.suffix == ".json":
        shape = check_config(_without_needless_code(read_config(path)), path.name)
        refusal = untrained(shape)
        return ModelFacts(
            id=str(path.absolute()),
            name=path.absolute().parent.name,
            source="local",
            parameters=shape.parameters,
            architecture=shape.architecture,
            context_length=shape.context_length,
            problem=refusal.message if refusal else "",
            hint="A bare config.json can be estimated, not trained.",
        )
    if is_weights(path):
        return facts_of_weights(path)
    read_folder(path)
    folder = path.absolute()
    if folder == starter_folder(places):
        return starter_facts(places)
    return facts_of_folder(folder, id=str(folder), name=folder.name, source="local")


def _without_needless_code(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `config` without the code it brings for what we count by ourselves.

    Of a bare config nothing is ever loaded; families such as Phi-3 still name the files
    they needed before transformers knew them.
    """
    if not is_known(config):
        return config
    return {key: value for key, value in config.items() if key != "auto_map"}


def _only_begun(folder: Path) -> bool:
    try:
        read_folder(folder)
    except ModelError as err:
        return err.code in {
            "model.no_weights",
            "model.incomplete",
            "model.no_tokenizer",
            "model.none",
        }
    return False


def _named(name: str) -> ModelFacts | None:
    """Return the one catalogue model with this name and any owner, else None."""
    lowered = name.lower()
    found = [facts for facts in catalogue() if facts.name.lower() == lowered]
    return found[0] if len(found) == 1 else None


def _unknown(name: str) -> ModelError:
    names = {facts.id.lower(): facts.id for facts in catalogue()}
    names |= {facts.name.lower(): facts.id for facts in catalogue()}
    near = difflib.get_close_matches(name.lower(), list(names), 1, 0.5)
    meant = f"Did you mean {names[near[0]]}? " if near else ""
    return ModelError(
        "model.unknown",
        f"“{name}” is no model here and no Hub id.",
        hint=meant + "“tunesmith models” lists what there is.",
    )
