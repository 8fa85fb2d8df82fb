"""What is asked of run.py becomes the right set-up and the right command."""

from pathlib import Path

import pytest

from bootstrap import main as entry
from bootstrap.environment import Environment
from bootstrap.ready import Wanted
from bootstrap.say import SetupError


class Recorder:
    """Stands where the set-up and Tunesmith would be, and writes down the calls."""

    def __init__(self) -> None:
        self.wanted: list[Wanted] = []
        self.handed_over: list[list[str]] = []

    def ensure(self, environment: Environment, wanted: Wanted) -> None:
        self.wanted.append(wanted)

    def hand_over(self, environment: Environment, arguments: list[str]) -> int:
        self.handed_over.append(arguments)
        return 0


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(entry, "ensure", recorder.ensure)
    monkeypatch.setattr(entry, "_hand_over", recorder.hand_over)
    return recorder


@pytest.mark.parametrize(
    ("platform", "needs"),
    [
        ("xcb", {"offscreen", "xcb"}),
        ("wayland", {"offscreen", "wayland"}),
        ("another", {"offscreen"}),
    ],
)
def test_with_a_display_the_window_opens(
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    needs: set[str],
) -> None:
    """No arguments and a display: the window, with all that Qt needs to draw there."""
    monkeypatch.setattr(entry.display, "platform", lambda: platform)

    assert entry.main([]) == 0
    assert recorder.handed_over == [[]]
    assert recorder.wanted[0].needs == needs


def test_without_a_display_the_demo_runs_and_says_so(
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No arguments and no display: the demo, announced on stderr alone."""
    monkeypatch.setattr(entry.display, "platform", lambda: None)

    assert entry.main([]) == 0
    assert recorder.handed_over == [["demo"]]
    assert recorder.wanted[0].needs == frozenset()
    out, err = capsys.readouterr()
    assert "demo" in err
    assert out == ""


def test_arguments_go_on_untouched(recorder: Recorder) -> None:
    """A command and its arguments reach Tunesmith as they were typed."""
    arguments = ["estimate", "--model", "a b", "--json"]

    assert entry.main(arguments) == 0
    assert recorder.handed_over == [arguments]
    assert recorder.wanted == [Wanted()]


def test_set_up_only_starts_nothing(recorder: Recorder) -> None:
    """`run.py setup` ends after the set-up."""
    assert entry.main(["setup"]) == 0
    assert recorder.handed_over == []
    assert recorder.wanted == [Wanted(repair=True)]


def test_tests_run_offscreen_and_away_from_the_hub(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`run.py test` passes pytest's arguments on, and its exit status back."""
    calls: list[tuple[list[str], dict[str, str], Path]] = []

    def call(command: list[str], *, env: dict[str, str], cwd: Path) -> int:
        calls.append((command, env, cwd))
        return 5

    monkeypatch.setattr(entry.subprocess, "call", call)

    assert entry.main(["test", "-k", "nothing"]) == 5
    ((command, env, cwd),) = calls
    assert command[1:] == ["-m", "pytest", "-k", "nothing"]
    assert env["QT_QPA_PLATFORM"] == "offscreen"
    assert env["HF_ENDPOINT"].startswith("http://127.0.0.1:")
    assert env["HF_TOKEN"] == ""
    assert cwd == entry.ROOT
    assert recorder.wanted[0].extras == ("test",)


def test_one_failed_check_fails_them_all(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every check runs even after one failed, and one failure is enough."""
    calls: list[list[str]] = []

    def call(command: list[str], **_: object) -> int:
        calls.append(command)
        return 1 if len(calls) == 1 else 0

    monkeypatch.setattr(entry.subprocess, "call", call)

    assert entry.main(["check"]) == 1
    assert len(calls) == 4


def test_an_error_is_words_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What went wrong and what to do are printed; there is no traceback."""

    def ensure(environment: Environment, wanted: Wanted) -> None:
        raise SetupError("No room.", hint="Make room.", status=2)

    monkeypatch.setattr(entry, "ensure", ensure)

    assert entry.main(["setup"]) == 2
    out, err = capsys.readouterr()
    assert "No room." in err
    assert "Make room." in err
    assert "Traceback" not in err
    assert out == ""


def test_a_disk_error_is_words_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that cannot be written is told, with the folder's name."""

    def ensure(environment: Environment, wanted: Wanted) -> None:
        raise PermissionError(13, "Permission denied", "/somewhere/.venv.lock")

    monkeypatch.setattr(entry, "ensure", ensure)

    assert entry.main(["setup"]) == 1
    err = capsys.readouterr().err
    assert "/somewhere/.venv.lock" in err
    assert str(entry.ROOT) in err


def test_an_interruption_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl+C during the set-up ends with status 130 and a way to go on."""

    def ensure(environment: Environment, wanted: Wanted) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(entry, "ensure", ensure)

    assert entry.main(["setup"]) == 130
    assert "again" in capsys.readouterr().err


def test_tunesmith_hears_how_it_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hints can then be typed as they are, also from another folder."""
    heard: list[dict[str, str]] = []

    def become(path: str, command: list[str], env: dict[str, str]) -> None:
        heard.append(env)

    monkeypatch.setattr(entry.sys, "platform", "linux")
    monkeypatch.setattr(entry.sys, "argv", ["my box/run.py", "runs"])
    monkeypatch.setattr(entry.os, "execve", become)
    monkeypatch.setattr(entry, "ensure", lambda *_: None)
    monkeypatch.setattr(entry.subprocess, "call", lambda *_, **__: 0)

    entry.main(["runs"])

    assert "python3 'my box/run.py'" == heard[0]["TUNESMITH_CALLED_AS"]
