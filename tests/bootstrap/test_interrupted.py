"""A set-up killed at any moment leaves nothing that looks whole and is not.

The real run.py sets up a small checkout with the real pip, and is killed with SIGKILL
at random moments, together with its pip.
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bootstrap.environment import Environment, Record, read_record
from tests.bootstrap.stub_packages import write_checkout, write_wheels

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL there"),
]


class Checkout:
    """A small clone, and ways to run its run.py."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self.environment = Environment(folder=folder / ".venv")
        self._environ = environ

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run run.py in a session of its own; nothing of it outlives the block."""
        command = [sys.executable, str(self.folder / "run.py"), *arguments]
        process = subprocess.Popen(
            command,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        with process:
            try:
                yield process
            finally:
                kill_session(process)

    def run(self, *arguments: str) -> tuple[str, str]:
        """Return stdout and stderr of a run.py that ends well."""
        with self.started(*arguments) as process:
            out, err = process.communicate()

        assert process.returncode == 0, err
        return out, err

    def record(self) -> Record | None:
        return read_record(self.environment.folder)


def kill_session(process: subprocess.Popen[str]) -> None:
    """Kill run.py and its pip at once; they share the session's process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    write_wheels(wheels)
    folder = tmp_path / "my Büro checkout"  # people's folders have such names
    write_checkout(folder)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "https_proxy": "http://127.0.0.1:9",  # nobody is there: offline at once
    }
    return Checkout(folder, environ)


def assert_whole(checkout: Checkout) -> None:
    """The environment says that it is finished, and it is."""
    record = checkout.record()

    assert record is not None
    assert record.finished
    assert list(checkout.environment.torn()) == []
    answer = json.loads(checkout.run("hello", "--json")[0])
    assert answer == {"arguments": ["hello", "--json"], "torch": "2.13.0+cpu"}
    assert not list(checkout.folder.glob(".venv.*-*"))
    assert not (checkout.environment.folder / "downloading").exists()


def test_a_set_up_then_a_start_that_sets_nothing_up(checkout: Checkout) -> None:
    """The first start installs; the second says nothing and changes nothing."""
    first_out, first_err = checkout.run("hello")
    record = (checkout.environment.folder / "tunesmith-install.json").stat()
    second_out, second_err = checkout.run("hello")

    assert json.loads(first_out) == json.loads(second_out)
    assert "[5/5]" in first_err
    assert second_err == ""
    again = (checkout.environment.folder / "tunesmith-install.json").stat()
    assert again.st_mtime_ns == record.st_mtime_ns


def test_new_dependencies_are_added_in_place(checkout: Checkout) -> None:
    """A changed pyproject.toml is noticed; torch is neither fetched nor chosen anew."""
    checkout.run("setup")
    pyproject = checkout.folder / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8").replace("beta>=1", "gamma>=1")
    pyproject.write_text(text, encoding="utf-8")

    _, err = checkout.run("hello")

    assert "[2/5]" not in err
    assert "[3/5]" in err
    assert (checkout.environment.site_packages / "gamma").is_dir()


def test_a_damaged_environment_is_repaired_on_request(checkout: Checkout) -> None:
    """`run.py setup` looks at every file and starts over when one is not whole."""
    checkout.run("setup")
    (checkout.environment.site_packages / "beta" / "part_7.py").write_text("")

    _, err = checkout.run("setup")

    assert "beta-1.0" in err
    assert_whole(checkout)


def test_a_moved_checkout_is_set_up_again(checkout: Checkout) -> None:
    """Scripts carry the path they were made for, so a moved folder starts over."""
    checkout.run("setup")
    moved = checkout.folder.with_name("elsewhere")
    checkout.folder.rename(moved)
    there = Checkout(moved, checkout._environ)

    _, err = there.run("setup")

    assert "moved" in err
    assert_whole(there)


def test_a_package_that_cannot_be_had_is_an_error_with_words(
    checkout: Checkout, tmp_path: Path
) -> None:
    """Pip's failure ends with status 1 and words; the next start goes on from there."""
    hidden = tmp_path / "beta.whl"
    wheel = next((tmp_path / "wheels").glob("beta*"))
    wheel.rename(hidden)
    with checkout.started("setup") as process:
        _, err = process.communicate()
    status = process.returncode
    record = checkout.record()
    hidden.rename(wheel)

    assert status == 1
    assert "pip could not install the packages" in err
    assert "Traceback" not in err
    assert record is not None
    assert not record.finished
    assert "Finishing it" in checkout.run("setup")[1]
    assert_whole(checkout)


def test_of_two_at_once_one_waits_and_finds_it_done(checkout: Checkout) -> None:
    """Two starts in a fresh clone end well, and only one of them installs."""
    with checkout.started("hello") as first, checkout.started("hello") as second:
        answers = [first.communicate(), second.communicate()]

    assert [first.returncode, second.returncode] == [0, 0]
    assert len({out for out, _ in answers}) == 1
    assert sum("[5/5]" in err for _, err in answers) == 1
    assert_whole(checkout)


def test_an_orphaned_pip_is_waited_for(checkout: Checkout) -> None:
    """Only run.py is killed while pip works: the next start ends with a whole one."""
    with checkout.started("setup") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("[3/5]"):
                break
        process.kill()
        process.wait()
        checkout.run("setup")

    assert_whole(checkout)


def killed_at_random(checkout: Checkout, seed: int, kills: int) -> None:
    """Kill a set-up `kills` times at random moments, then let one end."""
    moments = random.Random(seed)
    for _ in range(kills):
        with checkout.started("setup") as process:
            try:
                process.communicate(timeout=moments.uniform(0, 6))
            except subprocess.TimeoutExpired:
                kill_session(process)
                process.communicate()
        record = checkout.record()
        if record is not None and record.finished:
            assert list(checkout.environment.torn()) == [], f"seed {seed}"
            checkout.environment.remove()
    checkout.run("setup")

    assert_whole(checkout)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_moments(checkout: Checkout, seed: int) -> None:
    """Never finished and torn; and the next start that may end makes it whole."""
    killed_at_random(checkout, seed, kills=5)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(10))
def test_killed_at_many_random_moments(checkout: Checkout, seed: int) -> None:
    """The same, ten kills for each of ten seeds."""
    killed_at_random(checkout, 100 + seed, kills=10)
