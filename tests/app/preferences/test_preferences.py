"""Settings: what it says, what it changes, and what it never writes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.device_choice import DeviceChoice
from app.hub_token import TokenStore
from app.preferences.disk import bytes_in, empty_trash, folder_sizes
from app.preferences.page import PreferencesPage
from app.preferences.present import (
    FolderSizes,
    PreferencesState,
    command_in,
    present,
)
from app.preferences.viewmodel import PreferencesPorts, PreferencesViewModel
from app.qtwork.navigator import Navigator
from app.settings import AppSettings, SettingsStore
from core.errors import DiskFull
from core.hardware.budget import device_budget
from core.hardware.doctor import Cpu, Disk, DoctorProblem, Report, Room
from core.hardware.gpu import Gpu
from core.places import Places

TOKEN = "hf_" + "A1b2" * 8
REPORT = Report(
    ok=True,
    gpus=(),
    cpu=Cpu(name="A processor", cores=4),
    memory=Room(total=16 << 30, free=8 << 30),
    disk=Disk(path="/home/somebody", free=1 << 40, writable=True),
    torch=None,
    versions={"torch": "2.13.0"},
    problems=(),
)
GPU = Gpu(index=1, name="A card", total=8 << 30, free=7 << 30,
          compute_capability=(8, 6), driver="570.1")  # fmt: skip


def state(tmp_path: Path, **changes: Any) -> PreferencesState:
    places = Places(home=tmp_path)
    return replace(PreferencesState(settings=AppSettings(), places=places), **changes)


def problem(level: Any, hint: str = "Do this.") -> DoctorProblem:
    return DoctorProblem(code=level, message=f"A {level}.", hint=hint, level=level)


# -- what it says ------------------------------------------------------------------


def test_the_doctor_says_how_it_stands(tmp_path: Path) -> None:
    """Looking, in order, could be better, cannot train: words and tone agree."""
    seen = [
        present(state(tmp_path, report=report))
        for report in (
            None,
            REPORT,
            replace(REPORT, problems=(problem("info"),)),
            replace(REPORT, problems=(problem("warning"),)),
            replace(REPORT, ok=False, problems=(problem("error"), problem("warning"))),
        )
    ]

    assert ["neutral", "good", "good", "warn", "bad"] == [v.doctor_tone for v in seen]
    assert ["bad", "warn"] == [finding.tone for finding in seen[-1].findings]


def test_the_report_hides_the_person_s_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is copied to ask for help names no one."""
    monkeypatch.setattr(Path, "home", lambda: Path("/home/somebody"))

    text = present(state(tmp_path, report=REPORT)).report_text

    assert "somebody" not in text
    assert "A processor" in text


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("Run “python3 run.py”; it installs it.", "python3 run.py"),
        ("Put it “there” or run “sudo apt-get install x”.", "sudo apt-get install x"),
        ("Close “the chat”.", ""),
        ("", ""),
    ],
)
def test_a_command_in_a_fix_can_be_copied(text: str, command: str) -> None:
    """Only what is a command is offered for copying."""
    assert command == command_in(text)


def test_devices_are_those_of_this_machine(tmp_path: Path) -> None:
    """Automatic, each card, the processor; a card that went away stays visible."""
    view = present(
        state(
            tmp_path,
            settings=AppSettings(device="7"),
            report=replace(REPORT, gpus=(GPU,)),
        )
    )

    assert ["auto", "1", "cpu", "7"] == [key for key, _ in view.devices]
    assert "not here" in view.devices[-1][1]
    assert "Card 7 is not here now, so the processor is used." == view.device_text


@pytest.mark.parametrize(
    ("token", "has_keyring", "badge", "word"),
    [
        ("keyring", True, "Kept", "keyring"),
        ("session", False, "This session", "until the window closes"),
        ("none", True, "None", "kept in this system's keyring"),
        ("none", False, "None", "written nowhere"),
    ],
)
def test_where_the_token_is_is_said(
    tmp_path: Path, token: Any, has_keyring: bool, badge: str, word: str
) -> None:
    """Kept for good, for the session, or not at all: never left to guess."""
    view = present(state(tmp_path, token=token, has_keyring=has_keyring))

    assert badge == view.token_badge
    assert word in view.token_text
    assert (token != "none") == view.can_forget_token


def test_the_environment_can_force_offline(tmp_path: Path) -> None:
    """--offline cannot be undone by a click."""
    view = present(state(tmp_path, offline_by_environment=True))

    assert view.offline
    assert view.offline_locked


def test_the_trash_is_counted(tmp_path: Path) -> None:
    """Empty, one, many; only what is there can be emptied."""
    views = [
        present(
            state(tmp_path, sizes=FolderSizes(sizes={}, trash=n << 20, trash_items=n))
        )
        for n in (0, 1, 3)
    ]

    assert [False, True, True] == [view.can_empty_trash for view in views]
    assert views[1].trash_text.startswith("1 item ")
    assert "3.00 MiB" in views[2].trash_text


# -- what it does ------------------------------------------------------------------


@pytest.fixture
def made(qtbot: QtBot, tmp_path: Path) -> tuple[PreferencesViewModel, dict]:
    """A view-model over small real functions, and what it called."""
    told: dict[str, list[Any]] = {"restyle": [], "device": []}
    places = Places(home=tmp_path / "home").make()
    token = TokenStore()
    ports = PreferencesPorts(
        places=places,
        examine=lambda: REPORT,
        sizes=lambda: folder_sizes(places),
        empty_trash=lambda: empty_trash(places),
        token_where=lambda: (token.where(), token.has_keyring),
        keep_token=token.keep,
        forget_token=token.forget,
        use_device=told["device"].append,
        offline_by_environment=False,
        restyle=lambda: told["restyle"].append(1),
    )
    told["store"] = [SettingsStore(places.settings_file)]
    told["token"] = [token]
    return PreferencesViewModel(ports, told["store"][0], Navigator()), told


def test_changes_are_saved_at_once(
    made: tuple[PreferencesViewModel, dict], tmp_path: Path
) -> None:
    """What is picked is on the disk, worn, and told to the children."""
    model, told = made

    model.set_appearance("dark")
    model.set_text_scale("125")
    model.set_offline(True)
    model.set_device("cpu")

    saved = SettingsStore(tmp_path / "home" / "settings.json").now
    assert ("dark", 125, True, "cpu") == (
        saved.appearance, saved.text_scale_percent, saved.offline, saved.device
    )  # fmt: skip
    assert 2 == len(told["restyle"])
    assert ["cpu"] == told["device"]


def test_what_cannot_be_saved_is_told(
    made: tuple[PreferencesViewModel, dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: words, and the choice holds until the window closes."""
    model, _ = made

    def full(*_: object) -> None:
        raise DiskFull("disk.full", "There was no room.", hint="Free some space.")

    monkeypatch.setattr("core.durable.replace_text", full)
    model.set_appearance("dark")

    assert ("There was no room.", "Free some space.") == model.view.failure
    assert "dark" == model.view.appearance


def test_a_token_is_kept_and_forgotten(
    qtbot: QtBot, made: tuple[PreferencesViewModel, dict], tmp_path: Path
) -> None:
    """A token is kept, never written to a file of ours, and can be forgotten."""
    model, told = made
    model.keep_token("not a token")
    assert "no Hugging Face token" in model.view.failure[0]

    with qtbot.waitSignal(model.changed):
        model.keep_token(TOKEN)
    qtbot.waitUntil(lambda: model.view.token_badge == "This session")
    assert TOKEN == told["token"][0].read()
    texts = [f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()]
    assert not any(TOKEN.encode() in text for text in texts)

    model.forget_token()
    qtbot.waitUntil(lambda: model.view.token_badge == "None")
    assert "" == told["token"][0].read()


def test_the_page_shows_and_follows(
    qtbot: QtBot, made: tuple[PreferencesViewModel, dict]
) -> None:
    """The doctor's verdict arrives, the switch follows the setting."""
    model, _ = made
    page = PreferencesPage(model)
    qtbot.addWidget(page)
    page.show()
    qtbot.waitUntil(lambda: page._doctor._verdict.text == "Everything is in order")

    page._hub._offline.click()
    assert model.view.offline
    page._appearance._theme.picked.emit("dark")
    assert "dark" == page._appearance._theme.key


# -- what stands below -------------------------------------------------------------


def test_folders_are_measured(tmp_path: Path) -> None:
    """Every file counts once; a folder that is not there holds nothing."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"1" * 100)
    (tmp_path / "y").write_bytes(b"1" * 11)

    assert 111 == bytes_in(tmp_path)
    assert 0 == bytes_in(tmp_path / "nowhere")


def test_a_chosen_device_reaches_children_and_estimates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The processor hides the cards; automatic gives back what was set before."""
    environment = {"CUDA_VISIBLE_DEVICES": "3"}
    choice = DeviceChoice(environment)

    choice.use("cpu")
    assert ("-1", "cpu") == (
        environment["CUDA_VISIBLE_DEVICES"], environment["TUNESMITH_DEVICE"]
    )  # fmt: skip
    choice.use("1")
    assert "1" == environment["CUDA_VISIBLE_DEVICES"]
    choice.use("auto")
    assert {"CUDA_VISIBLE_DEVICES": "3"} == environment

    monkeypatch.setitem(os.environ, "TUNESMITH_DEVICE", "cpu")
    monkeypatch.setattr("core.hardware.budget.gpus", lambda: (GPU,))
    monkeypatch.setattr("core.hardware.budget.can_drive", lambda *_: True)
    assert "cpu" == device_budget().kind
    monkeypatch.setitem(os.environ, "TUNESMITH_DEVICE", "1")
    assert "A card" == device_budget().name
    monkeypatch.setitem(os.environ, "TUNESMITH_DEVICE", "0")
    assert "cpu" == device_budget().kind
