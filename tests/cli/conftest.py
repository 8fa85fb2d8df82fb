"""The command line called in this process, with a home of its own."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.cli import main
from core.places import Places


@dataclass(frozen=True)
class Told:
    """What one call of the command line did."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Cli = Callable[..., Told]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A home that nobody else has."""
    home = tmp_path / "home"
    monkeypatch.setenv("TUNESMITH_HOME", str(home))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return Places(home=home)


@pytest.fixture
def cli(places: Places, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Call a command: ``cli("runs", "--json").document``."""

    def call(*words: str) -> Told:
        capsys.readouterr()
        status = main(list(words))
        out, err = capsys.readouterr()
        return Told(status, out, err)

    return call
