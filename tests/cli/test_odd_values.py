"""Values no work could be done with are refused at once, before anything is loaded."""

import json
from pathlib import Path

import pytest

from core.cli import demo as demo_module
from core.cli.voices import voice_named
from core.errors import LibraryError
from core.places import Places
from tests.cli.conftest import Cli
from tests.cli.tiny import write_rows, write_tiny_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny")


def error_of(cli: Cli, *words: str) -> str:
    """Return the code of a refusal with status 2; nothing else may come of it."""
    told = cli(*words, "--json")
    assert 2 == told.status, told.out
    assert told.document["error"]["hint"]
    return str(told.document["error"]["code"])


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--temperature", "nan"), ("--temperature", "inf"), ("--temperature", "-1"),
        ("--top-p", "nan"), ("--top-p", "2"), ("--max-tokens", "0"), ("--seed", "-1"),
        ("--seed", str(1 << 63)),
    ],
)  # fmt: skip
def test_chat_refuses_what_cannot_be_drawn(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, model: Path, flag: str, value: str
) -> None:
    """Before a model is loaded for nothing."""
    monkeypatch.setattr("core.cli.chat.Choir", None)  # nobody may sing
    words = ("chat", "--model", str(model), "--prompt", "Hi", flag, value)

    assert "usage.value" == error_of(cli, *words)


@pytest.mark.parametrize("scale", ["nan", "inf", "1e400"])
def test_a_strength_is_a_number(places: Places, scale: str) -> None:
    """Neither endless nor none."""
    with pytest.raises(LibraryError) as caught:
        voice_named(f"pirate@{scale}", places)

    assert "library.scale" == caught.value.code


def test_a_bare_config_answers_nobody(cli: Cli, model: Path) -> None:
    """It cannot be downloaded either, so nobody is told to."""
    words = ("chat", "--prompt", "Hi", "--model", str(model / "config.json"), "--json")
    error = cli(*words).document["error"]

    assert "model.no_weights" == error["code"]
    assert "download" not in error["hint"]


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--eval-fraction", "2"), ("--eval-fraction", "nan"), ("--seed", "-1"),
        ("--seq-len", "0"), ("--seq-len", "many"), ("--format", "poem"),
    ],
)  # fmt: skip
def test_data_takes_what_a_plan_takes(
    cli: Cli, tmp_path: Path, flag: str, value: str
) -> None:
    """The same limits, so that what the doctor saw can be trained."""
    rows = write_rows(tmp_path / "rows.jsonl")

    assert "plan.value" == error_of(cli, "data", "check", str(rows), flag, value)


def test_a_preview_needs_a_model(cli: Cli, tmp_path: Path) -> None:
    """Said at once, not by a child process."""
    rows = write_rows(tmp_path / "rows.jsonl")

    assert "usage" == error_of(cli, "data", "preview", str(rows))


def test_a_second_file_that_is_missing_is_named(cli: Cli, tmp_path: Path) -> None:
    """As the first would be."""
    rows, gone = write_rows(tmp_path / "rows.jsonl"), tmp_path / "gone.jsonl"
    told = cli("data", "check", str(rows), str(gone), "--json")
    error = told.document["error"]

    assert (2, "dataset.missing") == (told.status, error["code"])
    assert str(gone) == error["where"]["file"]


@pytest.mark.parametrize("steps", ["0", "-1"])
def test_the_demo_takes_a_step_at_least(cli: Cli, steps: str) -> None:
    """Nought is not the default."""
    assert "usage" == error_of(cli, "demo", "--steps", steps)


def test_the_demo_finds_out_at_once_where_its_chart_cannot_go(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not after minutes of training."""
    monkeypatch.setattr(demo_module, "ensure_starter", None)  # nothing is begun
    file = tmp_path / "file"
    file.write_text("mine")

    assert "demo.out" == error_of(cli, "demo", "--out", str(file))


def test_code_that_nothing_would_load_is_no_obstacle(cli: Cli, tmp_path: Path) -> None:
    """Phi-3's own config names such files; of an unknown kind they are all there is."""
    config = json.loads((write_tiny_model(tmp_path) / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "evil.Model"}
    file = tmp_path / "bare.json"
    file.write_text(json.dumps(config))

    assert 0 == cli("estimate", "--model", str(file), "--json").status
    file.write_text(json.dumps({**config, "model_type": "evil"}))
    assert "model.remote_code" == error_of(cli, "estimate", "--model", str(file))
    assert "model.remote_code" == error_of(
        cli, "estimate", "--model", str(write_with_code(tmp_path / "whole", config))
    )


def write_with_code(folder: Path, config: dict[str, object]) -> Path:
    """Write a whole model that brings code, which a training would load."""
    write_tiny_model(folder)
    (folder / "config.json").write_text(json.dumps(config))
    return folder
