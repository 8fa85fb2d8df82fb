"""Tiny models shared by the engine's tests."""

from pathlib import Path

import pytest

from tests.fakes.tiny_model import make_tiny_model

# peft asks transformers by a name that is deprecated there; not ours to mend.
_NOT_OURS = "ignore:.*gradient_checkpointing.* is deprecated:FutureWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(_NOT_OURS))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tiny products on many threads are all waiting and no work."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain transformers folder of a tiny Llama; never written to by tests."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")
