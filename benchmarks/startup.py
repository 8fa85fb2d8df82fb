"""How long the window takes to show, beside a bare QWidget: ``python -m benchmarks.startup``.

Each start is a fresh process on a warm disk, measured from the interpreter's first
instruction to the end of the first paint. Prints the best and the median of each, and
the ratio of the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_BARE = """
import time; begun = time.perf_counter()
import sys
from PySide6.QtWidgets import QApplication, QWidget
from PySide6.QtCore import QTimer
class Shown(QWidget):
    def paintEvent(self, event):
        QTimer.singleShot(0, done)
def done():
    print(time.perf_counter() - begun); app.exit()
app = QApplication(sys.argv); window = Shown(); window.resize(1280, 860); window.show()
app.exec()
"""

_OURS = """
import time; begun = time.perf_counter()
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from app import session, window_main
class Shown(session.MainWindow):
    is_painted = False
    def paintEvent(self, event):
        super().paintEvent(event)
        if not self.is_painted:
            self.is_painted = True
            QTimer.singleShot(0, done)
def done():
    shown = time.perf_counter() - begun
    heavy = [m for m in ("torch", "transformers", "peft", "numpy",
                         "pyarrow", "datasets") if m in sys.modules]
    print(shown, *heavy)
    QApplication.quit()
session.MainWindow = Shown
window_main.main()
"""


def seconds(code: str, home: Path) -> tuple[float, list[str]]:
    """Return one start's seconds, and the heavy modules it loaded."""
    environment = {**os.environ, "TUNESMITH_HOME": str(home)}
    environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, *heavy = done.stdout.split()
    return float(first), heavy


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        seconds(_BARE, home)
        seconds(_OURS, home)  # warms the disk and the byte code
        bare, ours, heavy = [], [], []
        for _ in range(arguments.repeat):  # in turns: both see the same machine
            bare.append(seconds(_BARE, home)[0])
            shown, heavy = seconds(_OURS, home)
            ours.append(shown)
    middle, middle_bare = statistics.median(ours), statistics.median(bare)
    found = {
        "window_s": round(middle, 3),
        "window_best_s": round(min(ours), 3),
        "bare_qwidget_s": round(middle_bare, 3),
        "ratio": round(middle / middle_bare, 2),
        "heavy_modules": heavy,
        "platform": os.environ.get("QT_QPA_PLATFORM", "offscreen"),
        "repeat": arguments.repeat,
    }
    if arguments.json:
        print(json.dumps(found))
        return
    print(
        f"window        {found['window_s']:.3f} s (best {found['window_best_s']:.3f})"
    )
    print(f"bare QWidget  {found['bare_qwidget_s']:.3f} s")
    print(f"ratio         {found['ratio']:.2f}")
    print(f"heavy modules loaded before the first picture: {heavy or 'none'}")


if __name__ == "__main__":
    main()
