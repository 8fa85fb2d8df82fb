"""The whole window: every page, every key, every control named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QAccessible, QCloseEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QScrollArea,
    QScrollBar,
    QTabBar,
    QTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app import theme
from app.compose import PAGES
from app.glance import DeviceGlance
from app.services import RunGlance
from app.session import Session
from app.settings import AppSettings
from app.widgets.command_palette import CommandPalette
from app.widgets.layout import _stops
from core.places import Places, places
from tests.app.library.made_adapters import shelved
from tests.app.training.made_runs import done_run, failed_run, live_run

KEYS = [spec.key for spec in PAGES]
CONTROLS = (
    QAbstractButton, QAbstractItemView, QAbstractSlider, QAbstractSpinBox, QComboBox,
    QLineEdit, QPlainTextEdit, QTextEdit, QProgressBar,
)  # fmt: skip


@pytest.fixture
def session(qtbot: QtBot, own_home: Path) -> Iterator[Session]:
    """The window over an empty home, its pulse beating."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    made = Session(app, places().make())
    made.show()
    made.services.pulse.start()
    yield made
    close(made)
    theme.apply(app, "light")  # what a test wore is not the next one's


def close(session: Session) -> None:
    """End all of it now, so that no later test pays for its widgets."""
    session.window.close()
    session.end()
    session.window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def controls(root: QWidget) -> Iterator[QWidget]:
    """Give the controls under `root` that a person can meet, not Qt's inner parts."""
    for widget in cast("list[QWidget]", root.findChildren(QWidget)):
        inner = (
            widget.objectName().startswith("qt_")
            or isinstance(widget, QScrollBar | QHeaderView)
            or isinstance(widget.parentWidget(), QTabBar)
        )
        if isinstance(widget, CONTROLS) and not inner:
            yield widget


def name_of(widget: QWidget) -> str:
    interface = QAccessible.queryAccessibleInterface(widget)
    return interface.text(QAccessible.Text.Name) if interface else ""


def describe(widget: QWidget) -> str:
    chain: list[str] = []
    at: Any = widget
    while at is not None and len(chain) < 5:
        chain.append(type(at).__name__)
        at = at.parentWidget()
    return " in ".join(chain)


def is_in_a_group(widget: QWidget) -> bool:
    """Tell a choice of a `Segmented`: Tab reaches the chosen one, arrows the rest."""
    return isinstance(widget, QAbstractButton) and widget.group() is not None


def pages(session: Session) -> Iterator[QWidget]:
    """Give every page, in view."""
    for key in KEYS:
        session.window.open_page(key)
        yield session.window.page(key)


def test_every_control_has_a_name(session: Session) -> None:
    """A screen reader finds words for whatever can be pressed, moved or typed into."""
    for page in pages(session):
        assert [] == [describe(w) for w in controls(page) if not name_of(w).strip()]
        assert list(controls(page))


def test_every_button_says_what_it_does(session: Session) -> None:
    """Hovering over any button tells what a press does."""
    for page in pages(session):
        buttons = [
            w
            for w in controls(page)
            if isinstance(w, QAbstractButton)
            and not isinstance(w.parentWidget(), QLineEdit)
        ]
        assert [] == [
            (describe(w), w.text()) for w in buttons if not (w.toolTip() or w.text())
        ]


def test_every_control_is_reached_by_keyboard(session: Session) -> None:
    """Nothing can be done by mouse alone."""
    passive = (QProgressBar, QTextEdit, QPlainTextEdit)
    for page in pages(session):
        assert [] == [
            describe(w)
            for w in controls(page)
            if not w.focusPolicy() & Qt.FocusPolicy.TabFocus
            and not isinstance(w, passive)
            and not is_in_a_group(w)
            and not isinstance(w.parentWidget(), QLineEdit | QAbstractSpinBox)
        ]


@pytest.fixture
def lived_in(own_home: Path) -> Places:
    """A home with runs of every kind and adapters with long names."""
    here = places().make()
    done_run(here.runs, name="A rather long name of a finished training run")
    live_run(here.runs, gpu=True)
    failed_run(here.runs)
    for name in ("Pirate talk", "A rather long name of an adapter", "Third"):
        shelved(here, name, tags=("first", "second tag"))
    return here


@pytest.mark.parametrize("percent", [100, 150])
def test_pages_fit_the_least_window(
    qtbot: QtBot, lived_in: Places, session: Session, percent: int
) -> None:
    """At 1024×700 no page is wider than its place, also with large text."""
    session.services.settings.change(text_scale_percent=percent)
    session.restyle()
    window = session.window
    window.setGeometry(0, 0, 1024, 700)
    home: Any = window.page("home")
    qtbot.waitUntil(lambda: len(home._model.view.adapters) == 3)
    qtbot.waitUntil(lambda: bool(home._model.view.recent))
    too_wide: list[tuple[str, str, int, int]] = []
    for page in pages(session):
        QApplication.sendPostedEvents()
        QApplication.processEvents()
        areas = [
            area
            for area in cast("list[QScrollArea]", page.findChildren(QScrollArea))
            if area.isVisible()
        ]
        for inner, outer in [
            (page, page),
            *((a.widget(), a.viewport()) for a in areas),
        ]:
            # One pixel is rounding of the text scale, and cuts off nothing.
            if inner.minimumSizeHint().width() > outer.width() + 1:
                sizes = inner.minimumSizeHint().width(), outer.width()
                too_wide.append((window.current_key, describe(inner), *sizes))

    assert [] == too_wide
    assert 1024 == window.width()


def test_tab_walks_a_page_as_it_is_laid_out(qtbot: QtBot, session: Session) -> None:
    """Controls made late, for what was found, are not reached last for it."""
    shelved(places(), "Pirate talk")
    for key, late in (
        ("fits", "Rank, exact value"),
        ("chat", "Pirate talk"),
        ("settings", "Open the folder Library"),
    ):
        session.window.open_page(key)
        page = session.window.page(key)
        qtbot.waitUntil(lambda p=page, n=late: n in [name_of(w) for w in controls(p)])
        laid_out = [stop for stop in _stops(page) if stop.isVisible()]
        walked: list[QWidget] = []
        at = laid_out[0]
        while at not in walked:
            walked += [at] if at in laid_out else []
            at = at.nextInFocusChain()

        assert [name_of(w) for w in laid_out] == [name_of(w) for w in walked]


def test_no_label_reads_markup(session: Session) -> None:
    """Whatever a label may be given one day, it shows it as it is."""
    for page in pages(session):
        labels = cast("list[QLabel]", page.findChildren(QLabel))
        assert [] == [
            (describe(label), label.text())
            for label in labels
            if label.text() and label.textFormat() != Qt.TextFormat.PlainText
        ]


def test_no_part_is_a_window_for_a_moment(
    qtbot: QtBot, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part shown before it has its place flashes up and takes the keyboard away."""
    shown: list[QWidget] = []
    set_visible = QWidget.setVisible

    def recorded(self: QWidget, visible: bool) -> None:
        if visible and self.parent() is None:
            shown.append(self)
        set_visible(self, visible)

    monkeypatch.setattr(QWidget, "setVisible", recorded)
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    session = Session(app, places().make())
    session.show()
    assert len(KEYS) == len(list(pages(session)))
    flashed = [describe(part) for part in shown if part is not session.window]
    close(session)

    assert [] == flashed


def test_keys_lead_to_pages(qtbot: QtBot, session: Session) -> None:
    """Ctrl+1 to Ctrl+8 and Ctrl+N go where the rail says."""
    window = session.window
    for at, key in enumerate(KEYS, start=1):
        qtbot.keyClick(
            window, Qt.Key(ord("0") + at), Qt.KeyboardModifier.ControlModifier
        )
        assert key == window.current_key
    qtbot.keyClick(window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    assert "train" == window.current_key


def test_a_page_that_opens_has_the_keyboard(qtbot: QtBot, session: Session) -> None:
    """Tab goes on in the page in view, not in one that was left."""
    window = session.window
    window.open_page("train")
    held = window.focusWidget()
    assert held is not None
    assert window.page("train").isAncestorOf(held) or held is window.page("train")
    window.open_page("models")

    assert window.focusWidget().isVisible()
    assert not window.page("train").isAncestorOf(window.focusWidget())


def test_commands_and_help_open_and_close(qtbot: QtBot, session: Session) -> None:
    """Ctrl+K and F1 open what they promise; Escape closes it."""
    window = session.window
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    palette = window.findChildren(CommandPalette)[-1]
    assert palette.isVisible()
    qtbot.keyClick(palette, Qt.Key.Key_Escape)
    assert not palette.isVisible()

    qtbot.keyClick(window, Qt.Key.Key_F1)
    dialog = [d for d in window.findChildren(QDialog) if d.windowTitle() == "Help"][-1]
    assert dialog.isVisible()
    assert dialog.height() < 800  # as high as its words, and never than the screen
    words = dialog.findChildren(QScrollArea)[0]
    assert 0 == words.verticalScrollBar().maximum()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_the_status_bar_tells_and_leads(qtbot: QtBot, session: Session) -> None:
    """Device and work are told; a click on the work opens its run."""
    window = session.window
    window._on_device(
        DeviceGlance(name="NVIDIA GeForce RTX 4070", is_gpu=True, total=12 << 30,
                     free=5 << 30, temperature=61.0)
    )  # fmt: skip
    assert "Device: RTX 4070 7.0 of 12.0 GiB  ·  61 °C" == (
        window._status.device.accessibleName()
    )

    window._on_runs(
        (RunGlance(run_id="r1", name="My run", status="running", step=3, steps=12,
                   seconds_left=90.0),)
    )  # fmt: skip
    assert "step 3 of 12" in window._status.work.accessibleName()
    assert "1 running" == window._rail._buttons["runs"].note
    window._status.work.click()
    assert "runs" == window.current_key

    window._on_runs(())
    assert window._status.work.isHidden()


def test_the_theme_changes_while_open(session: Session) -> None:
    """Every page takes the other theme without a restart."""
    for key in KEYS:
        session.window.open_page(key)
    for appearance in ("dark", "light", "system"):
        session.services.settings.change(appearance=appearance)
        session.restyle()
        QApplication.processEvents()

    assert session.window.isVisible()


def test_the_window_opens_where_it_was(session: Session) -> None:
    """Place and size are kept over a restart, unless no screen shows them."""
    window = session.window
    window.setGeometry(20, 30, 1100, 750)
    QApplication.sendEvent(window, QCloseEvent())
    now = session.services.settings.now
    assert (20, 30, 1100, 750) == now.window

    window.setGeometry(0, 0, 1200, 800)
    window.place(now)
    assert (1100, 750) == (window.width(), window.height())
    changed = session.services.settings.change(window=(90_000, 90_000, 1100, 750))
    window.place(changed)
    assert window.geometry().topLeft() != QPoint(90_000, 90_000)


def test_the_window_outgrows_no_screen(session: Session) -> None:
    """A large scale leaves few points: the least size gives way to the screen's."""
    room = session.window.screen().availableSize()
    session.window.place(AppSettings())

    assert session.window.minimumWidth() <= room.width()
    assert session.window.width() <= room.width()
    assert session.window.height() <= room.height()


def test_a_crash_is_told_and_survived(session: Session) -> None:
    """An error nobody caught becomes a notice with a report to copy."""
    with pytest.raises(KeyError) as caught:
        {}["colour"]
    session.window.show_crash(session._crashes.report(caught.value))

    title, text = session.window._notice.words
    assert "Your work is not lost" in title
    assert "KeyError" in text
    button = next(
        b for b in session.window._notice.findChildren(QAbstractButton)
        if b.text() == "Copy report"
    )  # fmt: skip
    button.click()
    assert "Traceback" in QApplication.clipboard().text()

    above = session.window._above
    assert above.contentsMargins().top() > 0
    session.window._notice._close.click()
    assert 0 == above.contentsMargins().top()


def test_damaged_settings_are_told(qtbot: QtBot, own_home: Path) -> None:
    """The notice says what happened to the settings, and the window opens."""
    here = places().make()
    here.settings_file.write_bytes(b"\x00garbage")
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    session = Session(app, here)
    session.show()
    session.start()

    assert "could not be read" in session.window._notice.words[0]
    close(session)
