"""The set-up runs before anything is installed, so it may import nothing of it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.environment import ROOT

SOURCES = [ROOT / "run.py", *sorted((ROOT / "bootstrap").glob("*.py"))]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_but_the_standard_library(path: Path) -> None:
    """Every import is of the standard library or of bootstrap itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert names <= sys.stdlib_module_names | {"bootstrap"}


def test_a_ready_start_imports_little() -> None:
    """What every start imports leaves out the network and the set-up itself."""
    script = "import sys, bootstrap.main; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    loaded = set(done.stdout.split())

    assert "bootstrap.ready" in loaded
    assert not loaded & {"bootstrap.install", "urllib.request", "ssl", "http.client"}
