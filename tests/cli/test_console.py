"""Answers on stdout, all else on stderr."""

import io
import json

import pytest

from core.cli.console import Console
from core.errors import DatasetError, Where


class Screen(io.StringIO):
    """A terminal a person watches."""

    def isatty(self) -> bool:
        return True


def console(
    *, as_json: bool = False, as_events: bool = False, watched: bool = False
) -> tuple[Console, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), Screen() if watched else io.StringIO()
    made = Console(as_json=as_json, as_events=as_events, out=out, err=err)
    return made, out, err


def test_json_is_one_document_whatever_else_is_said() -> None:
    """Notes, progress and events do not touch stdout."""
    told, out, err = console(as_json=True, as_events=True)
    told.note("Preparing")
    told.say("hello")
    told.event({"kind": "phase"})
    told.answer({"loss": float("nan"), "who": None}, "text")

    assert {"loss": None, "who": None} == json.loads(out.getvalue())
    assert '{"kind": "phase"}' in err.getvalue()


def test_events_are_lines_and_the_answer_is_the_last() -> None:
    """Each line is JSON."""
    told, out, _ = console(as_events=True)
    told.event('{"kind": "phase"}')
    told.answer({"run_id": "r"}, "text")

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [{"kind": "phase"}, {"kind": "result", "run_id": "r"}] == lines


def test_a_person_reads_text() -> None:
    """And no JSON."""
    told, out, _ = console()
    told.event({"kind": "phase"})
    told.answer({"run_id": "r"}, "Done.")

    assert "Done.\n" == out.getvalue()


def test_an_error_says_where() -> None:
    """File and line, in the document."""
    told, out, err = console(as_json=True)
    where = Where(file="a.jsonl", line=12)
    told.fail(DatasetError("dataset.x", "Bad row.", hint="Mend it.", where=where))

    assert {
        "error": {
            "code": "dataset.x", "message": "Bad row.", "hint": "Mend it.",
            "where": {"file": "a.jsonl", "line": 12},
        }
    } == json.loads(out.getvalue())  # fmt: skip
    assert "Bad row.\nMend it.\n" == err.getvalue()


def test_commands_are_named_as_they_were_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Through run.py there is no “tunesmith” to type; other words stay as they are."""
    monkeypatch.setenv("TUNESMITH_CALLED_AS", "python3 run.py")
    told, out, err = console()
    told.fail(
        DatasetError("x", "No tunesmith run.", hint="“tunesmith runs” lists all.")
    )
    told.answer({}, "“tunesmith runs”, said a row")

    assert "No tunesmith run.\n“python3 run.py runs” lists all.\n" == err.getvalue()
    assert "“tunesmith runs”, said a row\n" == out.getvalue()


def test_the_live_line_is_only_for_a_terminal() -> None:
    """A log file gets no carriage returns."""
    told, _, err = console()
    told.draw("step 1")
    told.clear()

    assert "" == err.getvalue()


def test_the_live_line_leaves_nothing_behind() -> None:
    """A shorter line covers a longer one, and a note begins on a clean line."""
    told, _, err = console(watched=True)
    told.draw("a long line")
    told.draw("short")
    told.note("note")

    assert "\ra long line\rshort      \r     \rnote\n" == err.getvalue()


class Struck(io.StringIO):
    """A stream whose every write is followed by Ctrl-C."""

    def write(self, text: str, /) -> int:
        super().write(text)
        raise KeyboardInterrupt


def test_ctrl_c_never_tears_a_line() -> None:
    """What is said after the interruption begins on a line of its own."""
    out = Struck()
    told = Console(as_json=False, as_events=True, out=out, err=io.StringIO())
    for say in (lambda: told.event({"kind": "step"}), lambda: told.answer({}, "")):
        with pytest.raises(KeyboardInterrupt):
            say()

    kinds = [json.loads(line)["kind"] for line in out.getvalue().splitlines()]
    assert ["step", "result"] == kinds
