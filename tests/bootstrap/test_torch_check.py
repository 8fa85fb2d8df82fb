"""The child process that tries torch, against the real torch and against bad ones."""

import os
import sys
from pathlib import Path

import pytest

from bootstrap import torch_check
from bootstrap.torch_build import CPU, TORCH_VERSION, TorchBuild
from bootstrap.torch_check import Broken, Works, check, fits, four_bit_works

CUDA = TorchBuild(tag="cu130", accelerator="cuda")
posix_only = pytest.mark.skipif(os.name == "nt", reason="scripts are no programs there")


def stand_in(tmp_path: Path, script: str) -> Path:
    """Return a program that answers like a Python whose torch is as `script` says."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.slow
def test_the_torch_of_these_tests_runs() -> None:
    """The real torch is tried on real numbers, and so is a real 4-bit layer."""
    result = check(Path(sys.executable))

    assert isinstance(result, Works)
    assert result.version.startswith(TORCH_VERSION)
    assert four_bit_works(Path(sys.executable))


@posix_only
def test_a_torch_that_does_not_import_is_broken(tmp_path: Path) -> None:
    """The last line of what it printed is the reason."""
    script = "echo 'ImportError: libcudart.so.13' >&2; exit 1"

    assert check(stand_in(tmp_path, script)) == Broken(
        reason="ImportError: libcudart.so.13"
    )


@posix_only
def test_a_torch_that_crashes_is_broken(tmp_path: Path) -> None:
    """A crash without a word is broken too."""
    assert isinstance(check(stand_in(tmp_path, "kill -SEGV $$")), Broken)


@posix_only
def test_another_version_is_broken(tmp_path: Path) -> None:
    """A torch that another package put in place of ours is not ours."""
    answer = '{"version": "2.9.1+cu128", "available": true, "devices": []}'

    result = check(stand_in(tmp_path, f"echo '{answer}'"))

    assert isinstance(result, Broken)
    assert "2.9.1" in result.reason


@posix_only
def test_a_torch_that_never_answers_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hanging driver does not hang the set-up."""
    monkeypatch.setattr(torch_check, "_TIMEOUT_S", 0.1)

    result = check(stand_in(tmp_path, "exec tail -f /dev/null"))

    assert isinstance(result, Broken)
    assert "no answer" in result.reason


@posix_only
def test_each_card_is_tried(tmp_path: Path) -> None:
    """One card that fails is named; one that works makes the build useful."""
    answer = (
        f'{{"version": "{TORCH_VERSION}+cu130", "available": true, "devices": ['
        '{"name": "RTX 4090", "error": ""}, {"name": "GTX 1080", "error": "no image"}]}'
    )

    result = check(stand_in(tmp_path, f"echo noise; echo '{answer}'"))

    assert result == Works(
        version=f"{TORCH_VERSION}+cu130",
        accelerated=True,
        gpu_errors=("GTX 1080: no image",),
    )


@pytest.mark.parametrize(
    ("build", "accelerated", "expected"),
    [(CUDA, True, True), (CUDA, False, False), (CPU, False, True)],
)
def test_a_gpu_build_fits_only_when_it_uses_a_gpu(
    build: TorchBuild, accelerated: bool, expected: bool
) -> None:
    """A CUDA build that sees no card is not what was wanted."""
    result = Works(version=TORCH_VERSION, accelerated=accelerated)

    assert fits(build, result) is expected
    assert not fits(build, Broken(reason="gone"))
