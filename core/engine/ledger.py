"""Every storage that comes and goes, counted while real code runs on fake tensors."""

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

_ROUNDING = 512
_FULL_SIZE_SCRATCH = (
    # ATen/native/cuda/SoftMax.cu: grad * output
    torch.ops.aten._softmax_backward_data.default,  # noqa: SLF001
    # ATen/native/ReduceOps.cpp: (self - maxes).exp_()
    torch.ops.aten.logsumexp.default,
)


def rounded(n_bytes: int) -> int:
    """Return what the CUDA allocator sets aside for a storage of `n_bytes`."""
    return max(_ROUNDING, -(-n_bytes // _ROUNDING) * _ROUNDING) if n_bytes else 0


class Ledger(TorchDispatchMode):
    """Live bytes now and the most in each phase.

    A storage is counted once, when an operation first returns it, and struck off when
    Python lets go of it: that is when the real allocator would get it back.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live = 0
        self.peaks: dict[str, int] = {}
        self._phase = "load"
        self._known: dict[int, weakref.ref[Any]] = {}

    @property
    def peak(self) -> int:
        return max(self.peaks.values(), default=self.live)

    def enter(self, phase: str) -> None:
        """Begin a phase; one that was left may be entered again."""
        self._phase = phase
        self._note(self.live)

    def hold(self, tensor: torch.Tensor) -> None:
        """Count the storage behind `tensor` from now on."""
        storage = tensor.untyped_storage()
        key = storage._cdata  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        if key in self._known:
            return
        size = rounded(storage.nbytes())
        self.live += size
        self._note(self.live)

        def gone(_: Any, key: int = key, size: int = size) -> None:
            self.live -= size
            self._known.pop(key, None)

        self._known[key] = weakref.ref(storage, gone)

    def brush(self, n_bytes: int) -> None:
        """Note bytes a kernel takes and gives back inside one operation."""
        self._note(self.live + rounded(n_bytes))

    def _note(self, live: int) -> None:
        if live > self.peaks.get(self._phase, 0):
            self.peaks[self._phase] = live

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for item in tree_iter(out):
            if isinstance(item, torch.Tensor):
                self.hold(item)
        if func in _FULL_SIZE_SCRATCH:
            self.brush(args[0].numel() * args[0].element_size())
        return out
