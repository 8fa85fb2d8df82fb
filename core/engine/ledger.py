"""Every storage that comes and goes, counted while real code runs on fake tensors."""

import sys
import weakref
from types import FrameType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

_ROUNDING = 512
# torch wraps a mode's dispatch in two or three functions of its own.
_MOST_WRAPPERS = 5
_FULL_SIZE_SCRATCH = (
    # ATen/native/cuda/SoftMax.cu: grad * output
    torch.ops.aten._softmax_backward_data.default,  # noqa: SLF001
    # ATen/native/ReduceOps.cpp: (self - maxes).exp_()
    torch.ops.aten.logsumexp.default,
)


def rounded(n_bytes: int) -> int:
    """Return what the CUDA allocator sets aside for a storage of `n_bytes`."""
    return max(_ROUNDING, -(-n_bytes // _ROUNDING) * _ROUNDING) if n_bytes else 0


def _sums_gradients(func: Any, args: Any) -> bool:
    """Whether autograd itself adds two gradients of one tensor.

    With real tensors it does so in place if nobody else holds the first
    (torch/csrc/autograd/input_buffer.cpp); fake ones it never overwrites.
    """
    if func is not torch.ops.aten.add.Tensor or not isinstance(args[1], torch.Tensor):
        return False
    if torch._C._current_graph_task_id() == -1:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        return False  # no backward pass is under way
    first = args[0].untyped_storage()
    # the tensor itself and Python's handle on its storage
    count: int = torch._C._storage_Use_Count(first._cdata)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    return count <= 2 and _asked_by_autograd()


def _fills_zeros(func: Any) -> bool:
    """Whether the gradient of an index is being put among zeros just made for it.

    With real tensors that is in place (index_backward in FunctionsManual.cpp); fake ones
    are not overwritten.
    """
    indexed = func is torch.ops.aten.index_put.default
    return indexed and torch._C._current_graph_task_id() != -1  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def _is_host_number(func: Any, made: torch.Tensor) -> bool:
    """Whether it is one number that stays in main memory, as AdamW's count of steps."""
    return func is torch.ops.aten.lift_fresh.default and made.ndim == 0


def _asked_by_autograd() -> bool:
    """Whether no formula written in Python asked for the operation."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    for _ in range(_MOST_WRAPPERS):
        if frame is None or frame.f_code.co_name == "_engine_run_backward":
            return frame is not None
        frame = frame.f_back
    return False


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

    def hold(self, tensor: torch.Tensor, *, unseen: bool = False) -> None:
        """Count the storage behind `tensor` from now on.

        `unseen`: it takes another's place, which is about to be let go of.
        """
        storage = tensor.untyped_storage()
        key = storage._cdata  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        if key in self._known:
            return
        size = rounded(storage.nbytes())
        self.live += size
        if not unseen:
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
        in_place = _sums_gradients(func, args) or _fills_zeros(func)
        for item in tree_iter(out):
            if isinstance(item, torch.Tensor) and not _is_host_number(func, item):
                self.hold(item, unseen=in_place)
        if func in _FULL_SIZE_SCRATCH:
            self.brush(args[0].numel() * args[0].element_size())
        return out
