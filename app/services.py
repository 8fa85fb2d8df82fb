"""What `compose` hands to each page: the long-lived objects, and a glance at the runs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from app.hub_token import TokenStore
from app.qtwork.gpu_lease import GpuLease
from app.qtwork.navigator import Navigator
from app.qtwork.pulse import Pulse
from app.settings import SettingsStore
from core.launch import start_run
from core.places import Places
from core.runs.folder import RunFolder, RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGlance:
    """A run in a line: what the status bar and Home show. `Pulse.runs` holds these."""

    run_id: str
    name: str
    status: RunStatus
    phase: str = ""
    """What it does now, in words."""
    step: int = 0
    steps: int = 0
    seconds_left: float | None = None
    eval_loss_before: float | None = None
    eval_loss: float | None = None
    adapter_id: str | None = None
    created: float = 0.0
    """Unix seconds."""
    spark: tuple[float, ...] = ()
    problem: str = ""
    """What failed, in words."""


class RunLauncher(QObject):
    """Starts engines in sessions of their own, and reaps those that ended.

    Signals:
        started (str): the run with this id was started.
    """

    started = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self, run: RunFolder, *, resume: bool = False) -> None:
        """Start the engine on `run`; it goes on when the window closes.

        Raises:
            OSError: The program could not be started.
        """
        self.reap()
        self._children.append(start_run(run, resume=resume))
        self.started.emit(run.run_id)

    def reap(self) -> None:
        """Collect the children that ended, so that none stays a zombie."""
        self._children = [c for c in self._children if c.poll() is None]

    def let_go(self) -> None:
        """Stop watching the children without ending them: the window closes."""
        for child in self._children:
            # Popen would warn of a child still running; that it runs on is the point.
            child.returncode = child.poll() or 0
        self._children = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Given to each page's factory, which gives its view-model what that needs."""

    places: Places
    settings: SettingsStore
    token: TokenStore
    navigator: Navigator
    pulse: Pulse
    lease: GpuLease
    launcher: RunLauncher
    use_device: Callable[[str], None]
    """Let runs and chats started from now on use auto, cpu, or a GPU's index."""
    is_offline: Callable[[], bool]
    """Whether no network call may be made: by settings, argument or environment."""
    restyle: Callable[[], None]
    """Dress the window anew, after the appearance changed."""
