"""run.py itself: readable by old Pythons, and clear about what they lack."""

import ast
import importlib.util
import stat
import sys
from pathlib import Path
from types import ModuleType

import pytest

RUN_PY = Path(__file__).resolve().parent.parent / "run.py"


@pytest.fixture
def run_py() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_py_under_test", RUN_PY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_parses_on_old_pythons() -> None:
    """Nothing in it is newer than Python 3.4, nor strange to Python 2."""
    source = RUN_PY.read_text(encoding="ascii")

    ast.parse(source, feature_version=(3, 4))
    names = {type(node).__name__ for node in ast.walk(ast.parse(source))}
    assert not names & {"JoinedStr", "AnnAssign", "NamedExpr", "Match", "Nonlocal"}


def test_an_old_python_is_told_what_is_needed(
    run_py: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a fitting Python: which version is needed, where to get it, status 2."""
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setenv("PATH", "")

    assert run_py.main() == 2
    err = capsys.readouterr().err
    assert "3.11" in err
    assert "3.9" in err


@pytest.mark.skipif(sys.platform == "win32", reason="scripts are no programs there")
def test_an_old_python_hands_over_to_a_newer_one(
    run_py: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A fitting Python on PATH is used, with the same arguments and exit status."""
    log = tmp_path / "log"
    other = tmp_path / "python3.12"
    script = f'[ "$1" = -c ] && exit 0\necho "$@" > {log}\nexit 7\n'
    other.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
    other.chmod(other.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(sys, "argv", ["run.py", "doctor", "--json"])
    monkeypatch.setenv("PATH", str(tmp_path))

    assert run_py.main() == 7
    assert log.read_text(encoding="utf-8").split() == [str(RUN_PY), "doctor", "--json"]


@pytest.mark.skipif(sys.platform == "win32", reason="scripts are no programs there")
def test_a_python_that_does_not_start_is_passed_over(
    run_py: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A shim without a Python behind it is not handed over to."""
    for name, status in (("python3.13", 127), ("python3.12", 0)):
        shim = tmp_path / name
        shim.write_text(f"#!/bin/sh\nexit {status}\n", encoding="utf-8")
        shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert run_py.fitting_python() == str(tmp_path / "python3.12")


def test_the_supported_pythons_are_those_of_the_project(run_py: ModuleType) -> None:
    """run.py and pyproject.toml ask for the same versions of Python."""
    text = (RUN_PY.parent / "pyproject.toml").read_text(encoding="utf-8")
    above = f"{run_py.NEWEST[0]}.{run_py.NEWEST[1] + 1}"

    assert (
        f'requires-python = ">={run_py.OLDEST[0]}.{run_py.OLDEST[1]},<{above}"' in text
    )
