"""What the page of one run offers follows from the folder's facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.training.present import RunFacts, RunView, plan_rows, present, value_text
from app.training.series import RunTracker, Snapshot
from core.runs.events import Failed, Phase, Progress, RunEvent, Warned
from core.runs.folder import RunStatus
from tests.app.training.made_runs import GIB, START, end, plan, training_events

NOW = START + 200


def facts(status: RunStatus = "running", **changes: object) -> RunFacts:
    base = RunFacts(run_id="r-1", plan=plan(), status=status, created=START)
    return replace(base, **changes)  # type: ignore[arg-type]


def snapshot(*more: RunEvent, upto: int = 34) -> Snapshot:
    return RunTracker().digest([*training_events(60, upto=upto), *more])


def view(status: RunStatus = "running", *more: RunEvent, **changes: object) -> RunView:
    return present(facts(status, **changes), snapshot(*more), now=NOW)


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("running", {"pause", "stop", "save"}),
        ("queued", {"pause", "stop", "save"}),
        ("paused", {"resume", "stop", "delete"}),
        ("interrupted", {"resume", "stop", "delete"}),
        ("done", {"delete"}),
        ("stopped", {"delete"}),
        ("failed", {"resume", "delete"}),
    ],
)
def test_only_what_can_be_done_is_offered(status: RunStatus, offered: set[str]) -> None:
    """Each state has its own buttons."""
    shown = view(status)
    found = {
        name
        for name in ("pause", "resume", "stop", "save", "chat", "delete")
        if getattr(shown, f"can_{name}")
    }

    assert offered == found


def test_a_failed_run_without_a_checkpoint_cannot_resume() -> None:
    """Nothing was saved, so there is nothing to go on from."""
    early = RunTracker().digest(list(training_events(60, upto=3, eval_every=99)))

    shown = present(facts("failed"), early, now=NOW)

    assert not shown.can_resume


@pytest.mark.parametrize("order", ["pause", "stop", "discard"])
def test_an_order_given_is_shown_and_not_given_twice(order: str) -> None:
    """While an order waits, the page says so and offers no other way to end it."""
    shown = view("running", ordered=frozenset({order}))

    assert shown.activity.startswith(("Pausing", "Stopping"))
    assert not shown.can_pause
    assert not shown.can_stop


def test_progress_says_steps_and_time_left() -> None:
    """The bar, the step and the time left come from the last event."""
    shown = view()

    assert pytest.approx(34 / 60) == shown.progress
    assert "Step 34 of 60 · 52 s left" == shown.progress_text


def test_a_run_that_rests_still_says_how_far_it_is() -> None:
    """A bar that stands still, and what resuming means."""
    paused, done = view("paused"), view("done")

    assert pytest.approx(34 / 60) == paused.progress
    assert "Step 34 of 60" == paused.progress_text
    assert "saved" in paused.activity
    assert "last checkpoint" in view("interrupted").activity
    assert not done.activity


def test_batches_are_counted_as_steps_are() -> None:
    """The thing comes before its number."""
    events: list[RunEvent] = [
        Phase(t=START, phase="evaluate"),
        Progress(t=START, what="evaluate", done=3, total=18, unit="batch"),
    ]

    shown = present(facts(), RunTracker().digest(events), now=NOW)

    assert "Batch 3 of 18" == shown.progress_text


def test_loading_has_a_bar_of_its_own() -> None:
    """Before training, the long action's own progress is shown."""
    events: list[RunEvent] = [
        Phase(t=START, phase="load"),
        Progress(t=START, what="load", done=3 * GIB, total=6 * GIB, unit="bytes"),
    ]

    shown = present(facts(), RunTracker().digest(events), now=NOW)

    assert "Loading the base model" == shown.activity
    assert 0.5 == shown.progress
    assert "3.00 GiB of 6.00 GiB" == shown.progress_text


def test_before_the_history_is_read_the_page_says_so() -> None:
    """The page shows before the events are read, and does not pretend."""
    shown = present(facts("done"), None, now=NOW)

    assert "Reading the run’s history." == shown.headline


def test_the_adapter_can_be_talked_to_once_it_is_there() -> None:
    """Chat is offered with the adapter the engine put into the library."""
    shown = view("done", end(t=START + 90, step=60, adapter_id="pirate-ab12"))

    assert shown.can_chat
    assert "pirate-ab12" == shown.adapter_id


def test_out_of_memory_offers_cheaper_plans() -> None:
    """Each remedy is the run's plan with one cheaper setting."""
    failure = Failed(
        t=START + 80, code="memory.out", message="No room.", hint="Try it."
    )
    wanted = plan(batch_size=4, gradient_accumulation=2, gradient_checkpointing=False)

    shown = view("failed", failure, plan=wanted)

    assert shown.failure is not None
    assert "No room." == shown.failure.title
    texts = [remedy.text for remedy in shown.failure.remedies]
    assert ["Recompute activations", "Batch size 2", "QLoRA"] == texts
    halved = shown.failure.remedies[1].plan
    assert (2, 4) == (halved.train.batch_size, halved.train.gradient_accumulation)
    assert wanted.train.effective_batch == halved.train.effective_batch


def test_nan_offers_a_lower_learning_rate() -> None:
    """A fifth of the learning rate is the first thing to try."""
    failure = Failed(t=START + 80, code="train.nan", message="NaN.", hint="")

    shown = view("failed", failure)

    assert shown.failure is not None
    assert pytest.approx(4e-5) == shown.failure.remedies[0].plan.train.learning_rate


def test_a_full_disk_has_a_cause_but_no_other_plan() -> None:
    """No setting mends a full disk."""
    failure = Failed(t=START + 80, code="disk.full", message="Full.", hint="Free some.")

    shown = view("failed", failure)

    assert shown.failure is not None
    assert () == shown.failure.remedies
    assert shown.failure.text.endswith("Free some.")


def test_an_interrupted_run_says_where_it_goes_on() -> None:
    """What is lost is named: the steps since the last checkpoint."""
    shown = view("interrupted")

    assert shown.failure is not None
    assert "The engine vanished at step 34." == shown.failure.title
    assert "checkpoint of step 30" in shown.failure.text


def test_an_engine_that_never_spoke_can_be_started_again() -> None:
    """A run that waits for ever would be a dead end."""
    waiting = facts("queued")
    nothing = RunTracker().digest([])

    early = present(waiting, nothing, now=START + 30)
    late = present(waiting, nothing, now=START + 90)

    assert ("Starting", False) == (early.look.text, early.can_resume)
    assert ("Interrupted", True) == (late.look.text, late.can_resume)
    assert late.failure is not None
    assert "The engine never started." == late.failure.title


def test_discarding_names_what_is_lost() -> None:
    """The question before it says how much work goes."""
    assert view().discard_loses.startswith("34 trained steps (1 min 14 s of work)")


def test_warnings_are_shown_with_their_hints() -> None:
    """A warning keeps its way out."""
    warned = Warned(
        t=START, code="x", message="Rows were cut.", hint="Raise the length."
    )

    assert ("Rows were cut. Raise the length.",) == view("running", warned).warnings


def test_the_newest_sample_stands_first() -> None:
    """What it can do now matters most."""
    assert [30, 20, 10, 0] == [sample.step for sample in view().samples]


def test_the_prediction_is_told_beside_the_peak() -> None:
    """Predicted and measured memory can be compared."""
    shown = view("running", predicted_memory=GIB)
    tips = {figure.label: figure.tip for figure in shown.figures}

    assert "1.00 GiB was predicted" in tips["Peak memory"]


def test_settings_are_told_with_their_explanations() -> None:
    """Every setting that has a value is listed, explained."""
    rows = {label: (value, tip) for label, value, tip in plan_rows(plan())}

    assert "16" == rows["Rank"][0]
    assert rows["Rank"][1]
    assert "Revision" not in rows


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "on"), (False, "off"), (2e-4, "0.0002"), (1024, "1024"),
        (("q_proj", "v_proj"), "q_proj, v_proj"),
        ({"prompt": "question"}, "prompt: question"),
    ],
)  # fmt: skip
def test_values_read_as_people_write_them(value: object, text: str) -> None:
    """No Python syntax on the page."""
    assert text == value_text(value)


def test_long_paths_are_told_by_their_names() -> None:
    """The table shows the file, its tip the whole path."""
    rows = {label: (value, tip) for label, value, tip in plan_rows(plan())}

    assert "pirate.jsonl" == rows["Files"][0]
    assert "/data/pirate.jsonl" in rows["Files"][1]
