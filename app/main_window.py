"""The frame: the rail of pages, the status bar, the keys, an orderly close."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import shiboken6
from PySide6.QtCore import QElapsedTimer, QRect, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from app import glance, theme
from app.services import RunGlance, Services
from app.settings import AppSettings
from app.widgets.layout import STRETCH, row
from app.widgets.notice import Action, Notice
from app.widgets.page import Page
from app.widgets.rail import Rail, RailButton, RailEntry
from app.widgets.status_bar import StatusBar
from app.widgets.text import Text
from app.widgets.toast import ToastHost
from core.errors import TunesmithError

LEAST_WIDTH = 1024
LEAST_HEIGHT = 700
_SLICE_MS = 8
_NO_MORE = object()
_AROUND_NOTICE = (24, 12, 24, 0)

_COMMANDS = RailEntry(
    key="commands",
    title="Search",
    icon="search",
    tip="Every page and action by name",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSpec:
    """A page of the rail; `build` is called at the first visit."""

    key: str
    title: str
    icon: str
    tip: str
    build: Callable[[Services], Page]


class MainWindow(QWidget):
    """Shows one page at a time and stays out of its way.

    Signals:
        closed (): the window is gone and every page has let go.
    """

    closed = Signal()

    def __init__(self, specs: Sequence[PageSpec], services: Services) -> None:
        super().__init__()
        self.setWindowTitle("Tunesmith")
        self.setWindowIcon(theme.icon("train", theme.current().accent))
        self.setMinimumSize(LEAST_WIDTH, LEAST_HEIGHT)
        self._services = services
        self._specs = {spec.key: spec for spec in specs}
        self._pages: dict[str, Page] = {}
        self._current = ""
        entries = [
            RailEntry(
                key=spec.key,
                title=spec.title,
                icon=spec.icon,
                tip=f"{spec.tip} (Ctrl+{at})",
            )
            for at, spec in enumerate(specs, start=1)
        ]
        self._rail = Rail(entries, head=_brand())
        self._rail.requested.connect(self.open_page)
        commands = RailButton(_COMMANDS, is_place=False)
        commands.set_note("Ctrl+K")
        commands.clicked.connect(self._show_commands)
        self._rail.foot.addWidget(commands)
        self._stack = QStackedWidget()
        # The window itself takes the focus at first, so that no ring shows before
        # somebody uses the keyboard.
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setFocus()
        self._notice = Notice(closable=True)
        self._status = StatusBar()
        self._status.device_clicked.connect(self._on_device_clicked)
        self._status.work_clicked.connect(self._on_work_clicked)
        self._runs: tuple[RunGlance, ...] = ()
        self._toasts = ToastHost(self)
        self._lay_out()
        self._connect()
        self._add_keys()

    def _lay_out(self) -> None:
        content = QVBoxLayout()
        content.setContentsMargins(0, 0, 0, 0)
        content.setSpacing(0)
        self._above = row(self._notice)
        self._notice.dismissed.connect(self._on_dismissed)
        content.addLayout(self._above)
        content.addWidget(self._stack, 1)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self._rail)
        middle.addLayout(content, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(middle, 1)
        whole.addWidget(self._status)

    def _connect(self) -> None:
        navigator = self._services.navigator
        navigator.requested.connect(self.open_page)
        navigator.toasted.connect(self._on_toasted)
        pulse = self._services.pulse
        pulse.runs_changed.connect(self._on_runs)
        pulse.device_changed.connect(self._on_device)
        self._services.launcher.started.connect(self._on_started)

    def _add_keys(self) -> None:
        for at, key in enumerate(self._specs, start=1):
            self._on_keys(f"Ctrl+{at}", self._opening(key))
        self._on_keys("Ctrl+N", self._opening("train"))
        self._on_keys("Ctrl+K", self._show_commands)
        self._on_keys("F1", self._show_help)
        self._on_keys("Escape", self._toasts.dismiss)
        self._on_keys(QKeySequence.StandardKey.Quit, self.close)

    def _on_keys(
        self, keys: str | QKeySequence.StandardKey, act: Callable[[], object]
    ) -> None:
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.activated.connect(act)

    def _opening(self, key: str) -> Callable[[], None]:
        return lambda: self.open_page(key)

    @property
    def current_key(self) -> str:
        """The key of the page in view."""
        return self._current

    def page(self, key: str) -> Page:
        """Return the page `key`, built now if it was not yet."""
        if key not in self._pages:
            made = self._specs[key].build(self._services)
            self._pages[key] = made
            self._stack.addWidget(made)
        return self._pages[key]

    @Slot(str, object)
    def open_page(self, key: str, argument: object = None) -> None:
        """Show page `key`, given `argument` if there is one."""
        if key not in self._specs:
            key = next(iter(self._specs))
        page = self.page(key)
        self._current = key
        self._rail.set_current(key)
        self._stack.setCurrentWidget(page)
        if argument is not None:
            page.open_with(argument)
        held = self.focusWidget()
        if not (held and held.isVisible()):  # Tab goes on in what is seen now
            page.setFocus()

    def show_problem(self, title: str, text: str = "") -> None:
        """Show a notice above whatever page is in view."""
        self._above.setContentsMargins(*_AROUND_NOTICE)
        self._notice.show_notice("warn", title, text)

    @Slot(str)
    def show_crash(self, report: str) -> None:
        """Say that something of ours went wrong, with a report to copy."""
        self._above.setContentsMargins(*_AROUND_NOTICE)
        last = report.strip().splitlines()[-1][:200]
        copy = Action(
            text="Copy report",
            run=lambda: QGuiApplication.clipboard().setText(report),
            tip="Copy the details, to send them to the developers",
        )
        self._notice.show_notice(
            "bad",
            "Something went wrong inside Tunesmith. Your work is not lost.",
            f"{last}. You can go on; restarting the window helps if it misbehaves.",
            actions=(copy,),
        )

    @Slot()
    def _on_dismissed(self) -> None:
        self._above.setContentsMargins(0, 0, 0, 0)

    @Slot()
    def rise(self) -> None:
        """Come to the front: somebody started Tunesmith again."""
        if self.isMinimized():
            self.showNormal()
        self.show()
        self.raise_()
        self.activateWindow()

    def place(self, settings: AppSettings) -> None:
        """Take the place and size of last time, if a screen still shows it.

        A screen smaller than the least size, such as 1920×1200 at 200 %, is not outgrown.
        """
        room = QGuiApplication.primaryScreen().availableSize()
        least = QSize(LEAST_WIDTH, LEAST_HEIGHT)
        self.setMinimumSize(least.boundedTo(room))
        if settings.window is not None:
            place = QRect(*settings.window)
            screens = QGuiApplication.screens()
            if any(s.availableGeometry().intersects(place) for s in screens):
                self.setGeometry(place)
        else:
            self.resize(QSize(1280, 860).boundedTo(room))
        if settings.maximized:
            self.setWindowState(Qt.WindowState.WindowMaximized)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Keep place and page, let every page go; runs go on by themselves."""
        box = self.normalGeometry()
        # A full disk must not keep the window open.
        with contextlib.suppress(OSError, TunesmithError):
            self._services.settings.change(
                window=(box.x(), box.y(), box.width(), box.height()),
                maximized=self.isMaximized(),
                last_page=self._current or "home",
            )
        for page in self._pages.values():
            page.shut_down()
        event.accept()
        self.closed.emit()

    @Slot(str, str, object)
    def _on_toasted(
        self, text: str, action: str, run: Callable[[], None] | None
    ) -> None:
        self._toasts.show(text, action=action, run=run)

    @Slot(object)
    def _on_runs(self, runs: tuple[RunGlance, ...]) -> None:
        self._runs = runs
        view = glance.work_chip(runs)
        self._status.show_work(
            view.words, tail=view.tail, fraction=view.fraction, tip=view.tip
        )
        self._rail.set_note("runs", glance.running_note(runs))
        self._services.launcher.reap()

    @Slot(object)
    def _on_device(self, device: glance.DeviceGlance) -> None:
        view = glance.device_chip(device)
        self._status.show_device(
            view.words, tail=view.tail, fraction=view.fraction, tip=view.tip
        )

    @Slot(str)
    def _on_started(self, _run_id: str) -> None:
        self._services.pulse.poke()

    @Slot()
    def _on_device_clicked(self) -> None:
        self.open_page("settings", "device")

    @Slot()
    def _on_work_clicked(self) -> None:
        working = [run for run in self._runs if run.status in ("running", "queued")]
        self.open_page("runs", working[0].run_id if working else None)

    def _show_commands(self) -> None:
        from app.widgets.command_palette import Command, CommandPalette

        commands = [
            Command(
                title=f"Go to {spec.title}",
                run=self._opening(spec.key),
                icon=spec.icon,
                keys=f"Ctrl+{at}",
            )
            for at, spec in enumerate(self._specs.values(), start=1)
        ]
        commands += [
            Command(
                title="New run", run=self._opening("train"), icon="plus", keys="Ctrl+N"
            ),
            Command(title="Light appearance", run=self._wearing("light"), icon="sun"),
            Command(title="Dark appearance", run=self._wearing("dark"), icon="moon"),
            Command(
                title="Appearance of the system",
                run=self._wearing("system"),
                icon="settings",
            ),
            Command(title="Help", run=self._show_help, icon="help", keys="F1"),
            Command(title="Close the window", run=self._close, icon="close"),
        ]
        CommandPalette(commands, self).open()

    def _wearing(self, appearance: str) -> Callable[[], None]:
        def wear() -> None:
            self._services.settings.change(appearance=appearance)
            self._services.restyle()

        return wear

    def _close(self) -> None:
        self.close()

    def _show_help(self) -> None:
        from app.help import HelpDialog

        HelpDialog(self._current, self).open()

    def build_soon(self, keys: Sequence[str]) -> None:
        """Build pages nobody asked for yet, a little each time there is nothing to do.

        Styling a page's widgets costs more than making them, so that is done in slices
        too: the first visit then only paints.
        """
        steps = self._steps(keys)

        def go_on() -> None:
            since = QElapsedTimer()
            since.start()
            while self.isVisible() and since.elapsed() < _SLICE_MS:
                if next(steps, _NO_MORE) is _NO_MORE:
                    return
            if self.isVisible():
                QTimer.singleShot(0, self, go_on)

        QTimer.singleShot(0, self, go_on)

    def _steps(self, keys: Sequence[str]) -> Iterator[None]:
        for key in keys:
            page = self.page(key)
            yield
            for widget in page.findChildren(QWidget):
                if shiboken6.isValid(widget):  # the page may have let it go meanwhile
                    widget.ensurePolished()
                yield
        # What stands now stays until the end: the garbage collector, which stops every
        # thread while it looks, need not look at it again.
        gc.freeze()


def _brand() -> QWidget:
    """Return the name at the head of the rail."""
    mark = QLabel()
    mark.setPixmap(
        theme.icon_pixmap("train", theme.current().accent, size=22, pixel_ratio=2.0)
    )
    mark.setAccessibleName("Tunesmith")
    line = row(4, mark, Text("Tunesmith", "heading"), STRETCH, spacing=8)
    holder = QWidget()
    holder.setLayout(line)
    return holder
