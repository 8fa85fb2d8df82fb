"""How long the window's thread is ever held: ``python -m benchmarks.gui_stall``.

A timer that should fire every 5 ms notes the longest time between two of its calls,
which is how long a click would have waited. Measured while a run's folder receives
20,000 events a second and the run's page is open, while a slider of What fits? moves,
and, with ``--demo``, during a real first training as started from Home.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QElapsedTimer, QEventLoop, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

from app.session import Session
from core.places import places
from core.plan.plan import Plan
from core.runs.events import Metrics, Phase, Progress, encode
from core.runs.folder import Status, create_run, own_start_time

_TICK_MS = 5


class StallWatch(QObject):
    """Notes how late its timer is called, and the worst of it."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps_ms: list[float] = []
        self.worked_ms: list[float] = []
        self._cpu_s = 0.0
        self._since = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_tick)

    def start(self) -> None:
        """Begin, forgetting what was."""
        self.gaps_ms, self.worked_ms = [], []
        self._cpu_s = time.thread_time()
        self._since.start()
        self._timer.start(_TICK_MS)

    def stop(self) -> dict[str, float]:
        """Return the longest gap, the 99.9th percentile and how many were long.

        ``longest_work_ms`` is the processor time of the window's thread in its worst
        gap: where it is far below ``longest_stall_ms`` the thread did not work but was
        kept waiting, by a busy machine or by the interpreter's lock.
        """
        self._timer.stop()
        gaps = sorted(self.gaps_ms) or [0.0]
        return {
            "longest_stall_ms": round(gaps[-1], 1),
            "longest_work_ms": round(max(self.worked_ms, default=0.0), 1),
            "p999_ms": round(gaps[int((len(gaps) - 1) * 0.999)], 1),
            "over_50_ms": sum(gap > 50 for gap in gaps),
            "ticks": len(gaps),
        }

    def _on_tick(self) -> None:
        self.gaps_ms.append(self._since.nsecsElapsed() / 1e6 - _TICK_MS)
        now_s = time.thread_time()
        self.worked_ms.append((now_s - self._cpu_s) * 1000)
        self._cpu_s = now_s
        self._since.restart()


def wait_ms(milliseconds: int) -> None:
    """Let the window live for a while."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def write_flood(path: Path, *, rate: int, seconds: float) -> int:
    """Append events at a steady rate, as an engine would; return how many.

    Runs in a process of its own: in ours it would hold the interpreter's lock and
    measure itself.
    """
    lines = [_line(step) for step in range(int(rate * seconds))]
    begun, written = time.monotonic(), 0
    with path.open("a", encoding="utf-8") as file:
        while written < len(lines):
            due = min(len(lines), int((time.monotonic() - begun) * rate))
            file.write("".join(lines[written:due]))
            file.flush()
            written = due
            time.sleep(0.01)
    return written


def _line(step: int) -> str:
    loss = 3.0 * math.exp(-step / 50_000) + 0.2 * math.sin(step)
    event = Metrics(
        t=time.time(), step=step, epoch=step / 1000, loss=loss, learning_rate=2e-4,
        grad_norm=1.0, tokens_per_s=900.0, memory_allocated=1 << 30,
    )  # fmt: skip
    return encode(event) + "\n"


def flood(session: Session, *, rate: int, seconds: float) -> dict[str, Any]:
    """Return the stalls while the run's page shows a flood of events."""
    run = create_run(session.services.places.runs, Plan(name="Flood"), {})
    run.write_status(
        Status(status="running", pid=os.getpid(), pid_started=own_start_time())
    )
    now = time.time()
    opening = (
        Phase(t=now, phase="train"),
        Progress(t=now, what="train", done=0, total=rate * seconds, unit="step"),
    )
    run.events_file.write_text("".join(encode(e) + "\n" for e in opening), "utf-8")
    session.window.open_page("runs", run.run_id)
    wait_ms(1500)
    command = [sys.executable, "-m", "benchmarks.gui_stall", "--write"]
    writer = subprocess.Popen(
        [*command, str(run.events_file), "--rate", str(rate), "--seconds", str(seconds)]
    )
    watch = StallWatch()
    watch.start()
    while writer.poll() is None:
        wait_ms(200)
    found = watch.stop()
    run.write_status(Status(status="stopped", step=int(rate * seconds)))
    return {**found, "events": int(rate * seconds), "events_per_s": rate}


def demo(session: Session, *, most_s: float) -> dict[str, Any]:
    """Return the stalls during the first training, from the button to its end."""
    session.window.open_page("home")
    wait_ms(1500)
    session.window.page("home")._model.start_demo()  # type: ignore[attr-defined]
    watch = StallWatch()
    watch.start()
    begun, status = time.monotonic(), "none"
    while time.monotonic() - begun < most_s and status not in ("done", "failed"):
        wait_ms(500)
        runs: Any = session.services.pulse.runs or ()
        status = runs[0].status if runs else "none"
    return {**watch.stop(), "status": status, "seconds": time.monotonic() - begun}


def sliders(session: Session, *, seconds: float) -> dict[str, Any]:
    """Return the stalls while a slider of What fits? moves sixty times a second.

    A model of 8B on a card of 24 GiB; all that follows from a move (bars, map, tables)
    is computed and painted in between.
    """
    session.window.open_page("fits")
    page: Any = session.window.page("fits")
    page.model.ask_device("RTX 4090")
    page.model.choose_model("Qwen/Qwen3-8B")
    wait_ms(4000)
    moves, watch = [0], StallWatch()
    keys = (("method.rank", 8), ("train.batch_size", 1), ("train.seq_len", 512))

    def move() -> None:
        moves[0] += 1
        key, least = keys[moves[0] // 60 % len(keys)]
        page.model.set_value(key, least * 2 ** (moves[0] % 5))

    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(move)
    watch.start()
    timer.start(16)
    wait_ms(int(seconds * 1000))
    timer.stop()
    return {**watch.stop(), "moves": moves[0]}


def main() -> None:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write is not None:
        write_flood(arguments.write, rate=arguments.rate, seconds=arguments.seconds)
        return
    app = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        here = places(Path(folder)).make()
        os.environ["TUNESMITH_HOME"] = folder
        session = Session(app, here)
        session.show()
        watch = StallWatch()
        watch.start()
        session.start()
        wait_ms(6000)
        found: dict[str, Any] = {"start": watch.stop()}
        if arguments.demo:
            found["demo"] = demo(session, most_s=400.0)
        found["sliders"] = sliders(session, seconds=arguments.seconds)
        found["flood"] = flood(session, rate=arguments.rate, seconds=arguments.seconds)
        found["load_average"] = (
            os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        )
        session.window.close()
        session.end()
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
