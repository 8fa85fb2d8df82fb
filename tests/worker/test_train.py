"""A run from its folder to its adapter, in a real process."""

import json
import signal
from pathlib import Path

from core.library.facts import read_facts
from core.library.shelf import find
from core.places import Places
from core.runs.events import Checkpoint, Failed, Metrics, Phase, Sample, Warned
from core.runs.folder import RunFolder
from core.runs.outcomes import own_outcome, read_outcomes
from core.runs.tail import read_events
from tests.fakes.held_engine import held_command
from tests.fakes.tiny_run import make_run
from tests.worker.processes import finish, is_step, last, start, until, weights

# Far more than a test waits for: such a run ends only because it is told to.
ENDLESS = {"max_steps": 1_000_000}


def test_a_run_ends_with_an_adapter_in_the_library(whole_run: RunFolder) -> None:
    """Twenty steps: phases in order, falling loss, samples, checkpoints, an adapter."""
    events = read_events(whole_run.events_file)
    ended = last(events)
    measured = [e for e in events if isinstance(e, Metrics)]
    steps = [e.step for e in measured if e.loss is not None]
    looks = [e.step for e in measured if e.eval_loss is not None]
    phases = [e.phase for e in events if isinstance(e, Phase)]

    assert "done" == ended.status == whole_run.status().status
    assert list(range(1, 21)) == steps
    assert [0, 5, 10, 15, 20] == looks
    assert [0, 5, 10, 15, 20] == [e.step for e in events if isinstance(e, Sample)]
    assert list(range(2, 21, 2)) == [
        e.step for e in events if isinstance(e, Checkpoint)
    ]
    assert ["prepare", "tokenize", "load", "train"] == phases[:4]
    assert ["save", "done"] == phases[-2:]
    assert ended.eval_loss is not None
    assert ended.eval_loss_before is not None
    assert ended.eval_loss < ended.eval_loss_before
    assert ended.peak_memory
    assert ended.peak_memory > 0
    assert 20 == whole_run.status().step == whole_run.status().steps
    places = Places(home=whole_run.path.parent.parent)
    record = find(places, ended.adapter_id or "")
    assert record.ok
    assert record.run_id == whole_run.run_id
    assert 4 == record.rank


def test_what_the_run_took_is_kept_beside_what_was_predicted(
    whole_run: RunFolder,
) -> None:
    """Of the largest batch it had; in the run's folder and for the machine."""
    found = own_outcome(whole_run)
    ended = last(read_events(whole_run.events_file))

    assert found is not None
    assert (found,) == read_outcomes(Places(home=whole_run.path.parent.parent))
    assert (whole_run.run_id, "cpu", "llama", "lora", 20) == (
        found.run_id,
        found.device_kind,
        found.family,
        found.method,
        found.steps,
    )
    assert (ended.peak_memory, ended.tokens_per_s) == (
        found.measured,
        found.tokens_per_s,
    )
    assert 2 == found.rows
    assert 32 < found.width_tokens < 128  # no row is as long as the plan allows
    assert 0 < found.trained_tokens < found.rows * found.width_tokens
    assert (found.low or 0) < found.measured < (found.high or 0)
    assert found.complete


def test_only_the_newest_checkpoints_stay(whole_run: RunFolder) -> None:
    """The plan keeps two checkpoints; nothing half-written lies beside them."""
    names = {path.name for path in whole_run.checkpoints.iterdir()}

    assert {"step-18", "step-20"} == names


def test_the_adapter_folder_is_portable(whole_run: RunFolder, tiny: Path) -> None:
    """PEFT files, tokenizer and card are there, and no path of this machine in them."""
    folder = whole_run.adapter
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    texts = [
        (folder / name).read_text(encoding="utf-8")
        for name in ("adapter_config.json", "README.md", "tokenizer_config.json")
    ]

    assert tiny.name == config["base_model_name_or_path"]
    assert sorted(config["target_modules"]) == config["target_modules"]
    assert (folder / "chat_template.jinja").is_file()
    assert (folder / "tokenizer.json").is_file()
    assert all(str(tiny.parent) not in text for text in texts)
    assert "0" * 64 == read_facts(folder).data_sha256


def test_pause_frees_the_process_and_resume_ends_the_same(
    whole_run: RunFolder, tiny: Path, tmp_path: Path
) -> None:
    """Paused after a few steps and resumed, a run makes the very same adapter."""
    run = make_run(tmp_path, tiny, dropout=0.1)
    command = held_command(3, run.orders / "pause", run.path)
    process = start(run, command=command)
    until(process, run, is_step(3))
    run.order("pause")
    status = process.wait(timeout=240)
    paused = last(read_events(run.events_file))

    ended = last(finish(run, resume=True))

    assert (0, "paused") == (status, paused.status)
    assert 0 < paused.step < 20
    assert frozenset() == run.ordered()
    assert "done" == ended.status == run.status().status
    assert weights(whole_run) == weights(run)
    assert (
        ended.eval_loss_before
        == last(read_events(whole_run.events_file)).eval_loss_before
    )


def test_sigterm_saves_and_pauses(tiny: Path, tmp_path: Path) -> None:
    """A logout leaves a paused run with a whole checkpoint of its last step."""
    run = make_run(tmp_path, tiny, save_every=1000, **ENDLESS)
    process = start(run)
    until(process, run, is_step(2))
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=240)
    paused = last(read_events(run.events_file))

    assert "paused" == paused.status == run.status().status
    assert (run.checkpoints / f"step-{paused.step}" / "manifest.json").is_file()


def test_stop_keeps_and_discard_drops(tiny: Path, tmp_path: Path) -> None:
    """A stopped run has an adapter of the steps done; a discarded one leaves nothing."""
    kept = make_run(tmp_path / "kept", tiny, **ENDLESS)
    process = start(kept)
    until(process, kept, is_step(3))
    kept.order("stop")
    process.wait(timeout=240)
    dropped = make_run(tmp_path / "dropped", tiny, **ENDLESS)
    process = start(dropped)
    until(process, dropped, is_step(3))
    dropped.order("discard")
    process.wait(timeout=240)

    ended = last(read_events(kept.events_file))
    assert "stopped" == ended.status
    assert ended.adapter_id
    assert weights(kept)
    gone = last(read_events(dropped.events_file))
    assert "stopped" == gone.status == dropped.status().status
    assert gone.adapter_id is None
    assert not dropped.adapter.exists()
    assert not dropped.checkpoints.exists()


def test_save_now_writes_a_checkpoint(tiny: Path, tmp_path: Path) -> None:
    """The order to save writes a checkpoint and the training goes on to its end."""
    run = make_run(tmp_path, tiny, save_every=1000)
    command = held_command(2, run.orders / "save", run.path)
    process = start(run, command=command)
    until(process, run, is_step(2))
    run.order("save")
    process.wait(timeout=240)
    events = read_events(run.events_file)
    saved = [event.step for event in events if isinstance(event, Checkpoint)]

    assert "done" == last(events).status
    assert 2 == len(saved)
    assert 20 == saved[-1] > saved[0]


def test_qlora_trains(tiny: Path, tmp_path: Path) -> None:
    """Four-bit weights, double quantisation, and an optimiser the CPU must replace."""
    run = make_run(tmp_path, tiny, kind="qlora", optimizer="paged_adamw_8bit")
    events = finish(run)
    ended = last(events)

    assert "done" == ended.status
    assert ended.eval_loss is not None
    assert ended.eval_loss_before is not None
    assert ended.eval_loss < ended.eval_loss_before
    assert "train.optimizer_replaced" in {
        event.code for event in events if isinstance(event, Warned)
    }


def test_early_stopping_keeps_the_best(tiny: Path, tmp_path: Path) -> None:
    """With a rate that ruins it, the run stops early and its adapter is the best one."""
    run = make_run(
        tmp_path, tiny, learning_rate=0.5, warmup_ratio=0.0, scheduler="constant",
        eval_every=1, early_stopping=2, max_steps=40, max_grad_norm=0.0,
    )  # fmt: skip
    events = finish(run)
    ended = last(events)
    looks = {
        e.step: e.eval_loss for e in events if isinstance(e, Metrics) and e.eval_loss
    }

    assert "done" == ended.status
    assert ended.step < 40
    assert ended.best_step == min(looks, key=lambda step: looks[step])
    assert read_facts(run.adapter).eval_loss == looks[ended.best_step]


def test_bad_data_fails_with_its_line(tiny: Path, tmp_path: Path) -> None:
    """A row without an answer ends the run with words, its line and status failed."""
    run = make_run(tmp_path, tiny)
    with (tmp_path / "chats.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"messages": [{"role": "user", "content": "And now?"}]}\n')
    process = start(run)
    status = process.wait(timeout=240)
    events = read_events(run.events_file)
    failures = [event for event in events if isinstance(event, Failed)]

    assert 1 == status
    assert "failed" == last(events).status == run.status().status
    assert "dataset.row_invalid" == failures[0].code
    assert "25" in failures[0].message
    assert failures[0].hint


def test_two_workers_never_share_a_run(tiny: Path, tmp_path: Path) -> None:
    """The second worker on a folder leaves at once; the first is undisturbed."""
    run = make_run(tmp_path, tiny)
    go_on = tmp_path / "go-on"
    first = start(run, command=held_command(1, go_on, run.path))
    until(first, run, lambda event: isinstance(event, Phase))
    second = start(run, resume=True)

    assert 2 == second.wait(timeout=240)
    go_on.touch()
    assert 0 == first.wait(timeout=240)
    assert "done" == last(read_events(run.events_file)).status


def test_a_run_that_has_begun_is_not_begun_again(whole_run: RunFolder) -> None:
    """Without --resume a run with checkpoints is refused and left as it was."""
    before = whole_run.events_file.read_bytes()

    assert 2 == start(whole_run).wait(timeout=240)
    assert before == whole_run.events_file.read_bytes()
