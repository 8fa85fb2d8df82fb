"""What every start asks, and what it remembers."""

from pathlib import Path

import pytest

from bootstrap import project, ready, system_packages
from bootstrap.environment import Environment, Record, write_record
from bootstrap.ready import Need, Wanted, ensure, is_ready
from bootstrap.say import SetupError
from bootstrap.system_packages import PARTS, Missing
from tests.bootstrap.stub_packages import write_checkout

XCB: frozenset[Need] = frozenset({"xcb"})


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """An environment that a set-up has just finished."""
    write_checkout(tmp_path / "checkout")
    made = Environment(folder=tmp_path / "checkout" / ".venv")
    made.python.parent.mkdir(parents=True)
    made.python.touch()
    config = made.folder / "pyvenv.cfg"
    config.write_text(f"home = {tmp_path}\n", encoding="utf-8")
    write_record(made.folder, finished(made))
    return made


def finished(environment: Environment) -> Record:
    asked = project.read(environment.folder.parent)
    return Record(
        finished=True,
        location=str(environment.folder),
        python=environment.base_python(),
        fingerprint=project.fingerprint(asked),
        extras=("test",),
    )


def ready_for(environment: Environment, wanted: Wanted) -> bool:
    return is_ready(environment, project.read(environment.folder.parent), wanted)


def test_a_finished_set_up_is_ready(environment: Environment) -> None:
    """Ready for what it was made for, and for no more."""
    assert ready_for(environment, Wanted())
    assert ready_for(environment, Wanted(extras=("test",)))
    assert not ready_for(environment, Wanted(extras=("docs",)))
    assert not ready_for(environment, Wanted(repair=True))


def test_an_unfinished_one_is_not(environment: Environment) -> None:
    """A record that says unfinished is believed."""
    write_record(environment.folder, Record(finished=False, step="packages"))

    assert not ready_for(environment, Wanted())


def test_a_new_driver_is_noticed(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another driver or another card may call for another build of torch."""
    monkeypatch.setattr(project.machine, "driver_identity", lambda: "580.1|GPU-0")

    assert not ready_for(environment, Wanted())


def test_another_torch_by_request_is_noticed(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person who names a build gets it at the next start."""
    monkeypatch.setenv("TUNESMITH_TORCH", "cu126")

    assert not ready_for(environment, Wanted())


@pytest.mark.parametrize(
    ("old", "new"),
    [("beta>=1", "gamma>=1"), ("torch>=2.13", "torch>=2.14"), ('["alpha"]', "[]")],
)
def test_changed_dependencies_are_noticed(
    environment: Environment, old: str, new: str
) -> None:
    """After a pull that asks for other packages the next start installs them."""
    path = environment.folder.parent / "pyproject.toml"
    path.write_text(path.read_text().replace(old, new), encoding="utf-8")

    assert not ready_for(environment, Wanted())


def test_system_libraries_are_looked_for_once(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking costs as much as everything else at a start, so it is remembered."""
    looks: list[bool] = []

    def look(*, environment_must_be_made: bool) -> Missing:
        looks.append(environment_must_be_made)
        return Missing(python=False, parts=())

    monkeypatch.setattr(system_packages, "look", look)

    for _ in range(3):
        ensure(environment, Wanted(needs=XCB))

    assert looks == [False]


def test_missing_libraries_are_not_remembered_as_found(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as something is missing, every start says so."""
    missing = Missing(python=False, parts=PARTS)
    monkeypatch.setattr(system_packages, "look", lambda **_: missing)
    monkeypatch.setattr(system_packages, "_as_root", lambda: None)

    for _ in range(2):
        with pytest.raises(SetupError):
            ensure(environment, Wanted(needs=XCB))

    assert not ready._mark(environment, "xcb").exists()


def test_a_checkout_of_another_person_starts(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be remembered, the libraries are looked for at every start."""
    looks: list[bool] = []

    def look(*, environment_must_be_made: bool) -> Missing:
        looks.append(environment_must_be_made)
        return Missing(python=False, parts=())

    def touch(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(system_packages, "look", look)
    monkeypatch.setattr(Path, "touch", touch)

    for _ in range(2):
        ensure(environment, Wanted(needs=XCB))

    assert looks == [False, False]
