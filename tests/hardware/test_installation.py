"""The doctor repeats what the set-up found, in the words of the set-up."""

from pathlib import Path

import pytest

from bootstrap.environment import Record, write_record
from bootstrap.say import Problem
from core.hardware import doctor
from core.hardware.installation import RECORD_NAME, SetUpProblem, set_up_problems
from core.places import Places

TOO_OLD = Problem(code="gpu.driver_too_old", message="Too old.", hint="Update it.")


def test_what_the_set_up_writes_is_what_is_read(tmp_path: Path) -> None:
    """Both ends agree on the file, although neither may import the other."""
    write_record(tmp_path, Record(finished=True, problems=(TOO_OLD,)))

    assert set_up_problems(tmp_path) == (
        SetUpProblem(code="gpu.driver_too_old", message="Too old.", hint="Update it."),
    )


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"problems": [1]}', "\x00"])
def test_a_spoilt_record_tells_nothing(tmp_path: Path, content: str) -> None:
    """A record that cannot be read is no fault of the machine."""
    (tmp_path / RECORD_NAME).write_text(content, encoding="utf-8")

    assert set_up_problems(tmp_path) == ()


def test_the_doctor_gives_the_reason_of_the_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card left idle for its old driver is told once, with that reason."""
    (told,) = [SetUpProblem(code=TOO_OLD.code, message="Too old.", hint="Update it.")]
    monkeypatch.setattr(doctor, "set_up_problems", lambda: (told,))

    report = doctor.examine(Places(home=tmp_path))

    codes = [problem.code for problem in report.problems]
    assert codes.count("gpu.driver_too_old") == 1
    assert "gpu.none" not in codes
    assert "torch.cpu_build" not in codes
