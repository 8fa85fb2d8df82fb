"""The rules of the house that import-linter cannot say."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([*(ROOT / "app").rglob("*.py"), *(ROOT / "core").rglob("*.py")])
MOST_LINES = 450
FORBIDDEN_TEXT = (
    "trust_remote_code=True",
    "torch.load(",
    "pickle.load",
    "shell=True",
    "extractall(",
    "eval(",
    "verify=False",
)


def imported(path: Path) -> Iterator[str]:
    """Give the dotted names `path` imports, ``from a import b`` as ``a.b``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def named(name: str) -> list[Path]:
    return [path for path in SOURCES if path.stem == name and "app" in path.parts]


def test_present_knows_no_qt() -> None:
    """What a page shows is decided without Qt."""
    guilty = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in named("present")
        for name in imported(path)
        if name.startswith("PySide6")
    ]

    assert [] == guilty
    assert named("present")


def test_view_models_know_qtcore_alone() -> None:
    """A view-model publishes; it never paints."""
    paths = [*named("viewmodel"), *(ROOT / "app" / "qtwork").glob("*.py")]
    guilty = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in paths
        for name in imported(path)
        if name.startswith("PySide6") and not name.startswith("PySide6.QtCore")
    ]

    assert [] == guilty


def test_no_file_grows_past_one_idea() -> None:
    """A file too long to read in one sitting holds more than one idea."""
    long = [
        f"{path.relative_to(ROOT)}: {count} lines"
        for path in SOURCES
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > MOST_LINES
    ]

    assert [] == long


@pytest.mark.parametrize("text", FORBIDDEN_TEXT)
def test_dangerous_calls_are_absent(text: str) -> None:
    """Foreign code and pickles are never run, archives never unpacked blindly."""
    guilty = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if any(
            text in line.partition("#")[0] and f".{text}" not in line
            for line in path.read_text(encoding="utf-8").splitlines()
        )
    ]

    assert [] == guilty


def test_packaging_is_no_package() -> None:
    """An `__init__.py` there would hide the library `packaging`."""
    assert not (ROOT / "packaging" / "__init__.py").exists()


HEAVY = (
    "torch",
    "transformers",
    "peft",
    "trl",
    "datasets",
    "bitsandbytes",
    "accelerate",
)


@pytest.mark.parametrize("module", ["core.cli", "core.prepare", "core.launch"])
def test_light_modules_load_nothing_heavy(module: str) -> None:
    """The command line and the start of a run cost no torch."""
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert set() == set(HEAVY) & set(done.stdout.split())
