"""A tiny model and one uninterrupted run, shared by the worker's tests."""

from pathlib import Path

import pytest

from core.runs.folder import RunFolder
from tests.fakes.tiny_model import make_tiny_model
from tests.fakes.tiny_run import make_run
from tests.worker.processes import finish


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain transformers folder of a tiny Llama; never written to by tests."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> RunFolder:
    """A run that nothing disturbed; dropout on, so that random numbers matter."""
    run = make_run(tmp_path_factory.mktemp("whole"), tiny, dropout=0.1)
    finish(run)
    return run
