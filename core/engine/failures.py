"""Errors of torch, CUDA and safetensors as ours, with a way out."""

from pathlib import Path

import torch
from safetensors import SafetensorError

from core import durable
from core.errors import DiskFull, TunesmithError, WorkFailed
from core.units import MIB, bytes_text

# Less than this left on the disk explains a write that failed without saying why.
_NEARLY_FULL_BYTES = 8 * MIB

# A library that finds no room for its workspace has words of its own.
_FULL_CARD = (
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",  # its handle wants memory too
    "CUDNN_STATUS_ALLOC_FAILED",
)
_OTHER_BUILD = (
    "no kernel image is available",
    "driver version is insufficient",
    "the provided PTX was compiled with an unsupported toolchain",
)

_CHEAPER = (
    "start anew with QLoRA, gradient checkpointing, a smaller batch or a shorter"
    " sequence length."
)


def as_ours(err: BaseException, folder: Path) -> TunesmithError | None:
    """Return what `err` means to a person, or `None` if it is a bug of ours.

    Args:
        err: What was raised.
        folder: Where the run writes; how full its disk is tells apart errors that
            carry no number.
    """
    if isinstance(err, TunesmithError):
        return err
    if isinstance(err, torch.OutOfMemoryError):
        return _no_room_on_the_card(folder)
    if isinstance(err, MemoryError):
        return _no_room_in_memory(folder)
    if isinstance(err, OSError):
        told = durable.translated(err, Path(str(err.filename or folder)))
        return told if isinstance(told, DiskFull) else _cannot_write(err, folder)
    if isinstance(err, SafetensorError):
        return _disk_full(folder) if _is_full(err, folder) else None
    if isinstance(err, RuntimeError):  # and what torch derives from it
        return _by_words(err, folder)
    return None


def _by_words(err: RuntimeError, folder: Path) -> TunesmithError | None:
    """Torch raises RuntimeErrors whose text alone tells them apart."""
    text = str(err)
    if "can't allocate memory" in text or "bad_alloc" in text:
        return _no_room_in_memory(folder)
    if any(words in text for words in _FULL_CARD):
        return _no_room_on_the_card(folder)
    if any(words in text for words in _OTHER_BUILD):
        return _other_build(err)
    if "bitsandbytes native library" in text or "version of bitsandbytes" in text:
        return _no_bitsandbytes()
    if "CUDA error" in text or "CUDA driver" in text:
        return _lost_card(err)
    if isinstance(err, torch.AcceleratorError):
        return _lost_card(err)
    # torch's own writer reports a short write without an errno
    if "inline_container" in text and _is_full(err, folder):
        return _disk_full(folder)
    return None


def _is_full(err: BaseException, folder: Path) -> bool:
    says_so = "os error 28" in str(err) or "No space left" in str(err)
    return says_so or durable.free_bytes(folder) < _NEARLY_FULL_BYTES


def _disk_full(folder: Path) -> DiskFull:
    return DiskFull(
        "disk.full",
        f"The disk is full: {bytes_text(durable.free_bytes(folder))} left for {folder}.",
        hint="Free some space, then resume; the last whole checkpoint is kept.",
    )


def _no_room_on_the_card(folder: Path) -> WorkFailed:
    return WorkFailed(
        "memory.out",
        "There is no room left on the graphics card.",
        hint=f"Close what else uses the card{_kept(folder)}, or {_CHEAPER}",
    )


def _no_room_in_memory(folder: Path) -> WorkFailed:
    return WorkFailed(
        "memory.out",
        "There is no main memory left.",
        hint=f"Close other programs{_kept(folder)}, or {_CHEAPER}",
    )


def _kept(folder: Path) -> str:
    """Return what a run that saved something may do besides."""
    if not any((folder / "checkpoints").glob("step-*")):
        return ""
    return " and resume, which goes on from the last checkpoint"


def _first_line(err: BaseException) -> str:
    lines = str(err).strip().splitlines()
    return lines[0] if lines else "no reason"


def _other_build(err: BaseException) -> WorkFailed:
    return WorkFailed(
        "gpu.unusable",
        f"The installed torch cannot compute on this graphics card: {_first_line(err)}",
        hint="Update the NVIDIA driver, then run “python3 run.py setup” for the build"
        " that fits the card. Until then choose the processor in the preferences.",
    )


def _no_bitsandbytes() -> WorkFailed:
    return WorkFailed(
        "bitsandbytes.unusable",
        "bitsandbytes finds no program for this CUDA, so 4-bit weights and 8-bit"
        " optimisers cannot be used.",
        hint="Run “python3 run.py setup”, or train with LoRA and adamw_torch.",
    )


def _lost_card(err: BaseException) -> WorkFailed:
    return WorkFailed(
        "gpu.lost",
        f"The graphics card stopped answering: {_first_line(err)}",
        hint="Resume. If it happens again, restart the computer and update the driver.",
    )


def _cannot_write(err: OSError, folder: Path) -> WorkFailed:
    return WorkFailed(
        "disk.error",
        f"{err.strerror or 'Reading or writing failed'}: {err.filename or folder}",
        hint="Check that the folder is there and writable, then resume.",
    )
