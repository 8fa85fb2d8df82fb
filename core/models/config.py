"""Numbers out of a config.json, each checked; a bad file is named, never guessed at."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from core.errors import ModelError, Where

_MOST_BYTES = 8 << 20
_LARGEST = {
    "num_hidden_layers": 2048,
    "hidden_size": 1 << 20,
    "vocab_size": 1 << 24,
}
_LARGEST_OTHER = 1 << 24
# Letters of a wrong value that a message repeats.
_MOST_TOLD = 60


def read_config(source: Path) -> dict[str, Any]:
    """Return the content of a config.json, or of the one in a folder.

    Raises:
        ModelError: It is not there, not JSON, or not an object.
    """
    try:
        file = source / "config.json" if source.is_dir() else source
    except OSError:  # nobody may look inside; reading it says so
        file = source
    where = Where(file=str(file))
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ValueError("too large")  # noqa: TRY301 - one answer for both
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as err:
        raise ModelError(
            "model.no_config",
            f"{file} cannot be read.",
            hint="Name a model's folder, or its config.json.",
            where=where,
        ) from err
    except (ValueError, RecursionError) as err:
        raise ModelError(
            "model.bad_config",
            f"{file} is not a model's config.json.",
            hint="Download the model again; the file is damaged or something else.",
            where=where,
        ) from err
    if not isinstance(found, dict):
        raise ModelError(
            "model.bad_config",
            f"{file} holds no object, so it is not a model's config.json.",
            hint="Download the model again; the file is damaged or something else.",
            where=where,
        )
    return cast("dict[str, Any]", found)


class Numbers:
    """A config with its family's defaults behind it."""

    def __init__(self, config: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        self._config = config
        self._defaults = defaults

    def get(self, *names: str) -> Any:
        """Return the first of `names` the config sets, else the family's default."""
        for name in names:
            if self._config.get(name) is not None:
                return self._config[name]
        for name in names:
            if self._defaults.get(name) is not None:
                return self._defaults[name]
        return None

    def whole(self, *names: str) -> int:
        """Return a positive whole number.

        Raises:
            ModelError: It is missing, no whole number, or absurd.
        """
        value = self.get(*names)
        if value is None:
            raise ModelError(
                "model.no_sizes",
                f"The config does not say {names[0]}, so its memory is unknown.",
                hint="Use the whole config.json of the model.",
            )
        return self._checked(names[0], value)

    def optional(self, *names: str) -> int | None:
        """Return a positive whole number, or None where the config says nothing."""
        value = self.get(*names)
        return None if value is None else self._checked(names[0], value)

    def switch(self, *names: str) -> bool:
        """Return a yes or no; no where nothing is said."""
        return bool(self.get(*names))

    def text(self, *names: str) -> str:
        """Return a word, empty where nothing is said."""
        return str(self.get(*names) or "")

    def share(self, *names: str, default: float = 0.0) -> float:
        """Return a number from 0 to 1, such as a dropout.

        Raises:
            ModelError: It is something else.
        """
        value = self.get(*names)
        return default if value is None else checked_share(names[0], value)

    @staticmethod
    def divides(whole: str, size: int, part: str, parts: int) -> None:
        """Return if `size` can be shared out among `parts`.

        Raises:
            ModelError: It cannot, so no such model can be built.
        """
        if size % parts:
            raise ModelError(
                "model.bad_size",
                f"The config says {whole} = {size} and {part} = {parts}; the first is"
                " no multiple of the second, so no such model can be built.",
                hint="Use the config.json that came with the model.",
            )

    @staticmethod
    def _checked(name: str, value: Any) -> int:
        largest = _LARGEST.get(name, _LARGEST_OTHER)
        if type(value) is not int or not 0 < value <= largest:
            raise _no_size(name, value, f"a whole number from 1 to {largest}")
        return value


def checked_share(name: str, value: Any) -> float:
    """Return a number from 0 to 1.

    Raises:
        ModelError: It is something else.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _no_size(name, value, "a number from 0 to 1")
    if not 0 <= value <= 1:
        raise _no_size(name, value, "a number from 0 to 1")
    return float(value)


def _no_size(name: str, value: Any, wanted: str) -> ModelError:
    told = repr(value)
    told = told if len(told) <= _MOST_TOLD else f"{told[:_MOST_TOLD]}…"
    return ModelError(
        "model.bad_size",
        f"The config says {name} = {told}; that is no size of a model.",
        hint=f"It must be {wanted}.",
    )
