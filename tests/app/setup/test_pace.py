"""Time told by measured runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app.setup.pace import Pace, pace_for, paces, training_s
from app.setup.present import present
from core.plan.fields import with_value
from core.plan.plan import ModelChoice, Plan
from core.runs.events import Ended, encode
from core.runs.folder import Status, create_run
from tests.app.setup.made import ready, report

PACE = Pace(
    model="org/small", method="lora", device="GeForce RTX 3060", tokens_per_s=100.0
)


def test_the_same_model_method_and_device_are_asked(tmp_path: Path) -> None:
    """Another model's speed says nothing about this one."""
    plan = ready(tmp_path).plan
    others = (replace(PACE, model="org/big"), replace(PACE, method="qlora"))

    assert pace_for(plan, "GeForce RTX 3060", others) is None
    assert pace_for(plan, "GeForce RTX 3060", (*others, PACE)) is PACE
    assert pace_for(plan, "GeForce RTX 4090", (PACE,)) is None


def test_time_grows_with_steps_and_batch(tmp_path: Path) -> None:
    """Twelve steps of eight rows of ninety tokens at 100 a second: 86 seconds."""
    plan = ready(tmp_path).plan
    longer = with_value(plan, "train.batch_size", 2)
    cut = with_value(plan, "train.seq_len", 45)

    assert 86.4 == training_s(plan, report(), 12, PACE)
    assert 172.8 == training_s(longer, report(), 12, PACE)
    assert 43.2 == training_s(cut, report(), 12, PACE)
    assert training_s(plan, report(tokens=None), 12, PACE) is None


def test_the_start_card_tells_the_time(tmp_path: Path) -> None:
    """With a measured run the card says how long; without one it says nothing."""
    state = ready(tmp_path)
    known = replace(state, fit=replace(state.fit, paces=(PACE,)))
    told = {row[0]: row[1] for row in present(known).start.facts}

    expected = "About 1 min 26 s, at 100 tokens/s as in your last such run"
    assert expected == told["Time"]
    assert "Time" not in {row[0] for row in present(state).start.facts}


def test_only_finished_runs_are_believed(tmp_path: Path) -> None:
    """A run that failed or still waits has no pace; the newest done one has."""
    plan = Plan(model=ModelChoice(id="org/small"))
    facts = {"device": {"name": "GeForce RTX 3060"}}
    done = create_run(tmp_path, plan, facts)
    done.events_file.write_text(
        encode(Ended(t=1.0, status="done", tokens_per_s=100.0)) + "\n", encoding="utf-8"
    )
    done.write_status(Status(status="done"))
    create_run(tmp_path, plan, facts)

    assert (PACE,) == paces(tmp_path)
