"""One opening of the window, from its first picture to its last."""

from __future__ import annotations

import importlib
import sys

from PySide6.QtCore import QObject, QThreadPool, QTimer, Slot
from PySide6.QtWidgets import QApplication

from app import theme
from app.compose import PAGES, compose
from app.crash import CrashReporter, start_log
from app.main_window import MainWindow
from app.qtwork.background import Background
from app.qtwork.collector import Collector
from core.places import Places

_PATIENCE_MS = 1500
_BREATH_MS = 250  # the first picture goes first
_SWITCH_S = 0.0001


class Session(QObject):
    """Holds the window and what it stands on; `start` begins the threads."""

    def __init__(self, app: QApplication, places: Places) -> None:
        super().__init__()
        self._collector = Collector(self)
        self._app = app
        self._log_folder = places.home / "logs"
        self.services = compose(places, restyle=self.restyle)
        self.restyle()
        self.window = MainWindow(PAGES, self.services)
        self._crashes = CrashReporter(self)
        self._crashes.crashed.connect(self.window.show_crash)
        self._warming = Background(self)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._warm_up)
        app.styleHints().colorSchemeChanged.connect(self._on_scheme_changed)

    def show(self, *, page: str = "home") -> None:
        """Show the window with its first page."""
        self.window.place(self.services.settings.now)
        self.window.open_page(page)
        self.window.show()

    @Slot()
    def start(self) -> None:
        """Begin what the first picture does not need: log, threads, other pages."""
        # The interpreter's lock changes hands every 5 ms by itself: with two threads
        # at work, a picture that takes it forty times would take half a second.
        sys.setswitchinterval(_SWITCH_S)
        start_log(self._log_folder)
        self._crashes.install()
        self._collector.start()
        if self.services.settings.problem:
            self.window.show_problem(self.services.settings.problem)
        self.services.pulse.start()
        self._warming.answered.connect(self._on_warmed)
        self._soon.start(_BREATH_MS)

    def end(self) -> None:
        """End the threads and let the engines run on by themselves."""
        self._soon.stop()
        self._warming.cancel()
        self.services.pulse.end()
        self.services.launcher.let_go()
        pool = QThreadPool.globalInstance()
        pool.clear()  # questions nobody waits for any more
        pool.waitForDone(_PATIENCE_MS)
        self._collector.end()
        self._crashes.uninstall()

    @Slot()
    def restyle(self) -> None:
        """Dress everything as the settings say."""
        now = self.services.settings.now
        theme.apply(self._app, now.appearance, text_scale=now.text_scale_percent / 100)

    @Slot()
    def _on_scheme_changed(self) -> None:
        if self.services.settings.now.appearance == "system":
            self.restyle()

    @Slot()
    def _warm_up(self) -> None:
        # What pages import costs half a second; a thread pays it, in small change.
        self._warming.ask(_import_what_pages_need)

    @Slot(object)
    def _on_warmed(self, _nothing: object) -> None:
        self.window.build_soon([spec.key for spec in PAGES])


def _import_what_pages_need() -> None:
    for name in (
        "numpy",
        "app.setup.page",
        "app.training.page",
        "app.library.page",
        "app.chat.page",
        "app.models.page",
        "app.fits.page",
        "app.preferences.page",
    ):
        importlib.import_module(name)
