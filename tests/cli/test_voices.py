"""Who is asked: adapters by name and strength; and a talk in the terminal."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.chat.events import Voice
from core.cli.voices import Choir, voice_named
from core.errors import LibraryError, ModelError
from core.library import shelf
from core.library.facts import AdapterFacts
from core.places import Places
from tests.cli.tiny import write_tiny_model
from tests.library.adapters import write_adapter

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("wanted", "scale"),
    [("cards-ab12", 1.0), ("Cards", 1.0), ("Cards@0.5", 0.5), ("cards-ab12@1,5", 1.5),
     ("Cards@-1", -1.0)],
)  # fmt: skip
def test_an_adapter_is_named_with_its_strength(
    places: Places, tmp_path: Path, wanted: str, scale: float
) -> None:
    """By id or name, with a decimal point or comma."""
    facts = AdapterFacts(name="Cards", run_id="20260101-ab12")
    record = shelf.add(places.make(), write_adapter(tmp_path / "made"), facts)

    expected = Voice(adapter=record.adapter_id, path=str(record.path), scale=scale)
    assert expected == voice_named(wanted, places)


def test_an_at_sign_may_be_part_of_a_name(places: Places, tmp_path: Path) -> None:
    """Only a number behind it is a strength."""
    facts = AdapterFacts(name="me@home", run_id="20260101-ab12")
    shelf.add(places.make(), write_adapter(tmp_path / "made"), facts)

    assert 1.0 == voice_named("me@home", places).scale
    assert 0.5 == voice_named("me@home@0.5", places).scale


def test_a_folder_outside_the_library_may_speak(places: Places, tmp_path: Path) -> None:
    """If it is a sound PEFT folder."""
    folder = write_adapter(tmp_path / "made")
    assert str(folder) == voice_named(f"{folder}@0.5", places).path

    write_adapter(folder, target_modules="(a+)+$")
    with pytest.raises(LibraryError, match="cannot be used"):
        voice_named(str(folder), places)


@pytest.mark.slow
def test_a_talk_keeps_its_thread(tmp_path: Path) -> None:
    """Each line of stdin is asked in turn; the answers come as one document."""
    model = write_tiny_model(tmp_path / "tiny")
    done = subprocess.run(
        [sys.executable, "-m", "core.cli", "--home", str(tmp_path / "home"), "chat",
         "--model", str(model), "--max-tokens", "3", "--json"],
        cwd=ROOT, input="Hello\n\nAnd again\n", capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    answers = json.loads(done.stdout)["answers"]

    assert ["Hello", "And again"] == [answer["prompt"] for answer in answers]
    assert [3, 3] == [answer["tokens"] for answer in answers]


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    """In words, and the child is gone."""
    with Choir(tell=lambda event: None) as choir, pytest.raises(ModelError) as caught:
        choir.load(tmp_path)

    assert caught.value.hint
    assert "Traceback" not in caught.value.message
    assert choir._child.exit_status == 0


@pytest.mark.slow
def test_a_talk_that_breaks_off_leaves_no_child() -> None:
    """Whatever went wrong on this side."""

    def broken_off() -> None:
        with Choir(tell=lambda event: None) as choir:
            children.append(choir)
            raise ZeroDivisionError

    children: list[Choir] = []
    with pytest.raises(ZeroDivisionError):
        broken_off()

    assert children[0]._child.exit_status is not None
