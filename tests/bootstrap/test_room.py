"""The disk that a set-up needs is looked at before anything is changed."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from bootstrap import project, system_packages
from bootstrap.environment import Environment
from bootstrap.install import Setup
from bootstrap.ready import Wanted
from bootstrap.say import SetupError
from tests.bootstrap.stub_packages import write_checkout


def test_a_disk_too_small_stops_before_anything_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 2 with both figures; no system package, no environment."""
    write_checkout(tmp_path / "checkout")
    environment = Environment(folder=tmp_path / "checkout" / ".venv")
    installed: list[object] = []
    full = SimpleNamespace(free=1_000_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    monkeypatch.setattr(
        system_packages, "ensure", lambda *asked: installed.append(asked)
    )
    asked = project.read(environment.folder.parent)

    with pytest.raises(SetupError, match=r"1\.0 GB are free") as caught:
        Setup(environment, asked, Wanted(), 0).run()

    assert caught.value.status == 2
    assert installed == []
    assert not environment.folder.exists()
