"""The window's start: what must be true before Qt, then as little as possible."""

from __future__ import annotations

import sys

from app import display
from core.places import Places, places


def main() -> int:
    """Open the window; return its exit status (2 where none can be shown)."""
    trouble = display.problem()
    if trouble is not None:
        sys.stderr.write(f"{trouble.message}\n{trouble.hint}\n")
        return 2
    try:
        here = places().make()
    except OSError as err:
        sys.stderr.write(
            f"Tunesmith's folder {err.filename} cannot be used: {err.strerror}.\n"
            "Choose another one: tunesmith --home FOLDER\n"
        )
        return 2
    return _open(here)


def _open(here: Places) -> int:
    import locale

    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from app.single_instance import SingleInstance

    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    # Qt set the C library's numbers to the desktop's language; C code that reads
    # "1.5" would stop at the point.
    locale.setlocale(locale.LC_NUMERIC, "C")
    app.setApplicationName("Tunesmith")
    app.setDesktopFileName("tunesmith")
    instance = SingleInstance(here.home)
    if not instance.acquire():
        sys.stderr.write("Tunesmith is open already; its window was raised.\n")
        return 0
    from app.session import Session

    session = Session(app, here)
    instance.raise_requested.connect(session.window.rise)
    # Not left to Qt, which waits for any stray window, a tooltip say, to close too.
    session.window.closed.connect(app.quit)
    session.show()
    QTimer.singleShot(0, session.start)
    status = app.exec()
    session.end()
    instance.release()
    return status
