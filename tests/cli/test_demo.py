"""The demo proves the whole main job; here with a tiny model in the starter's place."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.cli import demo
from core.places import Places
from core.plan.fields import with_value
from core.plan.plan import Plan
from core.prepare import demo_plan
from tests.cli.conftest import Cli
from tests.cli.test_chart import pixels
from tests.cli.tiny import write_rows, write_tiny_model

KEYS = {
    "run_id", "adapter_id", "adapter_dir", "model_dir", "eval_loss_before", "eval_loss",
    "tokens_per_s", "peak_memory", "predicted_memory", "samples", "chart",
}  # fmt: skip


@pytest.mark.slow
def test_the_demo_answers_with_its_proof(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses, memory, both answers to held-out prompts, and the chart."""
    model = write_tiny_model(tmp_path / "tiny")
    rows = write_rows(tmp_path / "rows.jsonl")

    def tiny_plan(places: Places, steps: int) -> Plan:
        plan = demo_plan(places, steps)
        plan = with_value(plan, "model.id", str(model))
        return replace(plan, data=replace(plan.data, files=(str(rows),)))

    monkeypatch.setattr(demo, "demo_plan", tiny_plan)
    monkeypatch.setattr(demo, "ensure_starter", lambda request: None)
    told = cli("demo", "--steps", "4", "--out", str(tmp_path / "out"), "--json")
    found = told.document

    assert 0 == told.status, told.err
    assert set(found) >= KEYS
    assert found["eval_loss"] < found["eval_loss_before"]
    assert str(model) == found["model_dir"]
    assert str(tmp_path / "out" / "loss.png") == found["chart"]
    assert 1280 == pixels(Path(found["chart"])).shape[1]
    assert 3 == len(found["samples"])
    trained = rows.read_text()
    for sample in found["samples"]:
        assert {"prompt", "base", "adapter"} == set(sample)
        assert sample["prompt"] in trained
    assert (Path(found["adapter_dir"]) / "adapter_model.safetensors").is_file()
    assert "Estimate: It needs" in told.err


def test_what_is_asked_was_never_trained_on(places: Places) -> None:
    """The prompts come from the rows held out by the same split."""
    from core.data.load import accepted_rows, load
    from core.data.rows import Chat
    from core.data.split import split

    plan = demo_plan(places)
    rows = accepted_rows(load(plan.data), plan.data)
    trained, held_out = split(rows, plan.data.eval_fraction, plan.train.seed)
    seen = {m.content for row in trained if isinstance(row, Chat) for m in row.messages}

    prompts = demo.held_out_prompts(plan)
    assert 3 == len(prompts)
    assert set() == seen & set(prompts)
    assert len(trained) >= 120
    assert len(held_out) >= 20
