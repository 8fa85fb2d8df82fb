"""What to change so that a run fits."""

from dataclasses import replace

import pytest

from core.estimate.memory import estimate
from core.hardware.budget import device_budget
from core.models.catalogue import catalogue_shape
from core.models.reading import read_shape
from core.models.shape import ModelShape
from core.plan.fields import value_of, with_value
from core.plan.plan import Method, Plan, Training
from core.planner.advice import fit_plan, max_batch, max_seq_len, recommend
from core.units import GIB

WISH = Plan(
    train=Training(batch_size=8, seq_len=2048, gradient_checkpointing=False),
)


def shape(name: str = "meta-llama/Llama-3.1-8B") -> ModelShape:
    found = catalogue_shape(name)
    assert found is not None
    return found


@pytest.mark.parametrize("gib", [8, 12, 16, 24, 48, 80])
def test_the_plan_found_fits_and_keeps_the_effective_batch(gib: int) -> None:
    """Each change is told from the wish to the plan, with what it saves."""
    card = device_budget(gpu_memory=gib * GIB)

    fit = fit_plan(WISH, shape(), card)

    assert fit.estimate.fits
    assert estimate(fit.plan, shape(), card) == fit.estimate
    assert WISH.train.effective_batch == fit.plan.train.effective_batch
    for change in fit.changes:
        assert value_of(WISH, change.field) == change.before
        assert value_of(fit.plan, change.field) == change.after
        assert change.why
    assert fit.max_seq_len >= fit.plan.train.seq_len
    assert fit.max_batch >= fit.plan.train.batch_size


def test_a_plan_that_fits_is_left_alone() -> None:
    """Nothing is changed without need."""
    fit = fit_plan(Plan(), shape(), device_budget(gpu_memory=80 * GIB))

    assert () == fit.changes
    assert Plan() == fit.plan


def test_what_must_stay_stays() -> None:
    """Kept settings are not touched, under their short names too."""
    card = device_budget(gpu_memory=12 * GIB)

    fit = fit_plan(WISH, shape(), card, keep=("seq_len", "batch"))

    assert 2048 == fit.plan.train.seq_len
    assert 8 == fit.plan.train.batch_size


def test_no_change_is_needless() -> None:
    """Taking back any one change makes the plan too large again."""
    card = device_budget(gpu_memory=12 * GIB)
    fit = fit_plan(WISH, shape(), card)

    for change in fit.changes:
        if change.field == "train.gradient_accumulation":
            continue
        undone = with_value(fit.plan, change.field, change.before)
        assert not estimate(undone, shape(), card).fits


def test_what_cannot_fit_says_so() -> None:
    """The closest plan is shown with the verdict, and nothing is promised."""
    fit = fit_plan(WISH, shape("Qwen/Qwen2.5-72B-Instruct"), device_budget(8 * GIB))

    assert not fit.estimate.fits
    assert (0, 0) == (fit.max_seq_len, fit.max_batch)


def test_the_limits_are_the_last_that_fit() -> None:
    """The longest sequence fits, the next does not; the batch likewise."""
    card = device_budget(gpu_memory=24 * GIB)
    plan = Plan(method=Method(kind="qlora"))
    length = max_seq_len(plan, shape(), card)
    batch = max_batch(plan, shape(), card)

    def fits(key: str, value: int) -> bool:
        return estimate(with_value(plan, key, value), shape(), card).fits

    assert fits("train.seq_len", length)
    assert not fits("train.seq_len", length + 64)
    assert fits("train.batch_size", batch)
    assert not fits("train.batch_size", batch + 1)


@pytest.mark.parametrize(("gib", "kind"), [(10, "qlora"), (16, "qlora"), (24, "lora")])
def test_lora_where_there_is_room_else_qlora(gib: int, kind: str) -> None:
    """The choice is the field's, and its sentence holds the numbers."""
    found, why = recommend(Plan(), shape(), device_budget(gpu_memory=gib * GIB))

    assert kind == found
    assert "GiB" in why


@pytest.mark.parametrize(
    ("model", "gib", "kind", "words"),
    [
        ("meta-llama/Llama-3.1-8B", 12, "qlora", "even so"),
        ("meta-llama/Llama-3.1-8B", 40, "lora", "the base stays exact"),
        ("Qwen/Qwen2.5-32B-Instruct", 12, "qlora", "Neither fits"),
    ],
)
def test_the_sentence_is_about_what_would_really_be_done(
    model: str, gib: int, kind: str, words: str
) -> None:
    """It weighs what costs time alone before it says that nothing fits."""
    card = device_budget(gpu_memory=gib * GIB)

    found, why = recommend(Plan(), shape(model), card)

    assert kind == found
    assert words in why
    assert f"{gib}.0 GiB" in why
    made = fit_plan(with_value(Plan(), "method.kind", found), shape(model), card)
    assert made.estimate.fits == ("Neither" not in why)


def test_a_stranger_is_changed_no_more_than_its_bounds_ask() -> None:
    """An unknown architecture is never said to fit; its upper bound is what counts."""
    stranger = replace(shape(), known=False)
    wide, narrow = (device_budget(gpu_memory=gib * GIB) for gib in (80, 16))
    plan = with_value(Plan(), "method.kind", "qlora")

    assert () == fit_plan(plan, stranger, wide).changes
    fit = fit_plan(plan, stranger, narrow)
    assert "unknown" == fit.estimate.verdict
    assert fit.estimate.high <= narrow.free
    assert {"train.gradient_checkpointing"} == {one.field for one in fit.changes}


@pytest.mark.parametrize("gib", [80, 24, 12])
def test_quantising_is_not_advised_where_it_saves_nothing(gib: int) -> None:
    """Bitsandbytes packs none of Falcon's layers, so both methods cost the same."""
    falcon = read_shape({
        "model_type": "falcon", "architectures": ["FalconForCausalLM"],
        "hidden_size": 4544, "num_hidden_layers": 32, "num_attention_heads": 71,
        "vocab_size": 65024, "multi_query": True, "parallel_attn": True,
        "new_decoder_architecture": False, "bias": False, "alibi": False,
    })  # fmt: skip
    card = device_budget(gpu_memory=gib * GIB)
    lora, qlora = (
        estimate(with_value(WISH, "method.kind", kind), falcon, card).process
        for kind in ("lora", "qlora")
    )

    kind, why = recommend(WISH, falcon, card)

    assert lora == qlora
    assert "lora" == kind
    assert "QLoRA saves nothing here" in why
