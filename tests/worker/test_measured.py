"""What a run measured is held against the batches it really had."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from core.data.batches import batches
from core.data.rows import EncodedRow
from core.engine.batch import WIDTH_STEP_TOKENS, collate
from core.engine.device import Compute
from core.engine.schedule import Course, course_of
from core.engine.standing import Standing, with_peak
from core.estimate import loop as estimated
from core.estimate.memory import estimate
from core.estimate.repriced import MicroBatch, repriced
from core.hardware.budget import DeviceBudget
from core.hardware.gpu import Gpu, GpuProcess
from core.models.catalogue import catalogue_shape
from core.models.shape import ModelShape
from core.places import Places
from core.plan.plan import Plan, Training
from core.runs.folder import RunFolder
from core.runs.outcomes import own_outcome, read_outcomes
from core.units import GIB, MIB
from core.worker import heartbeat, measured
from core.worker.channel import EventLog
from core.worker.heartbeat import Heartbeat
from core.worker.measured import Measured, keep, largest, ran_out
from tests.fakes.tiny_run import make_run

CARD = DeviceBudget(
    kind="cuda", name="Card", total=8 * GIB, free=7 * GIB, compute_capability=(8, 6)
)


def rows_of(lengths: list[int], answers: list[int]) -> list[EncodedRow]:
    return [
        EncodedRow(
            ids=(1,) * length,
            trained=tuple(place >= length - answer for place in range(length)),
        )
        for length, answer in zip(lengths, answers, strict=True)
    ]


def course(training: Training, rows: list[EncodedRow]) -> Course:
    order = batches([len(row.ids) for row in rows], training.batch_size, 42, 0)
    return course_of(
        training, micro_batches=len(order), train_tokens=1000, eval_tokens=0
    )


def shape() -> ModelShape:
    found = catalogue_shape("HuggingFaceTB/SmolLM2-360M")
    assert found is not None
    return found


@given(
    some.lists(some.tuples(some.integers(2, 300), some.integers(1, 40)), min_size=1),
    some.integers(1, 4),
    some.integers(1, 3),
    some.integers(2, 30),
)
@settings(max_examples=60, deadline=None)
def test_the_widest_batch_of_the_steps_done_is_found(
    drawn: list[tuple[int, int]], batch_size: int, accumulation: int, steps: int
) -> None:
    """It is the one with the most tokens that `collate` ever made, epoch after epoch."""
    rows = rows_of([n for n, _ in drawn], [min(n - 1, a) for n, a in drawn])
    training = Training(
        batch_size=batch_size, gradient_accumulation=accumulation, max_steps=steps
    )
    plotted = course(training, rows)
    made = [
        collate(
            [rows[number] for number in group], pad_id=0, device=torch.device("cpu")
        )
        for epoch in range(steps)
        for group in batches([n for n, _ in drawn], batch_size, training.seed, epoch)
    ][: steps * len(batches([n for n, _ in drawn], batch_size, training.seed, 0))]

    found = largest(rows, training, plotted, plotted.steps_per_epoch * steps)

    assert max(b.rows * b.width_tokens for b in found) == max(
        batch.ids.numel() for batch in made
    )
    assert all(b.trained_tokens <= b.rows * (b.width_tokens - 1) for b in found)


def test_only_the_steps_done_count() -> None:
    """Rows still to come teach nothing of what was measured."""
    rows = rows_of([32] * 20 + [320], [8] * 21)
    training = Training(batch_size=1, gradient_accumulation=1)
    plotted = course(training, rows)
    order = batches([len(row.ids) for row in rows], 1, training.seed, 0)
    comes_at = order.index((20,)) + 1

    before = largest(rows, training, plotted, comes_at - 1)
    after = largest(rows, training, plotted, comes_at)

    assert {32} == {batch.width_tokens for batch in before}
    assert 320 == max(batch.width_tokens for batch in after)


def test_engine_and_estimate_pad_alike() -> None:
    """Both round a batch's width to the same multiple."""
    assert WIDTH_STEP_TOKENS == estimated.WIDTH_STEP_TOKENS
    for tokens in (1, 31, 32, 33, 1000):
        row = EncodedRow(ids=(1,) * tokens, trained=(False,) * tokens)
        batch = collate([row], pad_id=0, device=torch.device("cpu"))
        assert estimated.rounded_width(tokens) == batch.ids.shape[1]


def test_a_shorter_batch_is_priced_lower_and_its_first_step_without_states() -> None:
    """A full batch of trained tokens is the estimate itself, to the byte."""
    plan = Plan(train=Training(batch_size=2, seq_len=512, gradient_accumulation=1))
    whole = MicroBatch(rows=2, width_tokens=512, trained_tokens=2 * 511)
    short = replace(whole, width_tokens=256, trained_tokens=100)
    early = replace(whole, first=True)

    found = [repriced(plan, shape(), CARD, [b]) for b in (whole, short, early)]

    full, less, first = (one.raw for one in found if one is not None)
    assert estimate(plan, shape(), CARD) == full
    assert less.allocated < full.allocated
    assert first.process == full.process - full.components.optimizer
    most = repriced(plan, shape(), CARD, [short, early, whole])
    assert most is not None
    assert whole == most.batch
    assert repriced(plan, shape(), CARD, []) is None


@pytest.fixture
def run(tmp_path: Path, tiny: Path) -> RunFolder:
    return make_run(tmp_path, tiny)


def found_in(run: RunFolder, **changes: object) -> Measured:
    rows = rows_of([90, 40, 60, 64], [20, 20, 20, 20])
    plan = run.plan()
    base = Measured(
        plan=plan,
        compute=Compute(device=torch.device("cuda", 0), dtype_name="bf16"),
        course=course(plan.train, rows),
        rows=rows,
        standing=with_peak(
            Standing(step=4, tokens=1000, train_s=2.0), 300 * MIB, 320 * MIB
        ),
        process_bytes=600 * MIB,
        failure=None,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def kept(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, **changes: object
) -> measured.Outcome | None:
    monkeypatch.setattr(measured, "device_budget", lambda: CARD)
    places = Places(home=run.path.parent.parent)
    keep(run, places, found_in(run, **changes))
    found = own_outcome(run)
    assert (found,) == (read_outcomes(places) or (None,))
    return found


def test_a_card_keeps_what_three_counters_say(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Allocated, reserved and the process, each beside its prediction."""
    found = kept(run, monkeypatch)

    assert found is not None
    assert ("Card", "cuda", "lora", "llama") == (
        found.device,
        found.device_kind,
        found.method,
        found.family,
    )
    assert (300 * MIB, 320 * MIB, 600 * MIB) == (
        found.measured,
        found.measured_reserved,
        found.measured_process,
    )
    assert found.predicted < (found.predicted_reserved or 0)
    assert (found.predicted_reserved or 0) < (found.predicted_process or 0)
    assert (2, 96) == (found.rows, found.width_tokens)
    assert (4, 500.0) == (found.steps, found.tokens_per_s)
    assert found.complete


def test_a_resumed_run_keeps_the_highest_process(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process went on: its peak may be the lower one."""
    kept(run, monkeypatch)

    found = kept(run, monkeypatch, process_bytes=500 * MIB)

    assert found is not None
    assert 600 * MIB == found.measured_process


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"standing": Standing(step=1, peak_memory=GIB)}, "no states yet"),
        (
            {"compute": Compute(device=torch.device("cpu"), dtype_name="fp32")},
            "another device than the run began on",
        ),
        (
            {"standing": Standing(step=0), "failure": RuntimeError("shape mismatch")},
            "it never trained",
        ),
    ],
)
def test_what_cannot_be_compared_is_not_kept(
    run: RunFolder,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, object],
    why: str,
) -> None:
    """Each would teach something wrong."""
    assert kept(run, monkeypatch, **changes) is None, why


def test_out_of_memory_in_the_first_step_is_kept_as_a_lower_bound(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was there and what was asked for in vain: so much was needed at least."""
    failure = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.50 GiB.")
    standing = Standing(peak_memory=5 * GIB)

    found = kept(run, monkeypatch, standing=standing, failure=failure)

    assert found is not None
    assert round(6.5 * GIB) == found.measured
    assert found.out_of_memory
    assert not found.complete


@pytest.mark.parametrize(
    ("failure", "runs_out"),
    [
        (None, False),
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (
            RuntimeError(
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate"
                " 4096 bytes."
            ),
            True,
        ),
        (RuntimeError("CUDA error: an illegal memory access"), False),
    ],
)
def test_running_out_is_told_from_other_failures(
    failure: BaseException | None, runs_out: bool
) -> None:
    """Only memory that ran out teaches something about memory."""
    assert runs_out is ran_out(failure)


def test_the_driver_is_asked_for_this_process_alone(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The most it ever counted stays, on this card, of this process number."""
    shown = Gpu(
        index=0,
        name="Card",
        total=8 * GIB,
        free=GIB,
        compute_capability=(8, 6),
        driver="",
    )

    def holding(*held: tuple[int, int | None]) -> tuple[Gpu, ...]:
        found = tuple(GpuProcess(pid=pid, name="x", used=n) for pid, n in held)
        return (replace(shown, processes=found), replace(shown, index=1))

    me = heartbeat.os.getpid()
    log = EventLog(run.events_file)
    heart = Heartbeat(run, log)
    monkeypatch.setattr(heartbeat, "gpus", lambda: holding((me, GIB)))
    assert heart.process_bytes() is None  # on a processor
    heart.watch_gpu(0)
    assert GIB == heart.process_bytes()
    for held in (((me, 512 * MIB), (1, 5 * GIB)), ((me, None),), ()):
        monkeypatch.setattr(heartbeat, "gpus", lambda held=held: holding(*held))
        assert GIB == heart.process_bytes()
    log.close()


def test_a_run_for_a_card_never_tells_of_main_memory(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither while torch is on its way nor while the driver does not answer."""
    card = Gpu(
        index=1, name="Card", total=8 * GIB, free=6 * GIB, compute_capability=(8, 6),
        driver="",
    )  # fmt: skip
    log = EventLog(run.events_file)
    heart = Heartbeat(run, log)
    log.close()
    monkeypatch.setattr(heartbeat, "gpus", lambda: (card,))
    monkeypatch.setattr(heartbeat, "chosen_card", lambda: card)
    before = heart.device()
    heart.watch_gpu(1)
    during = heart.device()
    monkeypatch.setattr(heartbeat, "gpus", tuple)
    silent = heart.device()

    assert before is None
    assert during is not None
    assert (2 * GIB, 8 * GIB) == (during.used, during.total)
    assert silent is None


def test_a_run_on_the_processor_tells_of_main_memory(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its first beat on: nothing else is waited for."""
    monkeypatch.setattr(heartbeat, "chosen_card", lambda: None)
    log = EventLog(run.events_file)
    found = Heartbeat(run, log).device()
    log.close()

    assert found is not None
    assert found.total == heartbeat.psutil.virtual_memory().total
