"""Which torch is installed and what it can drive, read from its files, not imported."""

import functools
import importlib.metadata
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchBuild:
    """The installed torch."""

    version: str
    cuda: str = ""
    """The CUDA it was built for, such as ``12.8``; empty for another build."""
    rocm: str = ""


@functools.cache
def torch_build() -> TorchBuild | None:
    """Return the installed torch build, or None if there is none."""
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return None
    spec = importlib.util.find_spec("torch")  # finds, does not import
    if spec is None or spec.origin is None:
        return TorchBuild(version=version)
    return read_build(version, Path(spec.origin).parent / "version.py")


def read_build(version: str, version_file: Path) -> TorchBuild:
    """Return the build that torch's own ``version.py`` tells of."""
    try:
        text = version_file.read_text(encoding="utf-8")
    except OSError:
        text = ""
    return TorchBuild(version=version, cuda=_tag(text, "cuda"), rocm=_tag(text, "hip"))


def _tag(text: str, name: str) -> str:
    found = re.search(rf"^{name}\s*(?::[^=]*)?=\s*['\"]([^'\"]+)['\"]", text, re.M)
    return found.group(1) if found else ""


def major_minor(version: str) -> tuple[int, int]:
    """Return ``(12, 8)`` for ``12.8`` or ``12.8.1``; (0, 0) for what is no version."""
    found = re.match(r"(\d+)(?:\.(\d+))?", version)
    return (int(found.group(1)), int(found.group(2) or 0)) if found else (0, 0)


def driver_runs(build_cuda: str, driver_cuda: str) -> bool:
    """Return whether a driver for `driver_cuda` runs programs built for `build_cuda`.

    Minor versions of one major are compatible since CUDA 11 (NVIDIA, "CUDA minor
    version compatibility"); an older major is not.
    """
    return major_minor(driver_cuda)[0] >= major_minor(build_cuda)[0]
