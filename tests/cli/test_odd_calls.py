"""Odd names, odd homes and odd streams: an answer in words, whatever one is given."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.cli import main
from core.places import Places, expanded
from core.places import places as places_now
from core.plan.plan import Plan
from core.runs.folder import create_run
from tests.cli.conftest import Cli
from tests.cli.tiny import write_rows, write_tiny_model

ROOT = Path(__file__).resolve().parents[2]
LONG = "a" * 300
NOBODY = "~no-such-user-here/x"

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX shells only")


def shell(line: str, home: Path) -> subprocess.CompletedProcess[bytes]:
    """Run ``tunesmith`` with the redirections of `line`."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$PYTHON" -m core.cli {line}'],
        cwd=ROOT, capture_output=True, check=False, timeout=240,
        env={"PYTHON": sys.executable, "TUNESMITH_HOME": str(home), "PATH": ""},
    )  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ("runs", "show"), ("resume",), ("pause",), ("stop",), ("runs", "delete"),
        ("plan", "show"), ("plan", "check"), ("train",),
        ("library", "show"), ("library", "delete"), ("library", "restore"),
        ("library", "verify"), ("library", "star"), ("trash", "restore"),
        ("models", "show"), ("models", "add"), ("models", "delete"),
        ("models", "remove"), ("estimate", "--model"), ("fit", "--model"),
        ("data", "check"), ("chat", "--prompt", "x", "--model", "starter", "--adapter"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_name_that_is_none_is_refused(cli: Cli, words: tuple[str, ...]) -> None:
    """Too long, of a user who is not there, nothing, or two dots: status 2 and a hint."""
    names = (LONG, NOBODY, "", "..")
    if words == ("data", "check"):  # a child process each; one tells as much
        names = (LONG,)
    for name in names:
        told = cli(*words, name, "--json")
        error = told.document["error"]

        assert 2 == told.status, (name, error)
        assert error["code"] not in {"bug", "os.error", "home.unusable"}
        assert error["hint"]


def test_a_home_nobody_knows_stays_as_it_was_written(tmp_path: Path) -> None:
    """A plan that another user wrote still opens, and says what is missing."""
    assert Path(NOBODY) == expanded(NOBODY)
    assert Path("~").expanduser() / "x" == expanded("~/x")
    assert tmp_path == expanded(tmp_path)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (f"a = {'[' * 5000}{']' * 5000}", "plan.syntax"),
        (f"[train]\nmax_steps = {'9' * 5000}", "plan.syntax"),
        ("[method]\nrank = 0\n[train]\nseq_len = 0\nbatch_size = -1", "plan.problems"),
        (f'[data]\nfiles = ["{NOBODY}"]', "plan.problems"),
    ],
    ids=["nested deeply", "a number of 5,000 digits", "impossible", "somebody else's"],
)
@pytest.mark.parametrize("command", ["train", "check"])
def test_no_plan_file_is_too_odd(
    cli: Cli, tmp_path: Path, content: str, code: str, command: str
) -> None:
    """`check` names an impossible setting instead of pricing it."""
    file = tmp_path / "plan.toml"
    model = write_tiny_model(tmp_path / "tiny")
    file.write_text(f"{content}\n[model]\nid = '{model}'\n")
    words = ("train",) if command == "train" else ("plan", "check")
    told = cli(*words, str(file), "--json")

    assert (2, code) == (told.status, told.document["error"]["code"])


def test_a_plan_that_cannot_be_run_is_an_error_too(cli: Cli, tmp_path: Path) -> None:
    """Beside the problems one by one, as with every status but 0."""
    (tmp_path / "plan.toml").write_text('[model]\nid = "starter"\n')
    told = cli("plan", "check", str(tmp_path / "plan.toml"), "--json")

    assert "plan.problems" == told.document["error"]["code"]
    assert "data.files" in [p["field"] for p in told.document["problems"]]


def test_a_plan_has_a_place_that_can_be_written(cli: Cli, tmp_path: Path) -> None:
    """A folder is none: status 2, as for any wrong argument."""
    told = cli("plan", "new", "--out", str(tmp_path), "--force", "--json")

    assert (2, "plan.unwritable") == (told.status, told.document["error"]["code"])


def test_an_unreadable_plan_says_why(cli: Cli, tmp_path: Path) -> None:
    """A folder is told from a missing file."""
    folder = cli("train", str(tmp_path), "--json").document["error"]["message"]
    missing = cli("train", str(tmp_path / "no.toml"), "--json").document["error"]

    assert folder.rpartition(": ")[2] != missing["message"].rpartition(": ")[2]


@pytest.mark.parametrize("words", [("runs",), ("doctor",), ("demo",)], ids=" ".join)
def test_a_home_that_is_a_file_is_refused(
    cli: Cli, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Before anything is done, and it stays what it was."""
    home = tmp_path / "file"
    home.write_text("mine")
    told = cli(*words, "--home", str(home), "--json")

    assert (2, "home.unusable") == (told.status, told.document["error"]["code"])
    assert "mine" == home.read_text()


def test_a_home_that_cannot_be_made_is_refused(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 2 with the folder and the way out, as on a read-only disk."""
    home = tmp_path / "home"
    model = write_tiny_model(tmp_path / "tiny")
    plan, rows = tmp_path / "plan.toml", write_rows(tmp_path / "rows.jsonl")
    plan.write_text(f"[model]\nid = '{model}'\n[data]\nfiles = ['{rows}']\n")

    def refuses(here: Places) -> Places:
        raise OSError(30, "Read-only file system", str(here.runs))

    monkeypatch.setattr(Places, "make", refuses)
    told = cli("train", str(plan), "--set", "train.seq_len=64", "--json")
    error = told.document["error"]

    assert (2, "home.unusable") == (told.status, error["code"])
    assert str(home / "runs") in error["message"]
    assert "--home" in error["hint"]


def test_an_empty_home_is_no_home(cli: Cli) -> None:
    """A script's unset variable must not litter the folder one happens to be in."""
    told = cli("runs", "--home", "", "--json")

    assert (2, "usage") == (told.status, told.document["error"]["code"])


def test_a_user_without_a_home_is_told_to_name_one(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that runs under a number alone."""
    monkeypatch.delenv("TUNESMITH_HOME")

    def unknown(*words: str, **settings: object) -> Path:
        raise RuntimeError

    monkeypatch.setattr("core.places.platformdirs.user_data_path", unknown)
    told = cli("runs", "--json")

    assert (2, "home.unusable") == (told.status, told.document["error"]["code"])
    with pytest.raises(FileNotFoundError):
        places_now()


def test_a_name_that_is_no_text_is_told(cli: Cli, tmp_path: Path) -> None:
    """A file name of other bytes than UTF-8 cannot stand in a plan."""
    name = os.fsdecode(b"r\xffws.jsonl") if os.name == "posix" else "r\udcffws.jsonl"
    out = tmp_path / "plan.toml"
    told = cli("plan", "new", "--data", name, "--out", str(out), "--json")

    assert (2, "usage.encoding") == (told.status, told.document["error"]["code"])
    assert "ws.jsonl" not in told.document["error"]["message"].partition("…")[0]
    assert not out.exists()


@needs_posix
@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("runs >&-", 0), ("runs 2>&-", 0), ("runs --json >&- 2>&- <&-", 0),
        ("nope >&-", 2), ("nope --json 2>&-", 2),
    ],
)  # fmt: skip
def test_closed_streams_change_nothing(tmp_path: Path, line: str, status: int) -> None:
    """As a service manager may leave them."""
    done = shell(line, tmp_path)

    assert status == done.returncode
    assert b"Traceback" not in done.stderr


@needs_posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has such a device")
@pytest.mark.parametrize(
    ("line", "status"),
    [("runs >/dev/full", 1), ("runs --json >/dev/full", 1), ("nope --json >/dev/full", 2),
     ("runs 2>/dev/full", 0)],
)  # fmt: skip
def test_an_answer_that_finds_no_room_is_told(
    tmp_path: Path, line: str, status: int
) -> None:
    """In words on stderr; what nobody reads there stops no work."""
    done = shell(line, tmp_path)

    assert status == done.returncode
    assert b"Traceback" not in done.stderr
    assert done.stderr or "2>" in line


class _Gone(io.StringIO):
    """A reader that has seen enough, such as `head`."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize(("words", "status"), [(["runs"], 0), (["nope", "--json"], 2)])
@pytest.mark.usefixtures("places")
def test_a_reader_that_left_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, words: list[str], status: int
) -> None:
    """What failed all the same keeps its status."""
    monkeypatch.setattr(sys, "stdout", _Gone())

    assert status == main(words)


def test_a_plan_may_name_anything(cli: Cli, tmp_path: Path) -> None:
    """A model and a file too long to be names are problems of the plan."""
    file = tmp_path / "plan.toml"
    file.write_text(f"[model]\nid = '{LONG}'\n[data]\nfiles = ['{LONG}']\n")
    checked = cli("plan", "check", str(file), "--json")
    trained = cli("train", str(file), "--json")

    assert (2, 2) == (checked.status, trained.status)
    assert {"model.id", "data.files"} <= {
        problem["field"] for problem in checked.document["problems"]
    }


def test_error_is_a_word_for_failed_commands_alone(cli: Cli, places: Places) -> None:
    """A run that failed says so under a key of its own."""
    run = create_run(places.make().runs, Plan(name="x"), {})
    listed = cli("runs", "--json").document["runs"][0]

    assert "error" not in cli("runs", "show", run.run_id, "--json").document
    assert ("error" in listed, "failure" in listed) == (False, True)


def test_a_status_file_has_every_key(places: Places) -> None:
    """Null where there is nothing to say."""
    run = create_run(places.make().runs, Plan(name="x"), {})
    keys = {"status", "pid", "pid_started", "heartbeat", "step", "steps"}

    assert keys == set(json.loads(run.status_file.read_text()))
    assert "queued" == run.status().status
