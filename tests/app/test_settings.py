"""Settings survive damage, and never lose the person's choices in silence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings import AppSettings, SettingsStore, load, save
from core.errors import DiskFull


@given(
    st.builds(
        AppSettings,
        appearance=st.sampled_from(["system", "light", "dark"]),
        text_scale_percent=st.sampled_from([90, 100, 110, 125, 150]),
        offline=st.booleans(),
        device=st.sampled_from(["auto", "cpu", "0", "1"]),
        window=st.none() | st.tuples(*[st.integers(-5000, 5000)] * 4),
        maximized=st.booleans(),
        last_page=st.sampled_from(["home", "runs"]),
        all_settings_open=st.booleans(),
    )
)
def test_what_is_saved_is_read(
    tmp_path_factory: pytest.TempPathFactory, settings
) -> None:
    """Every settings value comes back as it was."""
    path = tmp_path_factory.mktemp("home") / "settings.json"

    save(path, settings)

    assert settings == load(path).settings
    assert "" == load(path).problem


def test_no_file_means_defaults(tmp_path: Path) -> None:
    """The first start has no settings, and that is no problem."""
    assert AppSettings() == load(tmp_path / "settings.json").settings


@pytest.mark.parametrize(
    "damage", [b"", b"\x00\xff\x80garbage", b"[1, 2]", b'{"version": 1, "app', b"null"]
)
def test_a_damaged_file_is_kept_and_told(tmp_path: Path, damage: bytes) -> None:
    """Garbage gives the last good copy, a notice, and a copy of the garbage."""
    path = tmp_path / "settings.json"
    save(path, AppSettings(appearance="dark"))
    save(path, AppSettings(appearance="light"))
    path.write_bytes(damage)

    loaded = load(path)

    assert "dark" == loaded.settings.appearance
    assert "last good copy" in loaded.problem
    assert damage == (tmp_path / "settings.damaged.json").read_bytes()


def test_a_damaged_file_without_a_copy_means_defaults(tmp_path: Path) -> None:
    """With no copy either, everything is at its default, and the notice says so."""
    path = tmp_path / "settings.json"
    path.write_bytes(b"{")

    loaded = load(path)

    assert AppSettings() == loaded.settings
    assert "default" in loaded.problem


def test_a_file_of_megabytes_is_not_read(tmp_path: Path) -> None:
    """A huge file is damage, not settings."""
    path = tmp_path / "settings.json"
    path.write_bytes(b" " * (5 << 20) + b"{}")

    assert load(path).problem


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("appearance", "pink"),
        ("text_scale_percent", 7),
        ("offline", "yes"),
        ("window", [1, 2]),
        ("window", "here"),
        ("device", 3),
        ("last_page", None),
    ],
)
def test_nonsense_in_one_field_costs_that_field_alone(
    tmp_path: Path, key: str, value: object
) -> None:
    """Another version's or a hand's mistake does not reset everything."""
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"maximized": True, key: value}), encoding="utf-8")

    settings = load(path).settings

    assert settings.maximized
    assert getattr(AppSettings(), key) == getattr(settings, key)


def test_unknown_keys_are_of_no_account(tmp_path: Path) -> None:
    """A newer version's settings are read as far as they are known."""
    path = tmp_path / "settings.json"
    path.write_text('{"version": 99, "hologram": true, "offline": true}', "utf-8")

    assert load(path).settings.offline


def test_the_store_saves_each_change(tmp_path: Path) -> None:
    """What is changed is on the disk before the next start."""
    path = tmp_path / "settings.json"
    store = SettingsStore(path)

    store.change(appearance="dark")

    assert "dark" == SettingsStore(path).now.appearance


def test_a_full_disk_is_told_and_the_change_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be saved still holds for this session, and the error comes out."""

    def full(*_: object) -> None:
        raise DiskFull("disk.full", "No room.")

    store = SettingsStore(tmp_path / "settings.json")
    monkeypatch.setattr("core.durable.replace_text", full)

    with pytest.raises(DiskFull):
        store.change(offline=True)

    assert store.now.offline
