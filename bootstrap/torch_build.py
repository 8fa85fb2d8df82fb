"""Which builds of torch fit a machine, best first.

PyTorch publishes one wheel index for each accelerator. Which tags a release has
changes: torch 2.13 comes for cu126 and cu130 (CUDA 12.8 was dropped with 2.12,
pytorch/FBGEMM#5976), so the index is asked before anything is fetched from it.

Architectures (pytorch RELEASE.md): cu126 holds sm 5.0 to 9.0, cu128 sm 7.5 to 12.0,
cu130 sm 7.5 to 12.0. A CUDA 12 build runs on every CUDA 12 driver, a CUDA 13 build on
every CUDA 13 driver (CUDA minor version compatibility).
"""

from dataclasses import dataclass
from typing import Final, Literal

from bootstrap.machine import Machine
from bootstrap.nvml import BrokenDriver, Driver
from bootstrap.say import Problem, SetupError, gigabytes

TORCH_VERSION: Final = "2.13.0"
INDEX: Final = "https://download.pytorch.org/whl"

Accelerator = Literal["cuda", "rocm", "mps", "cpu"]

_ROCM_TAGS: Final = ("rocm7.2", "rocm7.1", "rocm7.0")
_DISK_BYTES: Final[dict[Accelerator, int]] = {
    "cuda": 10_000_000_000,
    "rocm": 22_000_000_000,
    "mps": 3_000_000_000,
    "cpu": 3_000_000_000,
}
_DOWNLOAD_BYTES: Final[dict[Accelerator, int]] = {
    "cuda": 2_800_000_000,
    "rocm": 5_000_000_000,
    "mps": 100_000_000,
    "cpu": 200_000_000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchBuild:
    """One build of torch. `tag` is empty for the one that pip's own indexes hold."""

    tag: str
    accelerator: Accelerator

    @property
    def requirement(self) -> str:
        """What pip is asked for; the tag keeps other indexes from answering."""
        local = f"+{self.tag}" if self.tag else ""
        return f"torch=={TORCH_VERSION}{local}"

    @property
    def index_url(self) -> str | None:
        """The index it comes from, or None for pip's configured ones."""
        return f"{INDEX}/{self.tag}" if self.tag else None

    @property
    def disk_bytes(self) -> int:
        """Disk the whole set-up takes at its highest with this build, roughly.

        The packages (CUDA 6 GB, CPU 2 GB), and the downloads twice: in pip's cache, and
        while they are unpacked.
        """
        return _DISK_BYTES[self.accelerator]

    @property
    def download(self) -> str:
        """How much is fetched for torch and what it needs, in words."""
        if self == PLAIN:
            least, most = (gigabytes(_DISK_BYTES[kind]) for kind in ("cpu", "cuda"))
            return (
                f"0.2 to 2.8 GB, whichever build it holds ({least} or {most} of disk)"
            )
        return f"about {gigabytes(_DOWNLOAD_BYTES[self.accelerator])}"


CPU: Final = TorchBuild(tag="cpu", accelerator="cpu")
PLAIN: Final = TorchBuild(tag="", accelerator="cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchChoice:
    """Builds to try in this order, and what keeps the machine from a better one."""

    builds: tuple[TorchBuild, ...]
    problems: tuple[Problem, ...] = ()


def choose(machine: Machine, override: str = "") -> TorchChoice:
    """Return the builds for `machine`; `override` is a tag such as ``cu126``.

    Raises:
        SetupError: There is no torch for this operating system and processor.
    """
    if machine.system == "macos":
        if machine.architecture != "arm64":
            raise SetupError(
                "PyTorch no longer comes for Macs with an Intel processor.",
                hint="Tunesmith needs a Mac with Apple silicon, Linux or Windows.",
                status=2,
            )
        return TorchChoice(builds=(TorchBuild(tag="", accelerator="mps"),))
    if override:
        return TorchChoice(builds=(_tagged(override),))
    match machine.nvidia:
        case Driver() as driver if driver.cards:
            tags = _cuda_tags(driver)
            builds = tuple(TorchBuild(tag=tag, accelerator="cuda") for tag in tags)
            problems = () if tags else (too_old(driver),)
        case BrokenDriver(reason=reason):
            builds, problems = (), (_broken(reason),)
        case _ if machine.amd:
            builds = tuple(_tagged(tag) for tag in _ROCM_TAGS)
            problems = ()
        case _:
            builds = ()
            problems = (_no_driver(),) if machine.nvidia_card_without_driver else ()
    return TorchChoice(builds=(*builds, CPU, PLAIN), problems=problems)


def _tagged(tag: str) -> TorchBuild:
    accelerator: Accelerator = "cpu"
    if tag.startswith("cu"):
        accelerator = "cuda"
    elif tag.startswith("rocm"):
        accelerator = "rocm"
    return TorchBuild(tag=tag, accelerator=accelerator)


def _cuda_tags(driver: Driver) -> tuple[str, ...]:
    """Return the CUDA tags that both the driver and its cards can run."""
    capabilities = [card.compute_capability for card in driver.cards]
    oldest, newest = min(capabilities), max(capabilities)
    cuda = driver.cuda_version
    modern = newest >= (7, 5)
    before_blackwell = newest < (10, 0)
    tags: list[str] = []
    # Cards of two eras: only cu126 knows both, as long as none is a Blackwell.
    if cuda >= (12, 0) and oldest < (7, 5) and (5, 0) <= newest and before_blackwell:
        tags.append("cu126")
    if cuda >= (13, 0) and modern:
        tags.append("cu130")
    if cuda >= (12, 8) and modern:
        tags.append("cu128")
    if cuda >= (12, 0) and modern and before_blackwell and "cu126" not in tags:
        tags.append("cu126")
    return tuple(tags)


def too_old(driver: Driver) -> Problem:
    """Return the problem of a driver or a card that no build of torch runs on."""
    major, minor = driver.cuda_version
    names = ", ".join(card.name for card in driver.cards)
    if max(card.compute_capability for card in driver.cards) < (5, 0):
        return Problem(
            code="gpu.too_old",
            message=f"{names} is older than any card torch {TORCH_VERSION} can use.",
            hint="Training runs on the processor. A card of 2014 or later is needed.",
        )
    return Problem(
        code="gpu.driver_too_old",
        message=(
            f"The NVIDIA driver {driver.version} (CUDA {major}.{minor}) is too old for"
            f" torch {TORCH_VERSION} on {names}; training runs on the processor."
        ),
        hint="Install NVIDIA driver 580 or newer, restart, then start run.py again.",
    )


def _broken(reason: str) -> Problem:
    return Problem(
        code="gpu.driver_silent",
        message=f"The NVIDIA driver does not answer: {reason}.",
        hint="Restart the computer; if that does not help, install the driver again."
        " Then start run.py again. Until then training runs on the processor.",
    )


def _no_driver() -> Problem:
    return Problem(
        code="gpu.no_driver",
        message="There is an NVIDIA card, but NVIDIA's driver is not installed.",
        hint="Install NVIDIA driver 580 or newer from your distribution, restart, then"
        " start run.py again. Until then training runs on the processor.",
    )
