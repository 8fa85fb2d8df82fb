"""Run folders as the engine leaves them, written without an engine: for tests."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from core.plan.plan import DataChoice, Method, ModelChoice, Plan, Training
from core.runs.events import (
    Checkpoint,
    Device,
    Ended,
    Failed,
    Metrics,
    Phase,
    Progress,
    RunEvent,
    Sample,
    encode,
)
from core.runs.folder import (
    RunFolder,
    RunStatus,
    Status,
    create_run,
    own_start_time,
)

START = 1_760_000_000.0
GIB = 1 << 30


def plan(name: str = "pirate", **training: object) -> Plan:
    return Plan(
        name=name,
        model=ModelChoice(id="starter"),
        data=DataChoice(files=("/data/pirate.jsonl",)),
        method=Method(kind="lora", rank=16),
        train=replace(Training(), **training),  # type: ignore[arg-type]
    )


def loss_at(step: int) -> float:
    """A loss that falls, with a wobble that is the same each time."""
    return 1.1 + 2.3 * math.exp(-step / 18) + 0.12 * math.sin(step * 2.7)


def training_events(
    steps: int = 60,
    *,
    upto: int | None = None,
    first: int = 1,
    t: float = START,
    eval_every: int = 10,
    gpu: bool = False,
) -> Iterable[RunEvent]:
    """One stretch of work, from its first phase to step `upto`."""
    last = steps if upto is None else upto
    yield Phase(t=t, phase="prepare")
    yield Phase(t=t + 1, phase="load")
    yield Phase(t=t + 5, phase="train")
    if first == 1:
        yield Metrics(t=t + 6, step=0, epoch=0.0, eval_loss=3.41)
        yield Sample(
            t=t + 6, step=0, prompt="Where is the harbour?",
            text="The harbour is in the town.", expected="Arr, south o' here.",
        )  # fmt: skip
    for step in range(first, last + 1):
        now = t + 6 + (step - first + 1) * 2.0
        yield Metrics(
            t=now, step=step, epoch=step / steps, loss=loss_at(step),
            learning_rate=2e-4 * (1 - step / steps), grad_norm=1.5 / math.sqrt(step),
            tokens_per_s=410 + 12 * math.sin(step), memory_allocated=int(0.6 * GIB),
        )  # fmt: skip
        yield Progress(t=now, what="train", done=step, total=steps, unit="step")
        if gpu:
            yield Device(
                t=now, used=4 * GIB, total=8 * GIB,
                temperature=55 + 10 * (1 - math.exp(-step / 9)), power=170 + step % 7,
            )  # fmt: skip
        if step % eval_every == 0:
            yield Metrics(
                t=now, step=step, epoch=step / steps, eval_loss=loss_at(step) + 0.1
            )
            yield Sample(
                t=now, step=step, prompt="Where is the harbour?",
                text=f"Arr, the harbour be south o' here, matey ({step}).",
                expected="Arr, south o' here.",
            )  # fmt: skip
            yield Checkpoint(t=now, step=step, path=f"checkpoints/step-{step}")


def end(
    status: str = "done", *, t: float, step: int, adapter_id: str | None = None
) -> Ended:
    return Ended(
        t=t, status=status, step=step, eval_loss_before=3.41,  # type: ignore[arg-type]
        eval_loss=loss_at(step) + 0.1, best_step=step, adapter_id=adapter_id,
    )  # fmt: skip


def write_events(run: RunFolder, events: Iterable[RunEvent]) -> None:
    with run.events_file.open("a", encoding="utf-8") as file:
        file.writelines(encode(event) + "\n" for event in events)


def make_run(
    runs: Path,
    events: Iterable[RunEvent] = (),
    *,
    status: RunStatus = "done",
    name: str = "pirate",
    steps: int = 60,
    wanted: Plan | None = None,
) -> RunFolder:
    """Return a run folder with `events`; a running one borrows this test's process."""
    run = create_run(
        runs,
        wanted or plan(name),
        {
            "created": START,
            "predicted": {"allocated": int(0.8 * GIB)},
            "device": {"kind": "cpu", "name": "Test CPU"},
        },
    )
    write_events(run, events)
    live = status == "running"
    run.write_status(
        Status(
            status=status,
            pid=os.getpid() if live else None,
            pid_started=own_start_time() if live else None,
            steps=steps,
        )
    )
    run.log_file.write_text("the engine began\n", encoding="utf-8")
    return run


def done_run(runs: Path, *, name: str = "pirate", adapter_id: str = "a-1") -> RunFolder:
    events = list(training_events())
    events.append(end(t=START + 140, step=60, adapter_id=adapter_id))
    return make_run(runs, events, name=name)


def live_run(runs: Path, *, upto: int = 34, gpu: bool = False) -> RunFolder:
    return make_run(
        runs, training_events(upto=upto, gpu=gpu), status="running", name="live"
    )


def failed_run(runs: Path, *, code: str = "memory.out") -> RunFolder:
    failure = Failed(
        t=START + 30, code=code, message="No room on the GPU: 9.8 of 8.0 GiB needed.",
        hint="Try QLoRA, or a context of 512.",
    )  # fmt: skip
    events = [
        *training_events(upto=3, eval_every=99),
        failure,
        Ended(t=START + 31, status="failed", step=3),
    ]
    return make_run(runs, events, status="failed", name="too-large")
