"""Try the torch that is installed, in a child process, on every device it should use.

A build can install well and still not run: a driver too old for it, a card whose
architecture it was not compiled for, a CPU build where a GPU was expected (another
package replaced it). Only a computation shows that.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bootstrap.child import clean_environ
from bootstrap.torch_build import TORCH_VERSION, TorchBuild

_TIMEOUT_S: Final = 300.0

_PROBE: Final = """
import json, torch
found = {"version": torch.__version__, "cuda": torch.version.cuda or "",
         "hip": getattr(torch.version, "hip", None) or "",
         "available": torch.cuda.is_available(), "devices": []}
def try_on(device):
    a = torch.eye(64, device=device) * 2
    assert float((a @ a).sum()) == 256.0
for index in range(torch.cuda.device_count() if found["available"] else 0):
    entry = {"name": torch.cuda.get_device_name(index), "error": ""}
    try:
        try_on(f"cuda:{index}")
    except Exception as err:
        entry["error"] = f"{type(err).__name__}: {err}".splitlines()[0]
    found["devices"].append(entry)
try_on("cpu")
print("\\n" + json.dumps(found))
"""

_FOUR_BIT_PROBE: Final = """
import torch
from bitsandbytes.nn import Linear4bit
device = "cuda" if torch.cuda.is_available() else "cpu"
layer = Linear4bit(64, 64, compute_dtype=torch.float32, quant_type="nf4").to(device)
out = layer(torch.ones(2, 64, device=device))
assert bool(torch.isfinite(out).all())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """torch runs. `gpu_errors` names cards it sees and cannot use."""

    version: str
    accelerated: bool
    gpu_errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """torch does not run here, and why."""

    reason: str


def check(python: Path) -> Works | Broken:
    """Return whether torch in the environment of `python` runs, and on what."""
    done = _run(python, _PROBE)
    if isinstance(done, Broken):
        return done
    found: Any = json.loads(done.splitlines()[-1])
    version = str(found["version"])
    if version.partition("+")[0] != TORCH_VERSION:
        return Broken(reason=f"torch {version} is there instead of {TORCH_VERSION}")
    devices: list[dict[str, str]] = found["devices"]
    errors = tuple(
        f"{device['name']}: {device['error']}" for device in devices if device["error"]
    )
    return Works(
        version=version,
        accelerated=len(devices) > len(errors),
        gpu_errors=errors,
    )


def four_bit_works(python: Path) -> bool:
    """Return whether a 4-bit layer of bitsandbytes computes something finite."""
    return not isinstance(_run(python, _FOUR_BIT_PROBE), Broken)


def fits(build: TorchBuild, result: Works | Broken) -> bool:
    """Return whether `result` is what was hoped for from `build`."""
    if isinstance(result, Broken):
        return False
    return result.accelerated or build.accelerator not in ("cuda", "rocm")


def _run(python: Path, script: str) -> str | Broken:
    try:
        done = subprocess.run(
            [str(python), "-I", "-c", script],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=clean_environ(),
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Broken(reason=f"no answer within {_TIMEOUT_S:.0f} seconds")
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return Broken(reason=lines[-1])
    return done.stdout
