"""Nobody in the window is sent to a terminal for what the window does itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.qtwork.background import Background
from app.qtwork.window_words import in_window, told_here
from core.errors import ModelError, TunesmithError, Where

CORE = Path(__file__).resolve().parents[2] / "core"
# What the window cannot do: it is told where there is no window, or before there is one.
COMMAND = re.compile(r"(“|: )tunesmith [a-z]| --[a-z]")
ELSEWHERE = {"doctor.py", "starter.py"}


def texts(tree: ast.Module) -> Iterator[str]:
    """Give every string of a module but its docstrings; what is filled in is ``x``."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(value) for value in node.values}
            yield "".join(
                str(value.value) if isinstance(value, ast.Constant) else "x"
                for value in node.values
            )
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docs | inside
        ):
            yield node.value


def commands() -> Iterator[str]:
    """Give every text of core's, outside its command line, that names a command."""
    for path in sorted(CORE.rglob("*.py")):
        if "cli" in path.parts or path.name in ELSEWHERE:
            continue
        for text in texts(ast.parse(path.read_text(encoding="utf-8"))):
            if COMMAND.search(text):
                yield text


def test_every_command_has_its_place_in_the_window() -> None:
    """A hint core adds later is found here, unless it names no command."""
    found = list(commands())
    left = [text for text in found if COMMAND.search(in_window(text))]

    assert len(found) > 10
    assert [] == left


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (
            "Did you mean Qwen3? “tunesmith models” lists what there is.",
            "Did you mean Qwen3? The Models page lists what there is.",
        ),
        (
            "“tunesmith models download org/name” fetches it.",
            "Download it on the Models page.",
        ),
        (
            "Or give its memory: --gpu-memory 12GiB.",
            "Or give its memory, as 12GiB.",
        ),
        ("Close other programs.", "Close other programs."),
        ("Tunesmith's own --odd--name.", "Tunesmith's own --odd--name."),
    ],
)
def test_only_the_command_is_replaced(hint: str, said: str) -> None:
    """What stands around it stays, and so does every other hint."""
    assert said == in_window(hint)


def test_an_error_stays_what_it_is() -> None:
    """Code, kind and place are kept; an error without a command is itself."""
    plain = ModelError("model.odd", "Odd.", hint="Choose another.")
    where = Where(file="plan.toml", line=3)
    told = told_here(
        ModelError(
            "a.b", "Not here.", hint="“tunesmith models” lists them.", where=where
        )
    )

    assert plain is told_here(plain)
    assert ("a.b", "Not here.", where) == (told.code, told.message, told.where)
    assert isinstance(told, ModelError)
    assert "The Models page lists them." == told.hint


def test_what_comes_from_a_thread_is_told_so(qtbot: QtBot) -> None:
    """Every error a page hears of has come through here."""
    background = Background()

    def fail() -> None:
        raise ModelError("a.b", "No.", hint="“tunesmith models” lists them.")

    with qtbot.waitSignal(background.failed) as heard:
        background.ask(fail)
    error = heard.args[0]  # type: ignore[index]

    assert isinstance(error, TunesmithError)
    assert "The Models page lists them." == error.hint
