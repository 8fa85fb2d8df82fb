"""A folder that claims to be a base model: whether it is one, and why not."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import ModelError, Where, reason_of
from core.models.config import read_config
from core.models.facts import ModelFacts, Source
from core.models.headers import require_agreement
from core.models.reading import read_shape
from core.models.shape import ModelShape
from core.models.trainable import require_trained, untrained
from core.models.weights import gguf_error, read_header, weight_files
from core.places import is_folder

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
_LONGEST_NAME = 200
_CODE_KEYS = ("auto_map", "attn_implementation", "_attn_implementation")


def check_folder(folder: Path) -> dict[str, Any]:
    """Return the config of the model in `folder`, which can be trained.

    Raises:
        ModelError: It cannot, and why.
    """
    config, shape = read_folder(folder)
    require_trained(shape)
    return config


def read_folder(folder: Path) -> tuple[dict[str, Any], ModelShape]:
    """Return config and shape of the whole and sound model in `folder`.

    Raises:
        ModelError: There is none, or it can be neither trained nor priced.
    """
    try:
        return _read_folder(folder)
    except OSError as err:
        raise unreadable(folder, err) from err


def unreadable(path: Path, err: OSError) -> ModelError:
    """Return what is said where the system lets nobody in."""
    name = str(path)
    name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
    return ModelError(
        "model.unreadable",
        f"{name} cannot be read: {reason_of(err)}.",
        hint="Check that the path is right and that you may read it.",
        where=Where(file=name),
    )


def _read_folder(folder: Path) -> tuple[dict[str, Any], ModelShape]:
    if folder.is_file() and folder.suffix.lower() == ".gguf":
        raise gguf_error(folder)
    if not folder.is_dir():
        raise ModelError(
            "model.missing",
            f"{folder} is not there.",
            hint="Give the folder of a model, or an id such as Qwen/Qwen2.5-0.5B.",
        )
    if (folder / "adapter_config.json").is_file() and not _has_weights(folder):
        raise ModelError(
            "model.adapter",
            f"{folder.name} is an adapter, not a base model.",
            hint="Choose the base model it was trained on; chat can add the adapter.",
        )
    if not (folder / "config.json").is_file():
        if any(folder.glob("*.gguf")):
            raise gguf_error(folder)
        raise ModelError(
            "model.none",
            f"{folder} holds no model: there is no config.json in it.",
            hint="Choose the folder that holds config.json and model.safetensors.",
        )
    config = read_config(folder)
    shape = check_config(config, folder.name)
    for file in weight_files(folder):
        # a download cut short is told before hours are spent on it
        require_agreement(shape, read_header(file), folder.name)
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise ModelError(
            "model.no_tokenizer",
            f"{folder.name} holds no tokenizer (tokenizer.json).",
            hint="Download the whole model; the tokenizer belongs to it.",
        )
    return config, folder_shape(folder)


def folder_shape(folder: Path) -> ModelShape:
    """Return the shape of the model in `folder`; of its files the headers are read.

    Raises:
        ModelError: Its config cannot be read, or a file it needs is torn.
    """
    shape = read_shape(folder)
    if shape.known and not shape.text_part:
        return shape
    files = weight_files(folder)
    held = sum(tensor.elements for file in files for tensor in read_header(file))
    return _with_rest(shape, held)


def _with_rest(shape: ModelShape, held: int) -> ModelShape:
    """Return `shape` with what the files hold beyond it.

    Where we count only part of a model, or guess at it, the files know better.
    """
    if shape.known and not shape.text_part:
        return shape
    counted = shape.parameters - shape.idle
    return replace(shape, idle=max(0, held - counted))


def check_config(config: Mapping[str, Any], name: str) -> ModelShape:
    """Return the shape of a model with this config, which may be loaded.

    Raises:
        ModelError: It would run foreign code, is quantised, or has no sizes.
    """
    if config.get("auto_map"):
        raise ModelError(
            "model.remote_code",
            f"{name} brings its own program code (auto_map) and would run it here.",
            hint="Choose a model of a known architecture. Tunesmith never runs a"
            " model's code.",
        )
    for key in _CODE_KEYS[1:]:
        if "/" in str(config.get(key) or ""):
            raise ModelError(
                "model.remote_code",
                f"{name} asks to fetch and run a kernel from the network ({key}).",
                hint="Choose another model. Tunesmith never runs a model's code.",
            )
    return read_shape(config)


def _has_weights(folder: Path) -> bool:
    return any(
        (folder / name).is_file()
        for name in ("model.safetensors", "model.safetensors.index.json")
    )


def folder_bytes(folder: Path) -> int:
    """Return the bytes of the files in `folder`, links followed."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _bytes_of(folder: Path) -> int:
    try:
        return folder_bytes(folder)
    except OSError as err:
        raise unreadable(folder, err) from err


def facts_of_folder(folder: Path, *, id: str, name: str, source: Source) -> ModelFacts:  # noqa: A002 - the plan's word
    """Return what is known of the model in `folder`; a fault stands in `problem`."""
    try:
        _, shape = read_folder(folder)
        disk = _bytes_of(folder)
    except ModelError as err:
        return ModelFacts(
            id=id,
            name=name,
            source=source,
            path=folder if is_folder(folder) else None,
            problem=err.message,
            hint=err.hint,
        )
    refusal = untrained(shape)
    return ModelFacts(
        id=id,
        name=name,
        source=source,
        path=folder,
        problem=refusal.message if refusal else "",
        hint=refusal.hint if refusal else "",
        parameters=shape.parameters,
        architecture=shape.architecture,
        context_length=shape.context_length,
        disk=disk,
    )
