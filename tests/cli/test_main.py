"""Every call answers with an exit status, and in words when it fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.cli import doctor as doctor_module
from core.cli import main
from core.cli.request import FailedWith, Request
from core.errors import Interrupted, WorkFailed, WouldNotFit
from tests.cli.conftest import Cli

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["trian"], "usage.unknown_command", "tunesmith train"),
        (["library", "lsit"], "usage.unknown_command", "tunesmith library list"),
        (["serve"], "usage.not_yet", "--help"),
        (["library", "export"], "usage.not_yet", "--help"),
        (["data"], "usage.no_command", "tunesmith data --help"),
        (["plan"], "usage.no_command", "tunesmith plan --help"),
        ([], "usage.no_command", "tunesmith --help"),
        (["estimate"], "usage", "tunesmith estimate --help"),
        (["train"], "usage", "tunesmith train --help"),
        (["demo", "--steps", "many"], "usage", "tunesmith demo --help"),
        (["runs", "--bogus"], "usage", "tunesmith runs --help"),
        (
            ["estimate", "--model", "starter", "--ranks=8"],
            "usage",
            "Did you mean --rank?",
        ),
        (["library", "show", "a", "b"], "usage", "tunesmith library show --help"),
    ],
)
def test_a_wrong_call_says_what_is_right(
    cli: Cli, words: list[str], code: str, hint: str
) -> None:
    """Status 2, one document with --json, and two sentences on stderr."""
    told = cli(*words, "--json")

    assert 2 == told.status
    assert code == told.document["error"]["code"]
    assert hint in told.document["error"]["hint"]
    assert told.document["error"]["message"] in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    "words",
    [["--json", "runs"], ["runs", "--json"], ["runs", "list", "--json"],
     ["runs", "--json", "list"], ["--json", "runs", "list"]],
)  # fmt: skip
def test_options_stand_before_or_after(cli: Cli, words: list[str]) -> None:
    """Whatever the order, one document."""
    assert {"runs": []} == cli(*words).document


def test_a_home_may_be_named_anywhere(cli: Cli, tmp_path: Path) -> None:
    """And all that is made lies in it."""
    for words in (["--home", str(tmp_path / "a"), "doctor"],
                  ["doctor", "--home", str(tmp_path / "a")]):  # fmt: skip
        found = cli(*words, "--json").document
        assert str(tmp_path / "a") == found["disk"]["path"]


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (WorkFailed("memory.out", "No room.", hint="Less."), 1),
        (WouldNotFit("memory.would_not_fit", "Too large.", hint="Less."), 3),
        (Interrupted("run.paused", "Paused.", hint="Resume."), 130),
        (KeyboardInterrupt(), 130),
        (PermissionError(13, "Permission denied", "/x"), 1),
        (OSError(28, "No space left on device", "/x/y"), 1),
        (ZeroDivisionError("division by zero"), 1),
        (FailedWith(WorkFailed("run.died", "It died."), {"run_id": "r"}), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_failure_has_a_status_and_words(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, raised: BaseException, status: int
) -> None:
    """Also a bug of ours and Ctrl-C: never a traceback."""

    def fails(request: Request) -> int:
        raise raised

    monkeypatch.setattr(doctor_module, "doctor", fails)
    told = cli("doctor", "--json")

    assert status == told.status
    assert told.document["error"]["message"]
    assert "Traceback" not in told.err
    if isinstance(raised, FailedWith):
        assert "r" == told.document["run_id"]


def test_a_full_disk_is_called_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever meets it."""

    def fails(request: Request) -> int:
        raise OSError(28, "No space left on device", "/x/y")

    monkeypatch.setattr(doctor_module, "doctor", fails)

    assert "disk.full" == cli("doctor", "--json").document["error"]["code"]


def test_debug_shows_the_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """For whoever mends it."""

    def fails(request: Request) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(doctor_module, "doctor", fails)
    with pytest.raises(ZeroDivisionError):
        cli("doctor", "--debug")


@pytest.mark.usefixtures("places")  # which takes the offline switch back
def test_no_command_opens_the_window() -> None:
    """With its places settled, and whatever it returns is the status."""
    assert 7 == main(["--offline"], window=lambda: 7)
    assert 2 == main(["--json"], window=lambda: 7)
    assert 0 == main(["--version"], window=lambda: 7)


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["--version"]])
def test_help_is_no_failure(cli: Cli, words: list[str]) -> None:
    """It goes to stdout, and what is not there yet is not in it."""
    told = cli(*words)

    assert 0 == told.status
    assert "tunesmith" in told.out
    assert " serve " not in told.out


def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path: Path) -> None:
    """As with ``tunesmith models | head -1``."""
    child = subprocess.Popen(
        [sys.executable, "-m", "core.cli", "--home", str(tmp_path), "models"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    child.stdout.close()
    _, err = child.communicate(timeout=240)

    assert b"" == err


def test_json_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    """A script on Windows or under LANG=C reads the same bytes."""
    done = subprocess.run(
        [sys.executable, "-m", "core.cli", "runs", "show", "größe", "--json"],
        cwd=ROOT, capture_output=True, check=False,
        env={"TUNESMITH_HOME": str(tmp_path), "LC_ALL": "C", "PYTHONIOENCODING": "ascii",
             "PATH": ""},
    )  # fmt: skip

    assert 2 == done.returncode
    assert "größe" in json.loads(done.stdout.decode("utf-8"))["error"]["message"]


def test_an_estimate_loads_nothing_heavy(tmp_path: Path) -> None:
    """It answers from shapes alone: no torch, no network client, no Qt."""
    code = (
        "import sys; from core.cli import main;"
        "main(['estimate', '--model', 'starter', '--json']);"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, capture_output=True, text=True, check=True,
        env={"TUNESMITH_HOME": str(tmp_path), "PATH": ""},
    )  # fmt: skip
    heavy = {"torch", "transformers", "peft", "numpy", "pyarrow", "PySide6", "datasets"}

    assert set() == heavy & set(done.stderr.split())
    assert json.loads(done.stdout)["process"] > 0
