"""What cannot be used is refused in the window as on the command line: in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from app.session import Session
from app.setup.page import SetupPage
from app.setup.ports import ports
from app.setup.viewmodel import SetupViewModel
from core.places import Places
from tests.cli.tiny import write_rows, write_tiny_model


@pytest.fixture
def session(qtbot: QtBot, own_home: Path) -> Iterator[Session]:
    """The real window and what it stands on, over an empty home."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    made = Session(app, Places(home=own_home).make())
    yield made
    made.window.close()
    made.end()
    made.window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def model(qtbot: QtBot, session: Session) -> Iterator[SetupViewModel]:
    """The Train page's own model, over the real functions of `core`."""
    made = SetupViewModel(ports(session.services), session.services.navigator)
    yield made
    made.shut_down()


@pytest.fixture
def page(qtbot: QtBot, model: SetupViewModel) -> Iterator[SetupPage]:
    made = SetupPage(model)
    qtbot.addWidget(made)
    made.resize(1280, 860)
    made.show()
    yield made
    made.hide()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny [1] 'é'")


def words(page: SetupPage) -> str:
    """Return all text a person can see on the page."""
    labels = page.findChildren(QLabel)
    return " ".join(label.text() for label in labels if label.isVisible())


def without_weights(model: Path) -> None:
    (model / "model.safetensors").unlink()


def only_pickles(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")


def remote_code(model: Path) -> None:
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config["auto_map"] = {"AutoModelForCausalLM": "evil.Model"}
    (model / "config.json").write_text(json.dumps(config), encoding="utf-8")


def half_downloaded(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (without_weights, "no weights"),
        (only_pickles, "pickle"),
        (remote_code, "own program code"),
        (half_downloaded, "not downloaded whole"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused(
    qtbot: QtBot,
    model: SetupViewModel,
    page: SetupPage,
    folder: Path,
    spoil: Callable[[Path], None],
    word: str,
) -> None:
    """The reason stands on the page, and the plan keeps what it had."""
    spoil(folder)
    page.open_with(None)
    model.add_model_folder(folder)

    qtbot.waitUntil(lambda: word in words(page))
    assert str(folder) != model.plan.model.id


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, "not text"),
    ],
    ids=["empty", "binary"],
)
def test_data_that_cannot_be_used_is_refused(
    qtbot: QtBot,
    model: SetupViewModel,
    page: SetupPage,
    tmp_path: Path,
    content: bytes,
    word: str,
) -> None:
    """Its name and the reason stand on the page."""
    file = tmp_path / "rows 'a' [b] é.jsonl"
    file.write_bytes(content)
    model.add_files([file])
    model.go_to("data")

    qtbot.waitUntil(lambda: word in words(page))
    assert file.name in words(page)


@pytest.mark.slow
def test_a_row_without_an_answer_is_named_and_left_out_only_if_wanted(
    qtbot: QtBot,
    model: SetupViewModel,
    page: SetupPage,
    folder: Path,
    tmp_path: Path,
) -> None:
    """Its line is said; the run may begin once the person agrees to leave it out."""
    file = write_rows(tmp_path / "rows.jsonl")
    with file.open("a", encoding="utf-8") as rows:
        rows.write('{"messages": [{"role": "user", "content": "And now?"}]}\n')
    model.add_model_folder(folder)
    qtbot.waitUntil(lambda: str(folder) == model.plan.model.id)
    model.add_files([file])
    model.go_to("data")

    can_use = "24 of 25 rows can be used"
    qtbot.waitUntil(lambda: can_use in words(page))
    report = model.state.data.report
    assert report is not None
    assert [25] == [problem.line for problem in report.problems]
    assert "nothing is left out without your word" in words(page)
    assert "stop" == model.plan.data.on_bad_row

    model.set_skip_bad(skip=True)
    assert "skip" == model.plan.data.on_bad_row
