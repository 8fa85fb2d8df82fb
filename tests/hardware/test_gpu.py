"""Cards as the driver tells of them, also when it stops telling."""

import os

import pytest

from core.hardware.gpu import Nvml, gpus
from tests.hardware.fake_nvml import Card, FakeNvml, Process


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


def test_this_machine_answers() -> None:
    """The real driver, or its absence, is no error."""
    assert all(card.total > 0 for card in gpus())
