"""What is wrong with this machine for training, each fault with its fix."""

import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from core import durable
from core.hardware.budget import can_drive
from core.hardware.gpu import Gpu, driver_fault, gpus, visible
from core.hardware.installation import SetUpProblem, set_up_problems
from core.hardware.machine import Machine, machine
from core.hardware.torch_build import TorchBuild, driver_runs, torch_build
from core.places import Places
from core.units import GIB, bytes_text

LOW_DISK = 10 * GIB
LOW_MEMORY = 4 * GIB


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorProblem:
    """One fault, and the way out."""

    code: str
    message: str
    hint: str
    level: Literal["error", "warning", "info"] = "warning"
    """``error``: nothing can be trained before it is mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    name: str
    cores: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Bytes of memory or of a disk."""

    total: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The disk that holds Tunesmith's folder."""

    path: str
    free: int
    writable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The machine as it is, and what is wrong with it."""

    ok: bool
    """Whether something can be trained here."""
    gpus: tuple[Gpu, ...]
    cpu: Cpu
    memory: Room
    disk: Disk
    torch: TorchBuild | None
    versions: dict[str, str]
    problems: tuple[DoctorProblem, ...]


_PACKAGES = (
    "torch", "transformers", "peft", "bitsandbytes", "accelerate", "safetensors",
    "tokenizers", "huggingface-hub", "PySide6-Essentials",
)  # fmt: skip


def examine(places: Places) -> Report:
    """Return what this machine has and lacks; imports no torch, starts nothing."""
    facts = machine()
    found = gpus()
    build = torch_build()
    disk = _disk(places)
    told = set_up_problems()
    problems = (
        *_torch_problems(build),
        *_set_up_problems(told),
        # The set-up knows why it took this torch; one reason for a card is enough.
        *(() if _about_cards(told) else _gpu_problems(build, found, driver_fault())),
        *_choice_problems(found),
        *_package_problems(_installed),
        *_disk_problems(disk),
        *_memory_problems(facts),
        *_window_problems(),
    )
    return Report(
        ok=all(problem.level != "error" for problem in problems),
        gpus=found,
        cpu=Cpu(name=facts.cpu_name, cores=facts.cores),
        memory=Room(total=facts.memory_total, free=facts.memory_free),
        disk=disk,
        torch=build,
        versions={name: found for name in _PACKAGES if (found := _installed(name))},
        problems=problems,
    )


def _installed(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _torch_problems(build: TorchBuild | None) -> Iterator[DoctorProblem]:
    if build is None:
        yield DoctorProblem(
            code="torch.missing",
            message="torch is not installed, so nothing can be trained.",
            hint="Run “python3 run.py”; it installs the build that fits this machine.",
            level="error",
        )


def _about_cards(told: tuple[SetUpProblem, ...]) -> bool:
    return any(problem.code.startswith(("gpu.", "torch.")) for problem in told)


def _set_up_problems(told: tuple[SetUpProblem, ...]) -> Iterator[DoctorProblem]:
    for problem in told:
        yield DoctorProblem(
            code=problem.code, message=problem.message, hint=problem.hint
        )


def _gpu_problems(
    build: TorchBuild | None, found: tuple[Gpu, ...], fault: str = ""
) -> Iterator[DoctorProblem]:
    if fault:
        yield DoctorProblem(
            code="gpu.driver_silent",
            message=f"The NVIDIA driver does not answer: {fault}. Training uses the"
            " processor.",
            hint="Restart the computer, which an update of the driver needs; if that"
            " does not help, install the driver again.",
        )
    elif not found:
        yield DoctorProblem(
            code="gpu.none",
            message="No NVIDIA graphics card answers here; training uses the processor.",
            hint="Small models train this way. With a card in the machine, install its"
            " driver and start Tunesmith again.",
            level="info",
        )
    for gpu in found:
        if build is None or can_drive(build, gpu):
            if gpu.compute_capability < (7, 5):
                yield _old_card(gpu)
        elif not build.cuda:
            yield DoctorProblem(
                code="torch.cpu_build",
                message=f"{gpu.name} is here, but torch {build.version} is a build"
                " without CUDA, so the card stays idle.",
                hint="Run “python3 run.py setup”; it installs the CUDA build.",
            )
        else:
            yield _old_driver(build, gpu)


def idle_cards(
    build: TorchBuild | None, found: tuple[Gpu, ...]
) -> tuple[DoctorProblem, ...]:
    """Return why each card that is here is not trained on, each with its way out."""
    idle = {"torch.cpu_build", "gpu.driver_old"}
    cannot = tuple(p for p in _gpu_problems(build, found) if p.code in idle)
    return (*cannot, *_choice_problems(found))


def _choice_problems(found: tuple[Gpu, ...]) -> Iterator[DoctorProblem]:
    """Give what the environment chose and the machine has not: the processor is used."""
    wanted = os.environ.get("TUNESMITH_DEVICE", "")
    here = [str(gpu.index) for gpu in found]
    if wanted and wanted not in ("cpu", *here):
        yield DoctorProblem(
            code="gpu.chosen_absent",
            message=f"Card {wanted} was chosen and is not here; training uses the"
            " processor.",
            hint="Choose another device in the settings, or set TUNESMITH_DEVICE to"
            f" {', '.join([*here, 'cpu'])}.",
        )
    elif found and not wanted and not visible(found):
        yield DoctorProblem(
            code="gpu.hidden",
            message="CUDA_VISIBLE_DEVICES hides every graphics card that is here;"
            " training uses the processor.",
            hint="Unset CUDA_VISIBLE_DEVICES to train on a card.",
        )


def _old_card(gpu: Gpu) -> DoctorProblem:
    major, minor = gpu.compute_capability
    return DoctorProblem(
        code="gpu.old",
        message=f"{gpu.name} has compute capability {major}.{minor}; newer CUDA builds"
        " of torch leave out cards below 7.5.",
        hint="If training fails on it, install the CUDA 12.6 build of torch.",
    )


def _old_driver(build: TorchBuild, gpu: Gpu) -> DoctorProblem:
    assert not driver_runs(build.cuda, gpu.cuda)
    return DoctorProblem(
        code="gpu.driver_old",
        message=f"The driver {gpu.driver} of {gpu.name} runs CUDA up to {gpu.cuda};"
        f" torch {build.version} was built for CUDA {build.cuda}.",
        hint="Update the NVIDIA driver, or run “python3 run.py setup” for a build that"
        " fits this driver. Until then training uses the processor.",
    )


def _package_problems(installed: Callable[[str], str]) -> Iterator[DoctorProblem]:
    if not installed("bitsandbytes"):
        yield DoctorProblem(
            code="bitsandbytes.missing",
            message="bitsandbytes is not installed, so QLoRA is not possible.",
            hint="Run “python3 run.py setup”, or train with LoRA.",
        )
    if installed("kernels"):
        yield DoctorProblem(
            code="kernels.installed",
            message="The package “kernels” is installed: it lets a model's files fetch"
            " and run programs from the network.",
            hint="Remove it with “pip uninstall kernels”; Tunesmith does not need it.",
        )
    if not installed("keyring"):
        yield DoctorProblem(
            code="keyring.missing",
            message="No keyring is installed, so a Hugging Face token cannot be kept.",
            hint="Set HF_TOKEN in the environment, or run “python3 run.py” again.",
            level="info",
        )


def _disk(places: Places) -> Disk:
    try:
        places.make()
        writable = os.access(places.home, os.W_OK)
    except OSError:
        writable = False
    return Disk(
        path=str(places.home),
        free=durable.free_bytes(places.home),
        writable=writable,
    )


def _disk_problems(disk: Disk) -> Iterator[DoctorProblem]:
    if not disk.writable:
        yield DoctorProblem(
            code="disk.read_only",
            message=f"Nothing can be written to {disk.path}.",
            hint="Choose another folder with --home or TUNESMITH_HOME.",
            level="error",
        )
    elif disk.free < LOW_DISK:
        yield DoctorProblem(
            code="disk.low",
            message=f"{disk.path} has {bytes_text(disk.free)} free; one model of"
            " 8 billion parameters takes 15 GiB.",
            hint="Free some space, or choose another folder with --home.",
        )


def _memory_problems(facts: Machine) -> Iterator[DoctorProblem]:
    if facts.memory_free < LOW_MEMORY:
        yield DoctorProblem(
            code="memory.low",
            message=f"{bytes_text(facts.memory_free)} of memory are free; the starter"
            " model needs about 2 GiB to train on the processor.",
            hint="Close other programs before training.",
        )


def _window_problems() -> Iterator[DoctorProblem]:
    if importlib.util.find_spec("PySide6") is None:
        yield DoctorProblem(
            code="qt.missing",
            message="PySide6 is not installed, so there is no window.",
            hint="Run “python3 run.py” again. The command line works without it.",
        )
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY")
        or os.environ.get("WAYLAND_DISPLAY")
        or os.environ.get("QT_QPA_PLATFORM")
    ):
        yield DoctorProblem(
            code="display.none",
            message="There is no display, so the window cannot open here.",
            hint="Use the command line: “tunesmith demo” trains a first adapter.",
            level="info",
        )
