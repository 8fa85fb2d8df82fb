"""The device a training would use, and how much memory it may have there."""

import os
from dataclasses import dataclass
from typing import Literal

from core.errors import RequestError
from core.hardware.cards import Card, find_card
from core.hardware.gpu import Gpu, GpuProcess, gpus
from core.hardware.machine import machine, multiplies_bf16
from core.hardware.torch_build import TorchBuild, driver_runs, torch_build
from core.units import GIB, bytes_text

DeviceKind = Literal["cuda", "cpu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceBudget:
    """Where a training would run, real or imagined. Memory in bytes."""

    kind: DeviceKind
    name: str
    total: int
    free: int
    compute_capability: tuple[int, int] | None = None
    processes: tuple[GpuProcess, ...] = ()
    bf16: bool = True
    """Whether bfloat16 is computed natively in hardware."""
    imagined: bool = False
    """A card asked about, not one that is here."""


def device_budget(
    gpu_memory: int | None = None, gpu_name: str | None = None
) -> DeviceBudget:
    """Return the device named or, without names, the one training would use here.

    That is the first GPU if the installed torch can drive it, else the CPU; or what
    ``TUNESMITH_DEVICE`` says (``cpu`` or a GPU's index), which the window sets by choice.

    Args:
        gpu_memory: Bytes of an imagined card.
        gpu_name: A card of resources/gpus.json, by name or part of it.

    Raises:
        RequestError: No card has that name, or no card is so small or large.
    """
    if gpu_name is not None:
        return _named(gpu_name, gpu_memory)
    if gpu_memory is not None:
        return _imagined(gpu_memory)
    wanted = os.environ.get("TUNESMITH_DEVICE", "")
    for gpu in gpus():
        if wanted in {"", str(gpu.index)} and can_drive(torch_build(), gpu):
            return of_gpu(gpu)
    return cpu_budget()


def of_gpu(gpu: Gpu) -> DeviceBudget:
    """Return the budget of a card that is here."""
    return DeviceBudget(
        kind="cuda",
        name=gpu.name,
        total=gpu.total,
        free=gpu.free,
        compute_capability=gpu.compute_capability,
        processes=gpu.processes,
        bf16=gpu.compute_capability >= (8, 0),
    )


def cpu_budget() -> DeviceBudget:
    """Return the processor with the memory a new program can have now."""
    facts = machine()
    return DeviceBudget(
        kind="cpu",
        name=facts.cpu_name,
        total=facts.memory_total,
        free=facts.memory_free,
        bf16=multiplies_bf16(),
    )


def can_drive(build: TorchBuild | None, gpu: Gpu) -> bool:
    """Return whether the installed torch can compute on `gpu`."""
    if build is None or not build.cuda:
        return False
    return not gpu.cuda or driver_runs(build.cuda, gpu.cuda)


def _imagined(gpu_memory: int) -> DeviceBudget:
    if not 256 * 1024**2 <= gpu_memory <= 4096 * GIB:
        raise RequestError(
            "gpu.memory",
            f"No graphics card has {bytes_text(gpu_memory)} of memory.",
            hint="Give the card's memory with its unit, such as 12GiB.",
        )
    return DeviceBudget(
        kind="cuda",
        name=f"a card with {bytes_text(gpu_memory)}",
        total=gpu_memory,
        free=gpu_memory,
        imagined=True,
    )


def _named(gpu_name: str, gpu_memory: int | None) -> DeviceBudget:
    return card_budget(find_card(gpu_name), gpu_memory)


def card_budget(card: Card, gpu_memory: int | None = None) -> DeviceBudget:
    """Return the budget of a card of the table, all of its memory free.

    `gpu_memory` bytes take the place of the table's.
    """
    memory = card.memory if gpu_memory is None else gpu_memory
    return DeviceBudget(
        kind="cuda",
        name=card.name,
        total=memory,
        free=memory,
        compute_capability=card.compute_capability,
        bf16=card.compute_capability >= (8, 0),
        imagined=True,
    )
