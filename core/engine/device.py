"""Where tensors live and in which number format they are multiplied."""

import os
from dataclasses import dataclass
from typing import Literal

import psutil
import torch

from core.errors import RequestError
from core.plan.plan import DType

DTypeName = Literal["bf16", "fp16", "fp32"]

# what torch.cuda.memory._set_allocator_settings is to be replaced with
_set_allocator = torch._C._accelerator_setAllocatorSettings  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

_DTYPES: dict[DTypeName, torch.dtype] = {
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "fp32": torch.float32,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """One device and the format of the frozen weights and of the products."""

    device: torch.device
    dtype_name: DTypeName

    @property
    def dtype(self) -> torch.dtype:
        return _DTYPES[self.dtype_name]

    @property
    def on_gpu(self) -> bool:
        return self.device.type == "cuda"

    @property
    def mixed(self) -> bool:
        """Whether products are 16-bit while adapters and their gradients are fp32."""
        return self.dtype_name != "fp32"

    @property
    def needs_scaler(self) -> bool:
        """Whether small gradients would vanish: fp16 has 5 exponent bits, bf16 has 8."""
        return self.dtype_name == "fp16"

    def autocast(self) -> torch.autocast:
        """Return the context in which forward passes run."""
        return torch.autocast(self.device.type, dtype=self.dtype, enabled=self.mixed)


def compute_for(
    wanted: DType, *, kind: Literal["cuda", "cpu"] | None = None
) -> Compute:
    """Return the first CUDA card, else the CPU, with the format that suits it.

    ``TUNESMITH_DEVICE=cpu`` leaves the cards alone.

    Args:
        wanted: The plan's choice; ``auto`` is bf16 where the hardware multiplies it
            fast, else fp16 on a card and fp32 on a CPU.
        kind: Insist on one kind of device.

    Raises:
        RequestError: The device cannot compute in the wanted format.
    """
    if kind is None and os.environ.get("TUNESMITH_DEVICE") == "cpu":
        kind = "cpu"
    if kind != "cpu" and torch.cuda.is_available():
        return _on_gpu(wanted)
    if wanted == "fp16":
        raise RequestError(
            "plan.compute_dtype",
            "A CPU cannot train in fp16.",
            hint="Set method.compute_dtype to auto, bf16 or fp32.",
        )
    automatic: DTypeName = "bf16" if cpu_is_fast_at_bf16() else "fp32"
    return Compute(
        device=torch.device("cpu"), dtype_name=automatic if wanted == "auto" else wanted
    )


def _on_gpu(wanted: DType) -> Compute:
    device = torch.device("cuda", torch.cuda.current_device())
    _settle_allocator(device)
    has_bf16 = torch.cuda.get_device_capability(device) >= (8, 0)
    if wanted == "bf16" and not has_bf16:
        raise RequestError(
            "plan.compute_dtype",
            f"{torch.cuda.get_device_name(device)} cannot compute in bf16.",
            hint="Set method.compute_dtype to auto or fp16.",
        )
    automatic: DTypeName = "bf16" if has_bf16 else "fp16"
    return Compute(device=device, dtype_name=automatic if wanted == "auto" else wanted)


def why_no_cuda() -> str:
    """Return torch's reason for not using a card; empty where it can use one."""
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as err:
        return str(err).strip().partition("\n")[0]
    return ""


def _settle_allocator(device: torch.device) -> None:
    """Do without growing segments where the driver refuses them.

    Some do at the first tensor: virtual cards, drivers before 550 (torch asks NVML about
    NVLink first), Windows' own behind WSL.

    Raises:
        RuntimeError: The card takes no tensor at all.
    """
    try:
        torch.empty(1, device=device)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:
        _set_allocator("expandable_segments:False")
        torch.empty(1, device=device)
    torch.cuda.empty_cache()


def cpu_is_fast_at_bf16() -> bool:
    """Return whether this CPU has bf16 instructions; without them fp32 is faster.

    Asked of the hardware and not timed: a stopwatch under load may answer differently
    the next time, and a resumed run must compute exactly as it began.
    """
    found = torch.cpu.get_capabilities()
    return any(bool(found.get(name)) for name in ("amx_bf16", "avx512_bf16"))


def use_physical_cores() -> None:
    """Use one thread a physical core we may run on: two on one core slow each other.

    Whoever sets OMP_NUM_THREADS knows better.
    """
    if "OMP_NUM_THREADS" in os.environ:
        return
    process = psutil.Process()
    allowed = (
        len(process.cpu_affinity() or [])
        if hasattr(process, "cpu_affinity")
        else psutil.cpu_count() or 1
    )
    physical = psutil.cpu_count(logical=False) or allowed
    torch.set_num_threads(max(1, min(allowed, physical)))
