"""The environment's record and health: what a kill or a power cut may leave."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.environment import (
    RECORD_NAME,
    Environment,
    Record,
    read_record,
    write_record,
)
from bootstrap.say import Problem, SetupError

problems = st.builds(Problem, code=st.text(), message=st.text(), hint=st.text())
records = st.builds(
    Record,
    finished=st.booleans(),
    step=st.text(),
    location=st.text(),
    torch=st.text(),
    extras=st.lists(st.text()).map(tuple),
    problems=st.lists(problems, max_size=3).map(tuple),
)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(folder=tmp_path / ".venv")


def package(environment: Environment, name: str, content: str = "x = 1\n") -> Path:
    """Install a package by hand, as pip leaves one, and return its module."""
    site = environment.folder / "lib" / "python3.11" / "site-packages"
    if os.name == "nt":
        site = environment.folder / "Lib" / "site-packages"
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    module = site / f"{name}.py"
    module.write_text(content, encoding="utf-8", newline="\n")
    rows = [
        f"{name}.py,sha256=abc,{len(content)}",
        f"__pycache__/{name}.cpython-311.pyc,,",
        f"{info.name}/RECORD,,",
    ]
    (info / "RECORD").write_text("\n".join(rows), encoding="utf-8")
    return module


@given(record=records)
def test_a_record_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, record: Record
) -> None:
    """What is written is what is read, for every record there can be."""
    folder = tmp_path_factory.mktemp("record")
    write_record(folder, record)

    assert read_record(folder) == record
    assert [path.name for path in folder.iterdir()] == [RECORD_NAME]


@pytest.mark.skipif(os.name == "nt", reason="permissions are of another kind there")
def test_a_record_is_as_readable_as_what_it_tells_of(tmp_path: Path) -> None:
    """Whoever may read a file made here may read the record: one checkout can serve all."""
    (tmp_path / "plain").touch()
    write_record(tmp_path, Record(finished=True))

    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"format": 99}', b"\xff\xfe", b'{"format": 1}']
)
def test_a_spoilt_record_is_no_record(tmp_path: Path, content: bytes) -> None:
    """A record that cannot be read counts as none; it never raises."""
    (tmp_path / RECORD_NAME).write_bytes(content)

    assert read_record(tmp_path) is None


def test_a_whole_package_is_not_torn(environment: Environment) -> None:
    """Byte code that is gone does not matter; everything else is there."""
    package(environment, "whole")

    assert list(environment.torn()) == []


def test_a_missing_file_is_seen(environment: Environment) -> None:
    """A file on pip's list that is not on the disk marks its package."""
    package(environment, "whole")
    package(environment, "holed").unlink()

    assert list(environment.torn()) == ["holed-1.0"]


def test_a_shortened_file_is_seen(environment: Environment) -> None:
    """A file of the wrong size, as a power cut leaves it, marks its package."""
    package(environment, "cut").write_text("", encoding="utf-8")

    assert list(environment.torn()) == ["cut-1.0"]


def test_a_package_without_its_list_is_seen(environment: Environment) -> None:
    """Pip writes the list last; without one the package was being copied."""
    module = package(environment, "listless")
    (module.parent / "listless-1.0.dist-info" / "RECORD").unlink()

    assert list(environment.torn()) == ["listless-1.0"]


def test_what_pip_moved_aside_is_seen(environment: Environment) -> None:
    """A name with a tilde is an old version that pip had begun to remove."""
    module = package(environment, "whole")
    (module.parent / "~hole").mkdir()

    assert list(environment.torn()) == ["~hole"]


def test_an_environment_appears_with_its_record(environment: Environment) -> None:
    """The folder is never there without saying that it is unfinished."""
    environment.create_empty()

    assert read_record(environment.folder) == Record(finished=False, step="environment")
    assert [path.name for path in environment.folder.parent.iterdir()] == [".venv"]


def test_removal_leaves_nothing(environment: Environment) -> None:
    """An environment of ours is taken away whole."""
    environment.create_empty()
    package(environment, "whole")

    environment.remove()

    assert list(environment.folder.parent.iterdir()) == []


def test_a_folder_that_is_no_environment_is_left_alone(
    environment: Environment,
) -> None:
    """Somebody's own files in a folder of that name are never deleted."""
    environment.folder.mkdir()
    treasure = environment.folder / "thesis.txt"
    treasure.write_text("years of work", encoding="utf-8")

    with pytest.raises(SetupError) as caught:
        environment.remove()

    assert caught.value.status == 2
    assert treasure.read_text(encoding="utf-8") == "years of work"


def test_leftovers_of_killed_set_ups_are_swept(environment: Environment) -> None:
    """Folders on their way in or out when a set-up died are deleted by the next."""
    for kind in ("new", "old"):
        left = environment.folder.with_name(f".venv.{kind}-123")
        left.mkdir()
        (left / "file").touch()
    environment.create_empty()

    environment.sweep()

    assert [path.name for path in environment.folder.parent.iterdir()] == [".venv"]


def test_an_environment_needs_the_python_beneath_it(environment: Environment) -> None:
    """When the Python it was made from is gone, it cannot be started."""
    environment.create_empty()
    environment.python.parent.mkdir()
    environment.python.touch()
    config = environment.folder / "pyvenv.cfg"

    config.write_text(f"home = {environment.folder.parent}\n", encoding="utf-8")
    started_before = environment.can_start()
    config.write_text("home = /gone/with/the/upgrade\n", encoding="utf-8")

    assert started_before
    assert not environment.can_start()
