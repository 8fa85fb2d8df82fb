"""The GPU benchmark, proved on a processor with a counter in the card's place."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks import gpu_child
from benchmarks.gpu_child import CudaMeter, Measured, PretendMeter, measure
from benchmarks.gpu_estimate import Rig, go_through, summary, table
from benchmarks.gpu_suite import Setting, rehearsal, suite
from core.engine.device import compute_for
from core.estimate.answer import Loop
from core.estimate.loop import habits
from core.estimate.memory import tensors
from core.hardware.budget import DeviceBudget, cpu_budget, device_budget
from core.units import GIB, MIB

# transformers' own notices about names peft still uses
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


class CountedCard(PretendMeter):
    """A card with a context, that reserves in steps and can be full."""

    context = 300 * MIB

    def outside(self) -> int | None:
        return self.context


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny products run longer on several threads than on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def card() -> Iterator[CountedCard]:
    meter = CountedCard(None)
    yield meter
    meter.close()


def tiny(kind: str, loop: Loop) -> Setting:
    return next(
        found
        for found in rehearsal(loop)
        if found.plan.method.kind == kind and found.cap_bytes is None
    )


@pytest.mark.parametrize("loop", ["tunesmith", "plain"])
@pytest.mark.parametrize("kind", ["lora", "qlora"])
def test_a_real_training_is_measured(kind: str, loop: Loop, card: CountedCard) -> None:
    """Random weights learn on a processor; the counter sees what the formula says."""
    setting = tiny(kind, loop)

    found = measure(
        setting.config,
        setting.plan,
        loop=loop,
        compute=compute_for("fp32", kind="cpu"),
        meter=card,
        steps=2,
    )

    assert found.outcome == "done"
    assert found.allocated is not None
    assert found.static is not None
    assert found.static < found.allocated
    formula = tensors(
        setting.plan, setting.shape, habits(setting.plan, cpu_budget(), loop)
    )
    assert math.isclose(formula, found.allocated, rel_tol=0.03)
    assert found.process == (found.reserved or 0) + card.context
    assert found.context == card.context
    assert found.tokens_per_s is not None


def test_a_full_card_is_an_answer() -> None:
    """An allocation that fails is recorded, not raised."""
    setting, full = tiny("lora", "tunesmith"), PretendMeter(MIB)
    try:
        found = measure(
            setting.config,
            setting.plan,
            loop="tunesmith",
            compute=compute_for("fp32", kind="cpu"),
            meter=full,
        )
    finally:
        full.close()

    assert found == Measured(outcome="out of memory")


def test_the_cards_own_counters_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peaks are torch's, the process is the driver's, and a cap is torch's to keep."""
    shares: list[float] = []
    monkeypatch.setattr(
        gpu_child.torch,
        "cuda",
        SimpleNamespace(
            mem_get_info=lambda: (6 * GIB, 16 * GIB),
            set_per_process_memory_fraction=shares.append,
            max_memory_allocated=lambda: 3 * GIB,
            max_memory_reserved=lambda: 5 * GIB,
            memory_reserved=lambda: 4 * GIB,
        ),
    )
    now = SimpleNamespace(free=11 * GIB)
    monkeypatch.setattr(gpu_child, "card_in_use", lambda: now)

    meter = CudaMeter(8 * GIB, free_before=15 * GIB + 300 * MIB)

    assert shares == [0.5]
    assert meter.allocated() == 3 * GIB
    assert meter.reserved() == 5 * GIB
    assert meter.outside() == 300 * MIB


class Runs:
    """Stands for the child processes."""

    def __init__(self, out: Path, *answers: Measured) -> None:
        self.out = out
        self.answers = list(answers)
        self.seen: list[str] = []
        self.free: list[int] = []

    def __call__(self, setting: Setting, budget: DeviceBudget) -> dict[str, Any]:
        self.seen.append(setting.key)
        self.free.append(budget.free)
        return asdict(self.answers.pop(0))


CARD = device_budget(gpu_name="RTX 4090")
DONE = Measured(
    outcome="done",
    allocated=30 * MIB,
    reserved=40 * MIB,
    process=500 * MIB,
    context=460 * MIB,
    step_s=0.1,
    tokens_per_s=1280.0,
)
FULL = Measured(outcome="out of memory")


def test_every_run_is_kept_and_a_second_call_goes_on(tmp_path: Path) -> None:
    """The file holds each run at once; what it holds is not run again."""
    out = tmp_path / "gpu.json"
    settings = [
        tiny("lora", "tunesmith"),
        replace(tiny("qlora", "tunesmith"), cap_bytes=8 * GIB),
    ]
    runs = Runs(out, DONE)
    go_through(settings[:1], Rig(budget=CARD, run=runs), out, until=math.inf)
    first = json.loads(out.read_text(encoding="utf-8"))

    more = Runs(out, FULL)
    rows = go_through(settings, Rig(budget=CARD, run=more), out, until=math.inf)

    assert [settings[0].key] == [row["key"] for row in first["rows"]]
    assert more.seen == [settings[1].key]
    assert more.free == [8 * GIB]  # the cap stands for the card
    assert [settings[0].key, settings[1].key] == [row["key"] for row in rows]
    predicted = rows[0]["predicted"]
    assert 0 < predicted["low"] <= predicted["process"] <= predicted["high"]
    assert predicted["dry_run_tensors"] > 0
    assert predicted["tokens_per_s"] > 0


def test_a_fit_that_did_not_fit_is_named(tmp_path: Path) -> None:
    """The worst error a verdict can make stands in the summary and in the table."""
    setting = tiny("lora", "tunesmith")
    rig = Rig(budget=CARD, run=Runs(tmp_path, FULL))

    rows = go_through([setting], rig, tmp_path / "gpu.json", until=math.inf)

    found = summary(rows)
    assert found["called_fits_but_did_not"] == [setting.key]
    assert found["outcomes"] == {"out of memory": 1}
    assert "out of memory" in table(rows)


def test_the_context_of_the_card_is_told(tmp_path: Path) -> None:
    """What a process holds beyond torch's memory is written for the tables."""
    rig = Rig(budget=CARD, run=Runs(tmp_path, DONE))

    go_through([tiny("lora", "tunesmith")], rig, tmp_path / "gpu.json", until=math.inf)

    kept = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert kept["summary"]["context_bytes"] == [460 * MIB, 460 * MIB]
    assert kept["compute_capability"] == [8, 9]
    assert kept["is_rehearsal"] is False


def test_time_that_is_up_begins_nothing(tmp_path: Path) -> None:
    """Past the limit no further run is begun."""
    runs = Runs(tmp_path)

    rows = go_through(
        [tiny("lora", "tunesmith")],
        Rig(budget=CARD, run=runs),
        tmp_path / "gpu.json",
        until=-math.inf,
    )

    assert rows == []
    assert runs.seen == []


@pytest.mark.parametrize("name", ["small", "full"])
def test_a_suite_names_models_that_exist_and_each_run_once(name: str) -> None:
    """Real shapes from the catalogue, caps at the end, no run twice."""
    settings = list(suite(name, "tunesmith"))

    keys = [setting.key for setting in settings]
    assert len(keys) == len(set(keys))
    assert {setting.plan.method.kind for setting in settings} == {"lora", "qlora"}
    assert {setting.cap_bytes for setting in settings if setting.cap_bytes} == {
        cap * GIB for cap in (8, 12, 16, 24)
    }
    assert all(setting.shape.known for setting in settings[:4])
