"""Weights that lie about without a config.json: a file, or a folder of nothing else."""

from pathlib import Path

from core.errors import ModelError, Where
from core.models.facts import ModelFacts
from core.models.headers import config_of_weights
from core.models.reading import read_shape
from core.models.weights import is_pickle

_SUFFIX = ".safetensors"


def is_weights(path: Path) -> bool:
    """Return whether `path` is a file that is no config, or a folder without one."""
    if path.is_file():
        return path.suffix.lower() not in {".json", ".gguf"}
    if not path.is_dir() or (path / "config.json").exists():
        return False
    if (path / "adapter_config.json").is_file() or any(path.glob("*.gguf")):
        return False
    return any(path.glob(f"*{_SUFFIX}"))


def loose_weights(path: Path) -> list[Path]:
    """Return the safetensors files at `path`.

    Raises:
        ModelError: The file is something else, and what.
    """
    if path.is_dir():
        return sorted(path.glob(f"*{_SUFFIX}"))
    if path.suffix.lower() == _SUFFIX:
        return [path]
    if is_pickle(path):
        raise ModelError(
            "model.pickle",
            f"{path.name} holds weights as pickle; opening such a file can run any"
            " program.",
            hint="Get the model as safetensors; most repositories offer both.",
        )
    raise ModelError(
        "model.none",
        f"{path.name} is no model.",
        hint="Give a model's folder, its config.json, or an id such as"
        " Qwen/Qwen2.5-0.5B.",
        where=Where(file=str(path)),
    )


def facts_of_weights(path: Path) -> ModelFacts:
    """Return what the headers tell; without its config it can only be estimated.

    Raises:
        ModelError: They tell no sizes.
    """
    shape = read_shape(config_of_weights(loose_weights(path)))
    return ModelFacts(
        id=str(path.absolute()),
        name=path.stem,
        source="local",
        parameters=shape.parameters,
        architecture=shape.architecture,
        problem="There is no config.json beside these weights.",
        hint="They can be estimated, not trained: put the model's config.json and"
        " tokenizer beside them.",
    )
