"""Cards as the driver tells of them, also when it stops telling."""

import os

import pytest

from core.hardware.gpu import Nvml, gpus, visible
from tests.hardware.fake_nvml import Card, FakeNvml, Memory, Process


def test_a_card_is_told_whole() -> None:
    """Name, memory, capability, driver and what it does now."""
    fake = FakeNvml(cards=[Card(name=b"NVIDIA GeForce RTX 3060")])

    (card,) = Nvml(fake).gpus()

    assert "NVIDIA GeForce RTX 3060" == card.name
    assert (12 << 30, 10 << 30) == (card.total, card.free)
    assert ((8, 6), "550.54.14", "12.4") == (
        card.compute_capability,
        card.driver,
        card.cuda,
    )
    assert (37.0, 61.0, 123.0) == (card.utilization, card.temperature, card.power)


def test_who_holds_memory_is_named_once() -> None:
    """A process with two kinds of context counts once; one that is gone has a number."""
    mine = Process(os.getpid(), 300 << 20)
    gone = Process(2**22 + 5, None)
    fake = FakeNvml(cards=[Card(compute=[mine, gone], graphics=[mine])])

    (card,) = Nvml(fake).gpus()

    assert [os.getpid(), gone.pid] == [process.pid for process in card.processes]
    assert [300 << 20, None] == [process.used for process in card.processes]
    assert "python" in card.processes[0].name.lower()
    assert f"process {gone.pid}" == card.processes[1].name


@pytest.mark.parametrize("answers", range(5))
def test_a_driver_that_goes_away_leaves_no_card_and_no_error(answers: int) -> None:
    """However early it fails, nothing is raised; a later question asks anew."""
    fake = FakeNvml(cards=[Card(), Card()], fails_after=answers)
    nvml = Nvml(fake)

    assert len(nvml.gpus()) < 2

    fake.fails_after = None

    assert 2 == len(nvml.gpus())


def test_what_a_card_does_not_measure_is_left_out() -> None:
    """A missing power sensor hides the power, not the card."""
    (card,) = Nvml(FakeNvml(cards=[Card(knows_power=False)])).gpus()

    assert card.power is None
    assert 61.0 == card.temperature


def test_no_driver_is_no_card() -> None:
    """Without the library there is simply no card."""
    assert () == Nvml(FakeNvml(cards=[Card()], loads=False)).gpus()


def test_a_driver_that_refuses_says_why() -> None:
    """After an update of the driver the old kernel module still runs, until a restart."""
    nvml = Nvml(FakeNvml(cards=[Card()], refuses="Driver/library version mismatch"))
    absent = Nvml(FakeNvml(cards=[], loads=False))

    assert ((), ()) == (nvml.gpus(), absent.gpus())
    assert ("Driver/library version mismatch", "") == (nvml.fault, absent.fault)


def test_of_a_card_in_slices_the_one_cuda_would_use_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Eighty gigabytes in seven slices hold no model of forty."""
    slices = [
        Card(uuid=f"MIG-{letter}", memory=Memory(10 << 30, free << 30))
        for letter, free in (("a", 9), ("b", 8))
    ]
    whole = Card(uuid="GPU-1", memory=Memory(80 << 30, 70 << 30), slices=slices)
    nvml = Nvml(FakeNvml(cards=[whole]))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    assert ("MIG-a", 9 << 30) == (nvml.gpus()[0].uuid, nvml.gpus()[0].free)

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-b")

    assert ("MIG-b", 8 << 30) == (nvml.gpus()[0].uuid, nvml.gpus()[0].free)
    assert nvml.gpus() == visible(nvml.gpus())


def test_a_card_that_shares_the_machines_memory_has_that() -> None:
    """NVML knows no figure of its own there; without one the card would be missing."""
    (card,) = Nvml(FakeNvml(cards=[Card(shares_memory=True)])).gpus()

    assert 0 < card.free <= card.total


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (None, [0, 1, 2]),
        ("2,0", [2, 0]),
        ("1", [1]),
        ("GPU-b", [1]),
        ("GPU-", []),  # means more than one
        ("0,9,1", [0]),  # CUDA stops at the first that is not there
        ("-1", []),
        ("", []),
    ],
)
def test_cuda_shows_what_the_environment_says(
    told: str | None, shown: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of these is what torch calls cuda:0."""
    cards = Nvml(FakeNvml(cards=[Card(uuid=f"GPU-{c}{c}") for c in "abc"])).gpus()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if told is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", told)

    assert shown == [card.index for card in visible(cards)]


def test_this_machine_answers() -> None:
    """The real driver, or its absence, is no error."""
    assert all(card.total > 0 for card in gpus())
