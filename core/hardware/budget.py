"""The device a training would use, and how much memory it may have there."""

import os
from dataclasses import dataclass, field
from typing import Literal

from core.errors import RequestError
from core.hardware.cards import Card, find_card
from core.hardware.gpu import Gpu, GpuProcess, gpus, visible
from core.hardware.machine import machine, multiplies_bf16, segments_grow
from core.hardware.torch_build import TorchBuild, driver_runs, torch_build
from core.units import GIB, bytes_text

DeviceKind = Literal["cuda", "cpu"]
# Cards below are left out of the builds of torch that newer cards need.
_COMMON = (7, 5)


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
    growing_segments: bool = field(default_factory=segments_grow)
    """Whether our worker's memory there is one segment that grows."""


def device_budget(
    gpu_memory: int | None = None, gpu_name: str | None = None
) -> DeviceBudget:
    """Return the device named or, without names, the one training would use here.

    That is `chosen_card`, or the CPU where there is none.

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
    card = chosen_card()
    return cpu_budget() if card is None else of_gpu(card)


def chosen_card() -> Gpu | None:
    """Return the card a training would use here; None for the processor.

    ``TUNESMITH_DEVICE`` (``cpu`` or a card's index; the window sets it by choice) wins
    over ``CUDA_VISIBLE_DEVICES``, whose first card is meant. Without both it is the card
    with the most memory of those the installed torch can drive.
    """
    build, cards = torch_build(), gpus()
    drivable = [card for card in cards if can_drive(build, card)]
    wanted = os.environ.get("TUNESMITH_DEVICE", "")
    if wanted:
        return next((card for card in drivable if wanted == str(card.index)), None)
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        first = visible(cards)[:1]
        return first[0] if first and first[0] in drivable else None
    return max(drivable, key=_worth, default=None)


def _worth(card: Gpu) -> tuple[bool, int, int]:
    return card.compute_capability >= _COMMON, card.total, -card.index


def card_in_use() -> Gpu | None:
    """Return the card that this process's torch calls ``cuda:0``."""
    return next(iter(visible(gpus())), None)


def device_environment() -> dict[str, str]:
    """Return what a child must find set so that it computes on the chosen device alone.

    CUDA numbers cards by speed unless told otherwise; NVML and people by their place.
    """
    order = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    wanted = os.environ.get("TUNESMITH_DEVICE", "")
    if wanted == "cpu":
        # not empty: Windows takes an empty variable for none
        return {"CUDA_VISIBLE_DEVICES": "-1"}
    if wanted:
        return {**order, "CUDA_VISIBLE_DEVICES": wanted}
    if "CUDA_VISIBLE_DEVICES" in os.environ or len(gpus()) < 2:
        return order
    card = chosen_card()
    return order if card is None else {**order, "CUDA_VISIBLE_DEVICES": str(card.index)}


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
