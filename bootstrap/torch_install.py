"""Torch first and alone: the best build that can be had and that really runs."""

from dataclasses import dataclass
from typing import Final

from bootstrap import torch_build, torch_check
from bootstrap.child import Pip, unreachable
from bootstrap.environment import Environment
from bootstrap.machine import Machine
from bootstrap.nvml import Driver
from bootstrap.say import Problem, SetupError, say
from bootstrap.torch_build import TORCH_VERSION, TorchBuild, TorchChoice
from bootstrap.torch_check import Broken, Works

_UNREACHABLE: Final = "there is no way to its index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """The torch that runs, and what is not as good as it could be."""

    works: Works
    problems: tuple[Problem, ...]


def install(
    environment: Environment,
    pip: Pip,
    *,
    choice: TorchChoice,
    builds: tuple[TorchBuild, ...],
    machine: Machine,
) -> Installed:
    """Install the first of `builds` that runs on this machine.

    Raises:
        SetupError: None of them could be fetched or none runs.
    """
    reasons: list[str] = []
    for build in builds:
        result = _try(environment, pip, build)
        if isinstance(result, Works) and torch_check.fits(build, result):
            problems = _problems(choice, builds, result, reasons, machine)
            return Installed(works=result, problems=problems)
        reason = result.reason if isinstance(result, Broken) else _unused(result)
        reasons.append(f"{build.requirement}: {reason}")
        say(f"      {reasons[-1]}")
    if all(reason.endswith(_UNREACHABLE) for reason in reasons):
        raise unreachable("torch")
    raise SetupError(
        f"No build of torch {TORCH_VERSION} could be made to run here.",
        hint="Check the network and the proxy, then start run.py again. Tried: "
        + "; ".join(reasons),
    )


def _try(environment: Environment, pip: Pip, build: TorchBuild) -> Works | Broken:
    """Return how `build` runs, fetching it unless it is there already."""
    present = torch_check.check(environment.python)
    if isinstance(present, Works) and _is(build, present.version):
        say(f"      torch {present.version} is there already.")
        return present
    pip.uninstall(*_companions(environment))
    index = ("--index-url", build.index_url) if build.index_url else ()
    say(f"      fetching {build.requirement}: {build.download}")
    match pip.try_install(build.requirement, *index):
        case "unreachable":
            return Broken(reason=_UNREACHABLE)
        case "failed":
            return Broken(reason="pip could not install it")
        case "done":
            return torch_check.check(environment.python)


def _is(build: TorchBuild, version: str) -> bool:
    return not build.tag or version == f"{TORCH_VERSION}+{build.tag}"


def _companions(environment: Environment) -> list[str]:
    """Return what another build of torch brought along, gigabytes of it."""
    site = environment.site_packages
    kinds = ("nvidia_*", "triton*", "pytorch_triton*", "cuda_*")
    # The driver's own bindings are a dependency of ours, not of torch.
    return [
        info.name.split("-")[0]
        for kind in kinds
        for info in site.glob(f"{kind}.dist-info")
        if not info.name.startswith("nvidia_ml_py")
    ]


def _unused(result: Works) -> str:
    return "; ".join(result.gpu_errors) or "it does not see the GPU"


def _problems(
    choice: TorchChoice,
    builds: tuple[TorchBuild, ...],
    result: Works,
    reasons: list[str],
    machine: Machine,
) -> tuple[Problem, ...]:
    """Return what `tunesmith doctor` should say about this choice."""
    found = [
        Problem(
            code="gpu.unusable",
            message=f"torch {result.version} cannot use one card: {error}",
            hint="The other cards work. Choose one of them in the settings.",
        )
        for error in (result.gpu_errors if result.accelerated else ())
    ]
    hoped = any(build.accelerator in ("cuda", "rocm") for build in choice.builds)
    if hoped and not result.accelerated:
        offered = any(build.accelerator in ("cuda", "rocm") for build in builds)
        found.append(_not_accelerated(result, reasons, machine, offered=offered))
    return (*choice.problems, *found)


def _not_accelerated(
    result: Works, reasons: list[str], machine: Machine, *, offered: bool
) -> Problem:
    driver = machine.nvidia
    host_answered = result.version.endswith("+cpu")
    if isinstance(driver, Driver) and not offered and host_answered:
        return torch_build.too_old(driver)
    first = "When download.pytorch.org can be reached,"
    if reasons:
        first = f"Tried: {'; '.join(reasons)}. Update the graphics driver, then"
    return Problem(
        code="torch.cpu_build",
        message=f"There is a GPU, but torch {result.version} does not use it; training"
        " runs on the processor.",
        hint=f"{first} run: python3 run.py setup",
    )
