"""Trying builds until one runs, and saying what was lost on the way."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bootstrap import torch_install
from bootstrap.child import Outcome as PipOutcome
from bootstrap.child import Pip
from bootstrap.environment import Environment
from bootstrap.machine import Machine
from bootstrap.nvml import Card, Driver
from bootstrap.say import SetupError
from bootstrap.torch_build import CPU, PLAIN, TORCH_VERSION, TorchBuild, choose
from bootstrap.torch_check import Broken, Works

CU130 = TorchBuild(tag="cu130", accelerator="cuda")
CU126 = TorchBuild(tag="cu126", accelerator="cuda")
NOTHING = Broken(reason="No module named 'torch'")
Outcome = Works | Broken


class FakeMachine:
    """A machine on which each requirement, once installed, runs as the table says."""

    def __init__(
        self,
        runs: dict[str, Outcome],
        *,
        unfetchable: Sequence[str] = (),
        why_not: PipOutcome = "failed",
    ) -> None:
        self._runs = runs
        self._unfetchable = unfetchable
        self._why_not: PipOutcome = why_not
        self.present: Outcome = NOTHING
        self.asked: list[tuple[str, ...]] = []

    def try_install(self, *arguments: str) -> PipOutcome:
        self.asked.append(arguments)
        if arguments[0] in self._unfetchable:
            return self._why_not
        self.present = self._runs[arguments[0]]
        return "done"

    def check(self, _: Path) -> Outcome:
        return self.present


def works(tag: str, *, accelerated: bool, errors: tuple[str, ...] = ()) -> Works:
    version = f"{TORCH_VERSION}+{tag}"
    return Works(version=version, accelerated=accelerated, gpu_errors=errors)


def gaming_pc(cuda: tuple[int, int] = (13, 0)) -> Machine:
    card = Card(name="RTX 4090", compute_capability=(8, 9))
    driver = Driver(version="580", cuda_version=cuda, cards=(card,))
    return Machine(system="linux", architecture="x86_64", nvidia=driver)


Install = Callable[..., torch_install.Installed]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Install:
    def install(
        fake: FakeMachine, machine: Machine, *builds: TorchBuild
    ) -> torch_install.Installed:
        monkeypatch.setattr(Pip, "try_install", fake.try_install)
        monkeypatch.setattr(torch_install.torch_check, "check", fake.check)
        environment = Environment(folder=tmp_path / ".venv")
        return torch_install.install(
            environment,
            Pip(environment=environment, lock=0),
            choice=choose(machine),
            builds=builds,
            machine=machine,
        )

    return install


def test_the_first_build_that_runs_is_taken(install: Install) -> None:
    """When the best build uses the card, nothing else is fetched, nothing is wrong."""
    best = works("cu130", accelerated=True)
    fake = FakeMachine({CU130.requirement: best})

    done = install(fake, gaming_pc(), CU130, CU126, CPU, PLAIN)

    assert done.works == best
    assert done.problems == ()
    assert fake.asked == [(CU130.requirement, "--index-url", CU130.index_url)]


@pytest.mark.parametrize(
    "first",
    [
        works("cu130", accelerated=False),
        works("cu130", accelerated=False, errors=("RTX 4090: no kernel image",)),
        Broken(reason="ImportError: libcudart"),
    ],
)
def test_a_build_that_does_not_use_the_card_is_replaced(
    install: Install, first: Outcome
) -> None:
    """A build that installs well and does not run on the card gives way to the next."""
    second = works("cu126", accelerated=True)
    fake = FakeMachine({CU130.requirement: first, CU126.requirement: second})

    done = install(fake, gaming_pc(), CU130, CU126, CPU, PLAIN)

    assert done.works == second
    assert done.problems == ()


def test_a_build_that_cannot_be_fetched_is_passed_over(install: Install) -> None:
    """A download that fails is not the end, as long as another build is left."""
    second = works("cu126", accelerated=True)
    fake = FakeMachine({CU126.requirement: second}, unfetchable=[CU130.requirement])

    assert install(fake, gaming_pc(), CU130, CU126, CPU).works == second


def test_the_processor_is_the_last_resort_and_is_told(install: Install) -> None:
    """A card that no build can use ends on the processor, with a problem that says so."""
    fake = FakeMachine(
        {
            CU130.requirement: Broken(reason="CUDA error: no kernel image"),
            CPU.requirement: works("cpu", accelerated=False),
        }
    )

    done = install(fake, gaming_pc(), CU130, CPU, PLAIN)

    assert not done.works.accelerated
    (problem,) = done.problems
    assert problem.code == "torch.cpu_build"
    assert "no kernel image" in problem.hint


def test_an_offline_machine_with_a_card_is_told(install: Install) -> None:
    """When only pip's own index answered, with a CPU wheel, the card is not forgotten."""
    fake = FakeMachine({PLAIN.requirement: works("cpu", accelerated=False)})

    done = install(fake, gaming_pc(), PLAIN)

    assert done.problems
    assert fake.asked == [(PLAIN.requirement,)]


def test_a_driver_no_build_is_made_for_is_too_old(install: Install) -> None:
    """The index answered and has no build for this driver: the driver is the reason."""
    card = Card(name="RTX 5090", compute_capability=(12, 0))
    driver = Driver(version="570", cuda_version=(12, 8), cards=(card,))
    machine = Machine(system="linux", architecture="x86_64", nvidia=driver)
    fake = FakeMachine({CPU.requirement: works("cpu", accelerated=False)})

    done = install(fake, machine, CPU, PLAIN)

    (problem,) = done.problems
    assert problem.code == "gpu.driver_too_old"
    assert "580" in problem.hint


def test_one_useless_card_among_good_ones_is_named(install: Install) -> None:
    """With two cards, one too old, the good one is used and the other one named."""
    mixed = works("cu130", accelerated=True, errors=("GTX 1080: no kernel image",))
    fake = FakeMachine({CU130.requirement: mixed})

    done = install(fake, gaming_pc(), CU130, CPU)

    (problem,) = done.problems
    assert problem.code == "gpu.unusable"
    assert "GTX 1080" in problem.message


def test_a_torch_that_is_there_is_not_fetched_again(install: Install) -> None:
    """What is installed and fits is kept."""
    fake = FakeMachine({})
    fake.present = works("cpu", accelerated=False)
    machine = Machine(system="linux", architecture="x86_64")

    done = install(fake, machine, CPU, PLAIN)

    assert done.works == fake.present
    assert fake.asked == []


def test_no_torch_at_all_is_an_error_with_the_attempts(install: Install) -> None:
    """When nothing can be fetched, every attempt is named."""
    fake = FakeMachine({}, unfetchable=[CPU.requirement, PLAIN.requirement])
    machine = Machine(system="linux", architecture="x86_64")

    with pytest.raises(SetupError) as caught:
        install(fake, machine, CPU, PLAIN)

    assert CPU.requirement in caught.value.hint
    assert caught.value.status == 1


def test_without_a_network_that_is_what_is_said(install: Install) -> None:
    """No index answered: the network is the reason, not torch and its builds."""
    nothing = [CPU.requirement, PLAIN.requirement]
    fake = FakeMachine({}, unfetchable=nothing, why_not="unreachable")
    machine = Machine(system="linux", architecture="x86_64")

    with pytest.raises(SetupError, match="There is no network") as caught:
        install(fake, machine, CPU, PLAIN)

    assert "network" in caught.value.hint
