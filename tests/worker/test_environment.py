"""The process that trains is told how to keep its heap; a card's is left alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.launch import run_environment
from core.plan.plan import Plan
from core.runs.folder import RunFolder, create_run

_READ_BACK = "import os; print(os.environ['GLIBC_TUNABLES'])"


def make(tmp_path: Path, kind: str) -> RunFolder:
    return create_run(tmp_path, Plan(), {"device": {"kind": kind, "name": "It"}})


def test_a_heap_that_joins_is_for_tensors_in_main_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card's tensors lie elsewhere, and no other system's heap is glibc's."""
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    on_cpu, on_card = make(tmp_path / "a", "cpu"), make(tmp_path / "b", "cuda")

    monkeypatch.setattr(sys, "platform", "linux")
    said = run_environment(on_cpu)["GLIBC_TUNABLES"]
    assert "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0" == said
    assert "GLIBC_TUNABLES" not in run_environment(on_card)

    monkeypatch.setattr(sys, "platform", "win32")
    assert "GLIBC_TUNABLES" not in run_environment(on_cpu)


def test_what_the_person_set_stays_and_comes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two values of one tunable the C library takes the later."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=7")
    environment = run_environment(make(tmp_path, "cpu"))

    child = subprocess.run(
        [sys.executable, "-c", _READ_BACK],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert child.stdout.strip().endswith(":glibc.malloc.tcache_count=7")
