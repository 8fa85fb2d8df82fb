"""Errors of torch, CUDA and the disk, in words a person can act on."""

import errno
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from core import durable
from core.engine.failures import as_ours
from core.errors import ModelError


@pytest.mark.parametrize(
    ("err", "code"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "memory.out"),
        (RuntimeError("CUDA out of memory."), "memory.out"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory"),
            "memory.out",
        ),
        (MemoryError(), "memory.out"),
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), "gpu.lost"),
        (RuntimeError("CUDA error: device-side assert triggered"), "gpu.lost"),
        (torch.AcceleratorError("CUDA error: out of memory"), "memory.out"),
        (
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
            "memory.out",
        ),
        (
            torch.AcceleratorError("CUDA error: no kernel image is available for execution on the device"),
            "gpu.unusable",
        ),
        (
            RuntimeError("Method 'cget_managed_ptr' not available in CPU-only version of bitsandbytes."),
            "bitsandbytes.unusable",
        ),
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), "disk.full"),
        (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), "disk.full"),
        (OSError(errno.EROFS, "Read-only file system", "/x/y"), "disk.error"),
        (ModelError("model.none", "No model."), "model.none"),
    ],
)  # fmt: skip
def test_known_failures_have_a_code_and_a_way_out(
    err: BaseException, code: str, tmp_path: Path
) -> None:
    """Each failure of the world has a stable code; each of ours passes unchanged."""
    found = as_ours(err, tmp_path)

    assert found is not None
    assert code == found.code
    assert found.message.endswith((".", ":")) or "/x/y" in found.message or err.args
    assert found.hint or isinstance(err, ModelError)


@pytest.mark.parametrize("err", [torch.OutOfMemoryError("CUDA"), MemoryError()])
def test_a_run_without_a_checkpoint_is_promised_none(
    err: BaseException, tmp_path: Path
) -> None:
    """Memory may run out at the first step: then there is nothing to go on from."""
    before = as_ours(err, tmp_path)
    (tmp_path / "checkpoints" / "step-3").mkdir(parents=True)
    after = as_ours(err, tmp_path)

    assert before is not None
    assert "resume" not in before.hint
    assert after is not None
    assert "resume" in after.hint


def test_a_bug_is_not_dressed_up(tmp_path: Path) -> None:
    """What nobody foresaw stays what it is."""
    assert as_ours(IndexError("list index out of range"), tmp_path) is None
    assert as_ours(RuntimeError("shape '[2, 3]' is invalid"), tmp_path) is None
    assert as_ours(SafetensorError("invalid header"), tmp_path) is None


def test_a_short_write_without_a_number_is_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch's own writer says only “unexpected pos”; a full disk explains it."""
    err = RuntimeError("[enforce fail at inline_container.cc:672] unexpected pos 64")
    before = as_ours(err, tmp_path)
    monkeypatch.setattr(durable, "free_bytes", lambda folder: 4096)

    found = as_ours(err, tmp_path)

    assert before is None
    assert found is not None
    assert "disk.full" == found.code
