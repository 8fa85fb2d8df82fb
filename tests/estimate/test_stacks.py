"""Sequence-to-sequence models and classifiers: the formula against the dry run."""

from dataclasses import replace
from typing import Any

import pytest

from core.engine.dryrun import dry_run
from core.errors import ModelError
from core.estimate.acting.stacks import StackStep
from core.estimate.acting.tape import Tape
from core.estimate.loop import habits
from core.estimate.memory import estimate, tensors
from core.hardware.budget import device_budget
from core.models.reading import read_shape
from core.plan.plan import Method, Plan, Training

# peft still calls transformers' checkpointing by its older name
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

CARD = device_budget(gpu_name="RTX 4090")
T5: dict[str, Any] = {
    "d_model": 256,
    "d_kv": 32,
    "d_ff": 1024,
    "num_layers": 5,
    "num_decoder_layers": 4,
    "num_heads": 8,
    "vocab_size": 4000,
}
BART: dict[str, Any] = {
    "d_model": 256,
    "encoder_layers": 5,
    "decoder_layers": 4,
    "encoder_ffn_dim": 1024,
    "decoder_ffn_dim": 1000,
    "encoder_attention_heads": 8,
    "decoder_attention_heads": 8,
    "vocab_size": 4000,
}
BERT: dict[str, Any] = {
    "hidden_size": 256,
    "intermediate_size": 1024,
    "num_hidden_layers": 5,
    "num_attention_heads": 8,
    "vocab_size": 4000,
}
DISTILBERT: dict[str, Any] = {
    "dim": 256,
    "hidden_dim": 1024,
    "n_layers": 5,
    "n_heads": 8,
    "vocab_size": 4000,
}
MODELS: dict[str, dict[str, Any]] = {
    "t5": T5,
    "mt5": T5,
    "umt5": T5,
    "bart": BART,
    "mbart": BART,
    "pegasus": BART,
    "bert": BERT,
    "roberta": BERT,
    "distilbert": DISTILBERT,
    "modernbert": {**BERT, "pad_token_id": 0},
}


def config(kind: str) -> dict[str, Any]:
    return {"model_type": kind, **MODELS[kind]}


def plan_of(method: Any, *, checkpointing: bool, attention: Any = "sdpa") -> Plan:
    return Plan(
        method=Method(kind=method, rank=8, compute_dtype="bf16"),
        train=Training(
            batch_size=3,
            seq_len=160,
            gradient_checkpointing=checkpointing,
            attention=attention,
        ),
    )


def require_agreement(kind: str, plan: Plan) -> None:
    measured = dry_run(config(kind), plan, dtype="bf16")
    how = habits(plan, CARD, "plain")

    assert measured.peak == pytest.approx(
        tensors(plan, read_shape(config(kind)), how), rel=0.01
    )


@pytest.mark.parametrize(
    ("kind", "method", "checkpointing"),
    [
        ("t5", "qlora", False),
        ("umt5", "lora", False),
        ("bart", "lora", True),
        ("bert", "qlora", True),
        ("distilbert", "qlora", False),
        ("modernbert", "lora", True),
    ],
)
def test_the_formula_is_the_plain_step_within_one_percent(
    kind: str, method: Any, checkpointing: bool
) -> None:
    """Each family once or twice: same tensors, same lifetimes."""
    require_agreement(kind, plan_of(method, checkpointing=checkpointing))


@pytest.mark.long
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("checkpointing", [True, False])
@pytest.mark.parametrize("method", ["lora", "qlora"])
@pytest.mark.parametrize("kind", sorted(MODELS))
def test_every_family_method_and_kernel_agrees(
    kind: str, method: Any, checkpointing: bool, attention: Any
) -> None:
    """As above, all of them."""
    plan = plan_of(method, checkpointing=checkpointing, attention=attention)
    require_agreement(kind, plan)


@pytest.mark.parametrize("checkpointing", [True, False])
@pytest.mark.parametrize("kind", sorted(MODELS))
def test_layers_left_out_are_counted_all_the_same(
    kind: str, checkpointing: bool
) -> None:
    """Acting out four of ten layers finds the peak of acting out all ten."""
    deep = {
        name: 10 if name.endswith("layers") else value
        for name, value in config(kind).items()
    }
    shape = read_shape(deep)
    plan = plan_of("lora", checkpointing=checkpointing)
    how = habits(plan, CARD, "plain")

    few = StackStep(shape, plan, how, Tape()).run()
    every = StackStep(shape, plan, how, Tape(), every_layer=True).run()

    assert every.peak == pytest.approx(few.peak, rel=0.001)


def test_the_loop_is_named_that_is_priced() -> None:
    """Whatever loop is asked for, it is a plain one, and the reason says so."""
    shape, plan = read_shape(config("bart")), plan_of("lora", checkpointing=False)

    ours, plain = (
        estimate(plan, shape, CARD, loop=loop) for loop in ("tunesmith", "plain")
    )

    assert ours == plain
    assert "plain Transformers loop" in ours.reason


def test_longer_texts_never_need_less() -> None:
    """Source and target grow together."""
    for kind in MODELS:
        sizes = [
            estimate(
                replace(plan, train=replace(plan.train, seq_len=length)),
                read_shape(config(kind)),
                CARD,
            ).allocated
            for plan in (plan_of("lora", checkpointing=False),)
            for length in (32, 64, 128, 256, 512)
        ]
        assert sorted(sizes) == sizes


def test_an_architecture_nobody_taught_us_is_acted_out() -> None:
    """We do not, transformers does: the dry run answers where the formula guesses."""
    cohere = {
        "model_type": "cohere",
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "vocab_size": 500,
        "pad_token_id": 0,
    }
    plan = Plan(train=Training(seq_len=64))

    found = dry_run(cohere, plan, dtype="bf16")

    assert not read_shape(cohere).known
    assert found.peak > found.static > 0


def test_what_cannot_be_acted_out_says_so() -> None:
    """DeBERTa looks into its tensors' numbers; there are none."""
    deberta = {"model_type": "deberta-v2", **BERT, "num_hidden_layers": 1}
    plan = Plan(train=Training(seq_len=32))

    with pytest.raises(ModelError) as caught:
        dry_run({**deberta, "relative_attention": True}, plan, dtype="bf16")

    assert "model.no_dry_run" == caught.value.code
    assert caught.value.hint
