"""The doctor's findings, each with a way out."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.hardware.doctor import (
    _gpu_problems,
    _package_problems,
    examine,
    idle_cards,
)
from core.hardware.gpu import Nvml
from core.hardware.torch_build import TorchBuild
from core.places import Places
from tests.hardware.fake_nvml import Card, FakeNvml


def codes(build: TorchBuild, *cards: Card, cuda: int = 12080) -> list[str]:
    found = Nvml(FakeNvml(cards=list(cards), cuda=cuda)).gpus()
    return [problem.code for problem in _gpu_problems(build, found)]


def test_a_driver_too_old_for_the_build_is_named() -> None:
    """Both versions are said, and both ways out."""
    build = TorchBuild(version="2.13.0+cu130", cuda="13.0")
    (card,) = Nvml(FakeNvml(cards=[Card()], cuda=12040)).gpus()

    (problem,) = _gpu_problems(build, (card,))

    assert "gpu.driver_old" == problem.code
    assert "12.4" in problem.message
    assert "13.0" in problem.message
    assert "driver" in problem.hint


def test_cards_and_builds_that_do_not_meet() -> None:
    """A CPU build beside a card, no card at all, an old card, and a match."""
    assert ["torch.cpu_build"] == codes(TorchBuild(version="2.13.0+cpu"), Card())
    assert ["gpu.none"] == codes(TorchBuild(version="2.13.0+cpu"))
    cuda = TorchBuild(version="2.13.0+cu128", cuda="12.8")
    assert ["gpu.old"] == codes(cuda, Card(capability=(6, 1)))
    assert [] == codes(cuda, Card())


def test_a_driver_that_refuses_is_not_a_missing_card() -> None:
    """Its reason is told; whoever updated it needs a restart and no new driver."""
    build = TorchBuild(version="2.13.0+cu130", cuda="13.0")

    (found,) = _gpu_problems(build, (), "Driver/library version mismatch")

    assert "gpu.driver_silent" == found.code
    assert "version mismatch" in found.message
    assert "Restart" in found.hint


def test_packages_that_lack_or_do_harm() -> None:
    """A missing bitsandbytes stops QLoRA; “kernels” would run foreign programs."""
    installed = {"kernels": "0.11", "keyring": "25"}

    found = [p.code for p in _package_problems(lambda name: installed.get(name, ""))]

    assert ["bitsandbytes.missing", "kernels.installed"] == found


def test_this_machine_is_examined_without_torch(tmp_path: Path) -> None:
    """A report is made, every problem has a hint, and torch stays out of memory."""
    report = examine(Places(home=tmp_path))

    assert report.memory.free > 0
    assert report.disk.writable
    assert all(problem.hint for problem in report.problems)
    program = (
        "import sys; from pathlib import Path; from core.places import Places;"
        "from core.hardware.doctor import examine;"
        "examine(Places(home=Path(sys.argv[1]))); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """Nothing can be trained where nothing can be kept."""
    file = tmp_path / "file"
    file.write_text("in the way")

    report = examine(Places(home=file / "home"))

    assert not report.ok
    assert "disk.read_only" in [problem.code for problem in report.problems]


@pytest.fixture(autouse=True)
def no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """No device is named in the environment."""
    for name in ("TUNESMITH_DEVICE", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)


def test_a_card_that_stays_idle_is_told() -> None:
    """A card here and a torch that cannot use it; no card at all is no news."""
    found = Nvml(FakeNvml(cards=[Card()], cuda=12040)).gpus()
    built = {
        version: [p.code for p in idle_cards(TorchBuild(version="2", cuda=version), c)]
        for version, c in (("13.0", found), ("12.4", found), ("", found), (" ", ()))
    }

    assert ["gpu.driver_old"] == built["13.0"]
    assert [] == built["12.4"] == built[" "]
    assert ["torch.cpu_build"] == built[""]


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("TUNESMITH_DEVICE", "0", []),
        ("TUNESMITH_DEVICE", "cpu", []),
        ("TUNESMITH_DEVICE", "7", ["gpu.chosen_absent"]),
        ("CUDA_VISIBLE_DEVICES", "0", []),
        ("CUDA_VISIBLE_DEVICES", "-1", ["gpu.hidden"]),
        ("CUDA_VISIBLE_DEVICES", "", ["gpu.hidden"]),
    ],
)
def test_a_card_that_is_not_chosen_is_told(
    variable: str, value: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who named a card that went away, or hid them all, hears of the processor."""
    monkeypatch.setenv(variable, value)
    found = Nvml(FakeNvml(cards=[Card()], cuda=12040)).gpus()

    told = idle_cards(TorchBuild(version="2", cuda="12.4"), found)

    assert expected == [problem.code for problem in told]
    assert all(problem.hint for problem in told)
