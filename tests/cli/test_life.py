"""A run's whole life from the command line: real processes, a tiny real model."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from core.durable import sha256
from core.library.facts import read_facts
from core.places import Places
from core.plan.codec import write_plan
from core.plan.fields import with_value
from core.plan.plan import Plan
from core.runs.folder import RunFolder, is_alive
from tests.cli.conftest import Cli
from tests.cli.tiny import write_rows, write_tiny_model
from tests.fakes.held_engine import hold_every_worker

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
RESULT = {
    "run_id", "status", "adapter_id", "adapter_dir", "steps", "train_loss", "eval_loss",
    "best_step", "tokens_per_s", "peak_memory", "predicted_memory",
}  # fmt: skip
LISTED = {
    "run_id", "name", "status", "model", "method", "started", "finished", "step",
    "steps", "train_loss", "eval_loss", "adapter_id",
}  # fmt: skip
ON_THE_SHELF = {
    "adapter_id", "name", "base_model", "method", "rank", "tags", "size", "eval_loss",
    "created", "parent", "path", "ok",
}  # fmt: skip
# far more than a test waits for: such a run ends only because it is told to
ENDLESS = "train.max_steps=1000000"


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    model = write_tiny_model(tmp_path / "tiny")
    rows = write_rows(tmp_path / "rows.jsonl")
    plan = Plan()
    for key, value in {
        "name": "Tiny",
        "model.id": str(model),
        "data.files": (str(rows),),
        "data.eval_fraction": 0.2,
        "method.compute_dtype": "fp32",
        "train.max_steps": 6,
        "train.batch_size": 2,
        "train.gradient_accumulation": 1,
        "train.seq_len": 96,
        "train.learning_rate": 0.002,
        "train.gradient_checkpointing": False,
        "train.save_every": 2,
    }.items():
        plan = with_value(plan, key, value)
    path = tmp_path / "plan.toml"
    write_plan(path, plan)
    return path


class Child:
    """``tunesmith … --events`` in a process of its own."""

    def __init__(self, *words: str, path: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "core.cli", *words, "--events"],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": path},
        )  # fmt: skip

    def until(self, kind: str, step: int = 0) -> dict[str, Any]:
        """Return the first event of this kind at or after `step`."""
        for event in self.events():
            if event["kind"] == kind and event.get("step", 0) >= step:
                return event
        message = f"ended before {kind} at {step}: {self.process.communicate()[1]}"
        raise AssertionError(message)

    def events(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line)

    def end(self) -> tuple[int, dict[str, Any]]:
        """Return the exit status and the last line."""
        last: dict[str, Any] = {}
        for last in self.events():  # noqa: B007 - the last one counts
            continue
        self.process.communicate()  # closes both pipes
        return self.process.wait(), last

    def close(self) -> None:
        """Leave nothing behind, however the test went."""
        self.process.kill()
        self.process.communicate()


Start = Callable[..., Child]


@pytest.fixture
def start(places: Places) -> Iterator[Start]:
    """Start ``tunesmith …`` beside the test; it and its run end with the test."""
    children: list[Child] = []
    # a test run in the background ignores Ctrl-C, and so would its children
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def begin(*words: str, path: str = "") -> Child:
        children.append(Child(*words, path=path))
        return children[-1]

    yield begin
    signal.signal(signal.SIGINT, before)
    for child in children:
        child.close()
    for run in map(RunFolder, places.runs.iterdir()):
        at_work = run.written_status()
        if at_work.pid and is_alive(at_work.pid, at_work.pid_started):
            with suppress(ProcessLookupError):  # it may end by itself just now
                os.kill(at_work.pid, signal.SIGTERM)


def only_run(places: Places) -> RunFolder:
    (path,) = places.runs.iterdir()
    return RunFolder(path)


def test_from_plan_to_adapter_to_answers(
    cli: Cli, places: Places, plan_file: Path
) -> None:
    """Train, look at the run, find the adapter, chat with it; each with its keys."""
    trained = cli("train", str(plan_file), "--json")
    result = trained.document

    assert 0 == trained.status, trained.err
    assert set(result) >= RESULT
    assert ("done", 6) == (result["status"], result["steps"])
    assert result["eval_loss"] < result["eval_loss_before"]
    assert result["peak_memory"] > 0

    memory = result["memory"]
    assert result["peak_memory"] == memory["measured"]
    assert result["predicted_memory"] == memory["predicted"] <= memory["planned"]
    assert (
        memory["predicted"] == read_facts(Path(result["adapter_dir"])).predicted_memory
    )
    assert (2, 96) >= (memory["rows"], memory["width_tokens"])
    assert f"Memory: {memory['text']}" in cli("runs", "show", result["run_id"]).out
    learned = cli(
        "estimate", "--model", str(plan_file.parent / "tiny"), "--json"
    ).document["learned"]
    assert 1 == learned["runs"]
    assert learned["text"].startswith("last run here: ")

    (line,) = cli("runs", "--json").document["runs"]
    assert set(line) >= LISTED
    assert ("done", 6, 6) == (line["status"], line["step"], line["steps"])
    curve = cli("runs", "show", line["run_id"], "--json").document["curve"]
    assert list(range(7)) == [point["step"] for point in curve]
    shown = cli("plan", "show", line["run_id"], "--json").document
    assert "Tiny" == shown["plan"]["name"]
    assert [] == shown["problems"]

    (shelved,) = cli("library", "list", "--json").document["adapters"]
    assert set(shelved) >= ON_THE_SHELF
    assert result["adapter_id"] == shelved["adapter_id"]
    assert shelved["path"] == result["adapter_dir"]
    assert cli("library", "verify", shelved["adapter_id"], "--json").document["ok"]

    answered = cli(
        "chat", "--model", str(plan_file.parent / "tiny"), "--adapter",
        f"{shelved['adapter_id']}@0.5", "--prompt", "What is 2 and 2?", "--max-tokens",
        "5", "--json",
    )  # fmt: skip
    assert 0 == answered.status, answered.err
    base, adapter = answered.document["answers"]
    assert (None, shelved["adapter_id"]) == (base["adapter"], adapter["adapter"])
    assert 5 == adapter["tokens"]
    assert {"text", "first_token_s", "tokens_per_s"} < set(base)

    again = cli("resume", line["run_id"], "--json")
    assert (2, "run.done") == (again.status, again.document["error"]["code"])


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C as a signal")
def test_ctrl_c_pauses_and_stop_keeps_what_was_learnt(
    cli: Cli, places: Places, plan_file: Path, start: Start
) -> None:
    """Status 130 with the state saved; a paused run can be ended with its adapter."""
    child = start("train", str(plan_file), "--set", ENDLESS)
    child.until("metrics", step=2)
    child.process.send_signal(signal.SIGINT)
    status, last = child.end()

    assert 130 == status
    assert "paused" == last["status"]
    assert "run.paused" == last["error"]["code"]
    assert last["run_id"] in last["error"]["hint"]
    assert last["steps"] >= 2
    run = only_run(places)
    assert "paused" == run.status().status

    stopped = cli("stop", run.run_id, "--json")
    assert 0 == stopped.status, stopped.err
    assert ("stopped", last["steps"]) == (
        stopped.document["status"],
        stopped.document["steps"],
    )
    assert stopped.document["adapter_id"]
    assert cli("library", "list", "--json").document["adapters"]


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_killed_engine_is_told_and_resumed(
    cli: Cli, places: Places, plan_file: Path, start: Start, tmp_path: Path
) -> None:
    """Status 1 with the cause; `resume` ends with the adapter of a whole run."""
    steps = ["--set", "train.max_steps=12", "--set", "train.save_every=4"]
    whole = cli("train", str(plan_file), *steps, "--json").document
    held = hold_every_worker(5, tmp_path / "never", tmp_path)
    child = start("train", str(plan_file), *steps, path=held)
    child.until("metrics", step=5)
    run = next(
        run for path in places.runs.iterdir()
        if (run := RunFolder(path)).run_id != whole["run_id"]
    )  # fmt: skip
    pid = run.written_status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    status, last = child.end()

    assert 1 == status
    assert ("interrupted", "run.died") == (last["status"], last["error"]["code"])
    assert "SIGKILL" in last["error"]["message"]
    assert str(run.log_file) in last["error"]["hint"]

    resumed = cli("resume", run.run_id, "--json")
    assert 0 == resumed.status, resumed.err
    assert ("done", 12) == (resumed.document["status"], resumed.document["steps"])
    weights = "adapter_model.safetensors"
    assert sha256(Path(whole["adapter_dir"]) / weights) == sha256(
        Path(resumed.document["adapter_dir"]) / weights
    )


def test_a_run_is_paused_and_discarded_from_elsewhere(
    cli: Cli, places: Places, plan_file: Path, start: Start
) -> None:
    """Its follower ends with status 0; nothing of it stays but the history."""
    child = start("train", str(plan_file), "--set", ENDLESS)
    child.until("metrics", step=1)
    run = only_run(places)
    busy = cli("resume", run.run_id, "--json")
    assert "run.live" == busy.document["error"]["code"]

    paused = cli("pause", run.run_id, "--json")
    assert (0, "paused") == (paused.status, paused.document["status"])
    status, last = child.end()
    assert (0, "paused") == (status, last["status"])

    dropped = cli("stop", run.run_id, "--discard", "--json")
    assert (0, "stopped") == (dropped.status, dropped.document["status"])
    assert dropped.document["adapter_id"] is None
    assert not run.checkpoints.exists()
    assert {"adapters": []} == cli("library", "--json").document
    gone = cli("resume", run.run_id, "--json")
    assert (2, "run.discarded") == (gone.status, gone.document["error"]["code"])
    idle = cli("pause", run.run_id, "--json")
    assert (2, "run.not_running") == (idle.status, idle.document["error"]["code"])
