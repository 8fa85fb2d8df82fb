"""Tiny models shared by the worker's tests."""

from pathlib import Path

import pytest

from tests.fakes.tiny_model import make_tiny_model


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain transformers folder of a tiny Llama; never written to by tests."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")
