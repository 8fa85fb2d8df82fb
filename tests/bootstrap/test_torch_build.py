"""Which torch build goes with which machine."""

import pytest

from bootstrap.machine import Machine
from bootstrap.nvml import BrokenDriver, Card, Driver
from bootstrap.say import SetupError
from bootstrap.torch_build import TorchBuild, choose
from bootstrap.torch_index import Answer, reachable


def driver(cuda: tuple[int, int], *capabilities: tuple[int, int]) -> Driver:
    cards = tuple(Card(name="GPU", compute_capability=each) for each in capabilities)
    return Driver(version="0", cuda_version=cuda, cards=cards)


def linux(nvidia: Driver | BrokenDriver | None = None, *, amd: bool = False) -> Machine:
    return Machine(system="linux", architecture="x86_64", nvidia=nvidia, amd=amd)


def tags(machine: Machine) -> list[str]:
    return [build.tag for build in choose(machine).builds]


GTX_750, GTX_1080, V100 = (5, 0), (6, 1), (7, 0)
RTX_2080, RTX_3090, RTX_4090, H100, RTX_5090 = (7, 5), (8, 6), (8, 9), (9, 0), (12, 0)


@pytest.mark.parametrize(
    ("cuda", "capabilities", "expected"),
    [
        ((13, 0), [RTX_4090], ["cu130", "cu128", "cu126"]),
        ((13, 2), [RTX_5090], ["cu130", "cu128"]),
        ((13, 0), [RTX_2080, H100], ["cu130", "cu128", "cu126"]),
        ((12, 9), [RTX_3090], ["cu128", "cu126"]),
        ((12, 8), [RTX_5090], ["cu128"]),
        ((12, 6), [RTX_3090], ["cu126"]),
        ((12, 2), [RTX_3090], ["cu126"]),
        ((12, 6), [RTX_5090], []),
        ((13, 0), [GTX_1080], ["cu126"]),
        ((12, 4), [V100], ["cu126"]),
        ((13, 0), [GTX_1080, RTX_3090], ["cu126", "cu130", "cu128"]),
        ((13, 0), [GTX_1080, RTX_5090], ["cu130", "cu128"]),
        ((12, 4), [GTX_750], ["cu126"]),
        ((12, 4), [(3, 5)], []),
        ((11, 8), [RTX_3090], []),
    ],
)
def test_cuda_builds_follow_driver_and_cards(
    cuda: tuple[int, int], capabilities: list[tuple[int, int]], expected: list[str]
) -> None:
    """The newest CUDA that driver and cards share comes first, CPU builds last."""
    assert tags(linux(driver(cuda, *capabilities))) == [*expected, "cpu", ""]


def test_every_choice_ends_on_the_processor() -> None:
    """Whatever the machine, a build that needs no GPU is tried in the end."""
    machines = [linux(), linux(amd=True), linux(BrokenDriver(reason="gone"))]

    assert [choose(machine).builds[-1].accelerator for machine in machines] == [
        "cpu",
        "cpu",
        "cpu",
    ]


def test_amd_gets_rocm() -> None:
    """On Linux with AMD's compute driver, ROCm comes before the processor."""
    assert tags(linux(amd=True)) == ["rocm7.2", "rocm7.1", "rocm7.0", "cpu", ""]


def test_nvidia_goes_before_an_amd_processor_graphics_unit() -> None:
    """A machine with both has an NVIDIA card beside an AMD processor's own graphics."""
    assert tags(linux(driver((13, 0), RTX_4090), amd=True))[0] == "cu130"


def test_a_driver_without_cards_is_no_gpu() -> None:
    """A driver that lists no card leads to the processor build, without a complaint."""
    choice = choose(linux(driver((13, 0))))

    assert [build.tag for build in choice.builds] == ["cpu", ""]
    assert choice.problems == ()


def test_apple_silicon_takes_the_default_wheel() -> None:
    """On macOS there is one wheel, from pip's own index."""
    mac = Machine(system="macos", architecture="arm64")

    assert choose(mac).builds == (TorchBuild(tag="", accelerator="mps"),)


def test_intel_mac_is_told() -> None:
    """There is no torch for Intel Macs: said before anything is fetched."""
    with pytest.raises(SetupError, match="Intel") as caught:
        choose(Machine(system="macos", architecture="x86_64"))

    assert caught.value.status == 2


@pytest.mark.parametrize(
    ("machine", "code"),
    [
        (linux(driver((12, 6), RTX_5090)), "gpu.driver_too_old"),
        (linux(driver((11, 4), RTX_3090)), "gpu.driver_too_old"),
        (linux(driver((12, 6), (3, 5))), "gpu.too_old"),
        (linux(BrokenDriver(reason="mismatch")), "gpu.driver_silent"),
        (
            Machine(
                system="linux", architecture="x86_64", nvidia_card_without_driver=True
            ),
            "gpu.no_driver",
        ),
    ],
)
def test_what_keeps_a_gpu_from_use_is_named(machine: Machine, code: str) -> None:
    """A GPU that cannot be used is a problem with words and a way out."""
    (problem,) = choose(machine).problems

    assert problem.code == code
    assert problem.message
    assert problem.hint


def test_override_is_obeyed() -> None:
    """A person who names a tag gets that build and no other."""
    choice = choose(linux(driver((13, 0), RTX_4090)), override="cu126")

    assert choice.builds == (TorchBuild(tag="cu126", accelerator="cuda"),)


def test_builds_that_the_index_lacks_are_left_out() -> None:
    """Torch 2.13 has no cu128 wheel, so it is not tried."""

    def ask(build: TorchBuild) -> Answer:
        return "not offered" if build.tag == "cu128" else "offered"

    builds = reachable(choose(linux(driver((13, 0), RTX_4090))), ask)

    assert [build.tag for build in builds] == ["cu130", "cu126", "cpu", ""]


def test_an_unreachable_host_is_asked_once() -> None:
    """When the host does not answer, only pip's own index is left, after one wait."""
    asked: list[str] = []

    def ask(build: TorchBuild) -> Answer:
        asked.append(build.tag)
        return "unreachable"

    builds = reachable(choose(linux(driver((13, 0), RTX_4090))), ask)

    assert [build.tag for build in builds] == [""]
    assert asked == ["cu130"]


def test_a_tagged_build_names_its_tag_to_pip() -> None:
    """A find-links folder must not answer for the CUDA index with its CPU wheel."""
    build = TorchBuild(tag="cu130", accelerator="cuda")

    assert build.requirement.endswith("+cu130")
    assert build.index_url == "https://download.pytorch.org/whl/cu130"
