"""The optimiser's states come back to where they lay, bit for bit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from core.engine import checkpoint
from core.engine.checkpoint import Snapshot
from core.engine.device import Compute
from core.engine.optimizer import make_optimizer, restore
from core.engine.standing import Standing
from core.plan.plan import Optimizer, Training

CARD = Compute(device=torch.device("cuda", 0), dtype_name="bf16")
SIZES = ((400, 300), (64, 2), (100, 50))


def begun(kind: Optimizer) -> Any:
    """An optimiser of bitsandbytes whose states hold numbers; the card is a pretence."""
    weights = [torch.nn.Parameter(torch.ones(size)) for size in SIZES]
    made: Any = make_optimizer(weights, Training(optimizer=kind), CARD)
    chance = torch.Generator().manual_seed(1)
    for number, weight in enumerate(weights):
        made.init_state(made.param_groups[0], weight, 0, number)
        for name, kept in made.state[weight].items():
            if isinstance(kept, Tensor) and not name.startswith("qmap"):
                drawn = torch.randint(0, 255, kept.shape, generator=chance)
                kept.copy_(drawn)
        made.state[weight]["step"] = 5
    return made


@pytest.mark.filterwarnings("ignore:Paged optimizers are not supported on CPU")
@pytest.mark.parametrize(
    "kind", ["adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit"]
)
def test_a_resumed_optimiser_is_the_one_that_was_saved(
    kind: Optimizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Codes, scales and steps are the same; what was paged lies in pages again."""
    before, after = begun(kind), begun(kind)
    after.state.clear()
    pages: list[Tensor] = []
    real = type(after).get_state_buffer

    def noted(self: Any, p: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        pages.append(real(self, p, dtype=dtype))
        return pages[-1]

    folder = checkpoint.save(
        tmp_path / "checkpoints",
        Snapshot(
            standing=Standing(step=5),
            weights={},
            optimizer={"optimizer": before.state_dict()},
            facts={},
        ),
    )
    monkeypatch.setattr(type(after), "get_state_buffer", noted)

    restore(after, checkpoint.load(folder).optimizer["optimizer"])

    for one, other in zip(before.state.values(), after.state.values(), strict=True):
        assert one.keys() == other.keys()
        for name, kept in one.items():
            same = torch.equal if isinstance(kept, Tensor) else int.__eq__
            assert same(kept, other[name]), name
            if isinstance(kept, Tensor):
                assert kept.dtype == other[name].dtype
    held = [
        id(kept[name]) for kept in after.state.values() for name in ("state1", "state2")
    ]
    assert (held if kind.startswith("paged") else []) == [id(page) for page in pages]
