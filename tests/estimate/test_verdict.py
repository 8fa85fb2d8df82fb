"""Who would have to close, judged from what the driver tells."""

import itertools
import os
import sys
from dataclasses import dataclass

import psutil
import pytest

from core.estimate.verdict import judge
from core.hardware.budget import DeviceBudget, of_gpu
from core.hardware.gpu import GpuProcess, Nvml
from core.hardware.occupant import ProcessRole, occupant
from core.units import GIB
from tests.hardware.fake_nvml import Card, FakeNvml, Memory, Process


def busy(free_gib: float, *processes: GpuProcess) -> DeviceBudget:
    return DeviceBudget(
        kind="cuda",
        name="RTX 3060",
        total=12 * GIB,
        free=round(free_gib * GIB),
        compute_capability=(8, 6),
        processes=processes,
    )


def held(name: str, gib: float | None, role: ProcessRole = "program") -> GpuProcess:
    used = None if gib is None else round(gib * GIB)
    return GpuProcess(pid=len(name), name=name, used=used, role=role)


def verdict(budget: DeviceBudget, need_gib: float) -> tuple[str, str]:
    need = round(need_gib * GIB)
    return judge(process=need, high=need, budget=budget, known=True)


def test_only_as_many_as_must_are_named_the_largest_first() -> None:
    """What closing them frees is said, not what all hold."""
    budget = busy(4, held("mail", 0.5), held("a-game", 5), held("browser", 2))

    found, why = verdict(budget, 8.5)

    assert "fits-if-closed" == found
    assert why == (
        "It needs up to 8.50 GiB and 4.00 GiB are free on RTX 3060; closing a-game"
        " (5.00 GiB) frees 5.00 GiB."
    )
    assert (
        "a-game (5.00 GiB) and browser (2.00 GiB) frees 7.00" in verdict(budget, 10)[1]
    )
    assert "too-large" == verdict(budget, 11.6)[0]


def test_what_draws_the_screen_cannot_be_closed() -> None:
    """Its memory is nobody's to give."""
    budget = busy(9, held("gnome-shell", 2, "desktop"), held("browser", 0.5))

    found, why = verdict(budget, 10)

    assert "too-large" == found
    assert "gnome-shell" not in why


def test_tunesmiths_own_are_named_as_such() -> None:
    """A run is paused rather than closed."""
    budget = busy(
        4, held("Tunesmith's run poems", 4, "run"), held("Tunesmith's chat", 3, "chat")
    )

    assert (
        "pausing Tunesmith's run poems (4.00 GiB) and closing Tunesmith's chat"
        " (3.00 GiB) frees 7.00 GiB" in verdict(budget, 10)[1]
    )


def test_memory_nobody_counts_is_not_promised() -> None:
    """On Windows the driver does not say who holds how much."""
    budget = busy(4, held("browser", None), held("dwm.exe", None, "desktop"))

    found, why = verdict(budget, 8)

    assert "too-large" == found
    assert why.endswith(
        "Also on the card: browser; how much they hold, this system does not tell."
    )
    assert "browser" not in verdict(budget, 13)[1]


def test_the_driver_tells_who_holds_what() -> None:
    """From NVML to the sentence: this very process stands for any program."""
    card = Card(
        memory=Memory(12 * GIB, 3 * GIB), compute=[Process(os.getpid(), 8 * GIB)]
    )
    (gpu,) = Nvml(FakeNvml(cards=[card])).gpus()

    found, why = verdict(of_gpu(gpu), 9)

    assert "fits-if-closed" == found
    assert psutil.Process().name() in why


HIDDEN = 8
CLOCK = itertools.count(1.0)  # every process began at a time of its own


@dataclass(frozen=True, slots=True)
class Told:
    """A process as psutil tells of it."""

    pid: int
    command: tuple[str, ...]
    said: str

    def name(self) -> str:
        return self.said

    def cmdline(self) -> list[str]:
        if self.pid == HIDDEN:
            raise psutil.AccessDenied
        return list(self.command)

    def create_time(self) -> float:
        return next(CLOCK)


@pytest.mark.parametrize(
    ("command", "name", "expected"),
    [
        (("/usr/bin/firefox",), "firefox", ("firefox", "program")),
        (("/usr/lib/Xorg", ":0"), "Xorg", ("Xorg", "desktop")),
        ((), "dwm.exe", ("dwm.exe", "desktop")),
        ((), ".kwin_wayland-wrapped", (".kwin_wayland-wrapped", "desktop")),
        ((sys.executable, "-m", "core.worker", "chat"), "python",
         ("Tunesmith's chat", "chat")),
        ((sys.executable, "-m", "core.worker", "train", "/home/a/runs/poems"), "python",
         ("Tunesmith's run poems", "run")),
        (("tunesmith", "--worker", "train", "/home/a/runs/poems"), "tunesmith",
         ("Tunesmith's run poems", "run")),
        ((sys.executable, "-m", "core.worker", "task", "dry_run"), "python",
         ("Tunesmith", "program")),
        ((sys.executable, "-m", "core.worker"), "python", ("Tunesmith", "program")),
    ],
)  # fmt: skip
def test_a_process_is_known_by_its_command(
    command: tuple[str, ...],
    name: str,
    expected: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tunesmith's own by what they were started as, desktops by their name."""
    monkeypatch.setattr(psutil, "Process", lambda pid: Told(pid, command, name))

    assert expected == occupant(7)


def test_another_users_process_is_known_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its arguments are hidden, its name is not."""
    monkeypatch.setattr(psutil, "Process", lambda pid: Told(pid, (), "Xorg"))

    assert ("Xorg", "desktop") == occupant(HIDDEN)


def test_a_process_that_is_gone_has_a_number() -> None:
    """Nothing is raised for it."""
    assert ("process 4194309", "program") == occupant(2**22 + 5)
