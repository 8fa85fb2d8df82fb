"""The optimiser's states come back to where they lay, bit for bit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from core.engine import checkpoint
from core.engine import optimizer as optimizers
from core.engine.checkpoint import Snapshot
from core.engine.device import Compute
from core.engine.optimizer import SLICE_BYTES, make_optimizer, restore, slices
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


def stepped(kind: type[torch.optim.AdamW], **options: Any) -> list[Tensor]:
    """Weights and moments after three steps of weights of many sizes."""
    chance = torch.Generator().manual_seed(2)
    sizes = [(64, 300), (2000, 3), (7,), (129, 128)] * 5
    weights = [torch.nn.Parameter(torch.randn(n, generator=chance)) for n in sizes]
    made = kind(weights, lr=1e-2, weight_decay=0.1, **options)
    for _ in range(3):
        for weight in weights[:-1]:  # one never has a gradient
            weight.grad = torch.randn(weight.shape, generator=chance)
        made.step()  # pyright: ignore[reportUnknownMemberType]
    moments = [
        moment
        for weight in weights
        for moment in made.state[weight].values()
        if isinstance(moment, Tensor)
    ]
    return [*(weight.detach() for weight in weights), *moments]


@pytest.mark.parametrize("at_once", [True, False])
def test_slices_step_to_the_same_numbers_bit_for_bit(
    monkeypatch: pytest.MonkeyPatch, *, at_once: bool
) -> None:
    """Whether torch steps many weights at once, as on a card, or each by itself."""
    whole = stepped(torch.optim.AdamW, foreach=at_once)
    monkeypatch.setattr(optimizers, "SLICE_BYTES", 100_000)
    sliced = stepped(optimizers.SlicedAdamW, foreach=at_once)
    assert len(whole) == len(sliced)
    assert all(torch.equal(a, b) for a, b in zip(whole, sliced, strict=True))


def test_a_slice_is_small_or_a_single_weight() -> None:
    tenths = [5, 3, 4, 20, 2, 1]
    weights = [torch.empty(n * SLICE_BYTES // 10, dtype=torch.uint8) for n in tenths]
    sizes = [[one.nbytes for one in part] for part in slices(weights)]
    assert sizes == [
        [one.nbytes for one in part]
        for part in (weights[:2], weights[2:3], weights[3:4], weights[4:])
    ]


def test_the_optimiser_keeps_its_groups() -> None:
    """A checkpoint is of one group, however many slices a step has."""
    weight = torch.nn.Parameter(torch.ones(3))
    processor = Compute(device=torch.device("cpu"), dtype_name="fp32")
    made = make_optimizer([weight], Training(), processor)
    weight.grad = torch.ones(3)
    made.step()
    assert len(made.param_groups) == 1
    assert made.param_groups[0]["params"][0] is weight
    assert set(made.state_dict()["state"]) == {0}
