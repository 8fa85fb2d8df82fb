"""The device a training would use."""

from pathlib import Path

import pytest

from core.errors import RequestError
from core.hardware import budget
from core.hardware.budget import (
    can_drive,
    card_in_use,
    cpu_budget,
    device_budget,
    device_environment,
    of_gpu,
)
from core.hardware.cards import card_of, cards, find_card
from core.hardware.gpu import Nvml
from core.hardware.torch_build import TorchBuild, read_build
from core.units import GIB
from tests.hardware.fake_nvml import Card, FakeNvml, Memory


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("4090", "GeForce RTX 4090"),
        ("rtx 3060", "GeForce RTX 3060"),
        ("NVIDIA GeForce RTX 4090 Laptop", "GeForce RTX 4090 Laptop"),
        ("A100-80GB", "A100 80GB"),
        ("t4", "Tesla T4"),
        ("RTX 4060 Ti 16GB", "GeForce RTX 4060 Ti 16GB"),
        ("rtx3090ti", "GeForce RTX 3090 Ti"),
        ("RTX4070TiSuper", "GeForce RTX 4070 Ti SUPER"),
        ("RTX 4090 Mobile", "GeForce RTX 4090 Laptop"),
        ("NVIDIA GeForce RTX 4070 Laptop GPU", "GeForce RTX 4070 Laptop"),
        ("RTX 3060 12GB", "GeForce RTX 3060"),
        ("NVIDIA A100-SXM4-40GB", "A100 40GB"),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "RTX PRO 6000 Blackwell"),
    ],
)
def test_a_card_is_found_by_the_name_people_use(asked: str, name: str) -> None:
    """Makers' words, dashes and case do not matter."""
    assert name == find_card(asked).name


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("", "gpu.unknown"),
        ("voodoo 2", "gpu.unknown"),
        ("RTX 9990 Ti", "gpu.unknown"),
        ("a100", "gpu.ambiguous"),
        ("5060 ti", "gpu.ambiguous"),
    ],
)
def test_a_name_that_says_too_little_is_refused(asked: str, code: str) -> None:
    """The answer names what could be meant, or another way to ask."""
    with pytest.raises(RequestError) as caught:
        find_card(asked)

    assert code == caught.value.code
    assert caught.value.hint


def test_the_table_is_plausible() -> None:
    """No card twice; sizes and rates are those of cards; every row has a source."""
    names = [card.name for card in cards()]

    assert len(set(names)) == len(names) >= 100
    for card in cards():
        assert 4 << 30 <= card.memory <= 288 << 30
        assert 1e11 < card.bandwidth_bytes_per_s < 1e13
        assert (card.bf16_flops > 0) == (card.compute_capability >= (8, 0))
        assert 4e12 < card.fp32_flops <= card.fp16_flops
        assert card.bf16_flops in {0, card.fp16_flops}
        assert ("Laptop" in card.name) == (card.kind == "laptop")
        assert card.source


@pytest.mark.parametrize(
    ("said", "gib", "name"),
    [
        ("NVIDIA A100-SXM4-80GB", 80, "A100 80GB"),
        ("NVIDIA A100-PCIE-40GB", 40, "A100 40GB"),
        ("NVIDIA H100 80GB HBM3", 80, "H100 SXM 80GB"),
        ("NVIDIA H100 PCIe", 80, "H100 PCIe 80GB"),
        ("NVIDIA GeForce RTX 4070 Laptop GPU", 8, "GeForce RTX 4070 Laptop"),
        ("NVIDIA GeForce RTX 3060", 12, "GeForce RTX 3060"),
        ("NVIDIA GeForce RTX 3060", 8, "GeForce RTX 3060 8GB"),
        ("NVIDIA GeForce RTX 5060 Ti", 16, "GeForce RTX 5060 Ti 16GB"),
        ("NVIDIA RTX 6000 Ada Generation", 48, "RTX 6000 Ada"),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", 96,
         "RTX PRO 6000 Blackwell"),
        ("Tesla V100-SXM2-16GB", 16, "Tesla V100 16GB"),
    ],
)  # fmt: skip
def test_a_card_that_is_here_finds_its_row(said: str, gib: int, name: str) -> None:
    """The driver's name says more than the table's; the memory tells sizes apart."""
    found = card_of(said, gib << 30)

    assert found is not None
    assert name == found.name


@pytest.mark.parametrize(
    ("said", "gib"),
    [
        ("NVIDIA GeForce RTX 9990", 24),
        ("a card with 24.0 GiB", 24),
        ("NVIDIA GeForce RTX 4090", 48),  # rebuilt with twice the memory
        ("NVIDIA GeForce RTX 2050 Laptop GPU", 4),
        ("", 8),
    ],
)
def test_a_card_that_is_not_in_the_table_has_no_rates(said: str, gib: int) -> None:
    """Nothing is borrowed from a card that only sounds alike."""
    assert card_of(said, gib << 30) is None


def test_every_row_finds_itself() -> None:
    """A card asked about by name is judged by its own row, whatever its memory."""
    for card in cards():
        assert card == card_of(card.name, card.memory) == card_of(card.name, GIB)


def test_an_imagined_card_has_all_its_memory_free() -> None:
    """A size alone is enough to ask about a card."""
    budget = device_budget(gpu_memory=12 << 30)

    assert ("cuda", 12 << 30, 12 << 30) == (budget.kind, budget.total, budget.free)
    assert budget.imagined


@pytest.mark.parametrize("n_bytes", [-1, 0, 1 << 20, 1 << 60])
def test_an_absurd_size_is_refused(n_bytes: int) -> None:
    """No card is that small or that large."""
    with pytest.raises(RequestError):
        device_budget(gpu_memory=n_bytes)


@pytest.mark.parametrize(
    ("build", "drives"),
    [
        (None, False),
        (TorchBuild(version="2.13.0+cpu"), False),
        (TorchBuild(version="2.13.0+cu128", cuda="12.8"), True),
        (TorchBuild(version="2.13.0+cu130", cuda="13.0"), False),
    ],
)
def test_a_card_is_used_only_if_torch_can_drive_it(
    build: TorchBuild | None, drives: bool
) -> None:
    """A driver for CUDA 12.4 runs builds for any CUDA 12, none for CUDA 13."""
    (card,) = Nvml(FakeNvml(cards=[Card()], cuda=12040)).gpus()

    assert drives == can_drive(build, card)


@pytest.mark.parametrize(
    ("environment", "name", "children"),
    [
        ({}, "large", {"CUDA_VISIBLE_DEVICES": "2"}),
        ({"CUDA_VISIBLE_DEVICES": "1,2"}, "small", {}),
        ({"CUDA_VISIBLE_DEVICES": ""}, None, {}),
        ({"TUNESMITH_DEVICE": "1"}, "small", {"CUDA_VISIBLE_DEVICES": "1"}),
        (
            {"TUNESMITH_DEVICE": "1", "CUDA_VISIBLE_DEVICES": "2"},
            "small",
            {"CUDA_VISIBLE_DEVICES": "1"},
        ),
        ({"TUNESMITH_DEVICE": "7"}, None, {"CUDA_VISIBLE_DEVICES": "7"}),
        ({"TUNESMITH_DEVICE": "cpu"}, None, {"CUDA_VISIBLE_DEVICES": "-1"}),
    ],
)
def test_estimate_and_engine_mean_the_same_card(
    environment: dict[str, str],
    name: str | None,
    children: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is priced here is what a child sees as its first card, or as none."""
    cards = [
        Card(name="old", capability=(3, 5), memory=Memory(48 << 30, 48 << 30)),
        Card(name="small", memory=Memory(8 << 30, 8 << 30)),
        Card(name="large", memory=Memory(24 << 30, 24 << 30)),
    ]
    monkeypatch.setattr(budget, "gpus", Nvml(FakeNvml(cards=cards)).gpus)
    build = TorchBuild(version="2.13.0+cu126", cuda="12.6")
    monkeypatch.setattr(budget, "torch_build", lambda: build)
    for key in ("TUNESMITH_DEVICE", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
        monkeypatch.delenv(key, raising=False)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)

    found, told = device_budget(), device_environment()
    assert (name or cpu_budget().name) == found.name
    assert children == {k: v for k, v in told.items() if k != "CUDA_DEVICE_ORDER"}
    assert ("CUDA_DEVICE_ORDER" in told) is (children.get(
        "CUDA_VISIBLE_DEVICES") != "-1")  # fmt: skip

    for key, value in told.items():
        monkeypatch.setenv(key, value)
    in_use = card_in_use()

    assert name == (in_use.name if in_use else None)


def test_turing_has_no_bf16() -> None:
    """bfloat16 came with Ampere."""
    old, new = Nvml(FakeNvml(cards=[Card(capability=(7, 5)), Card()])).gpus()

    assert (False, True) == (of_gpu(old).bf16, of_gpu(new).bf16)


def test_the_processor_is_always_there() -> None:
    """Its free memory is real and not more than all of it."""
    budget = cpu_budget()

    assert 0 < budget.free <= budget.total


def test_torch_tells_its_build_without_being_imported(tmp_path: Path) -> None:
    """Its version.py is read as text."""
    file = tmp_path / "version.py"
    file.write_text("cuda: Optional[str] = '12.8'\nhip: Optional[str] = None\n")

    assert "12.8" == read_build("2.13.0", file).cuda
    assert "" == read_build("2.13.0", tmp_path / "none.py").cuda
