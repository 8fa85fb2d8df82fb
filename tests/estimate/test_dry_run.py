"""The formula against a dry run of the engine's own step."""

from typing import Any

import pytest

from core.engine.dryrun import dry_run
from core.estimate.loop import habits
from core.estimate.memory import tensors
from core.hardware.budget import device_budget
from core.launch import Task
from core.models.catalogue import _rows
from core.models.reading import read_shape
from core.plan.codec import to_tree
from core.plan.plan import Method, Plan, Training

# peft still calls transformers' checkpointing by its older name
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

CARD = device_budget(gpu_name="RTX 4090")
NAMES = [
    "HuggingFaceTB/SmolLM2-135M-Instruct",
    "meta-llama/Llama-3.2-1B",
    "Qwen/Qwen2.5-1.5B-Instruct",
    "Qwen/Qwen3-4B",
    "mistralai/Mistral-7B-v0.3",
    "google/gemma-2b-it",
    "google/gemma-2-2b",
    "google/gemma-3-1b-it",
    "microsoft/phi-4",
    "microsoft/phi-2",
    "openai-community/gpt2",
    "EleutherAI/pythia-410m",
    "allenai/OLMo-2-0425-1B-Instruct",
    "stabilityai/stablelm-2-1_6b-chat",
]


def config(name: str, layers: int) -> dict[str, Any]:
    found = dict(_rows()[name]["config"])
    found["n_layer" if "n_layer" in found else "num_hidden_layers"] = layers
    return found


WAYS: list[tuple[Any, bool]] = [("qlora", True), ("lora", False)]
# The short suite takes each family small (test_families) and these in their real sizes.
SHORT = {
    ("HuggingFaceTB/SmolLM2-135M-Instruct", "lora"),
    ("Qwen/Qwen2.5-1.5B-Instruct", "qlora"),
    ("google/gemma-3-1b-it", "lora"),
    ("openai-community/gpt2", "qlora"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind", "checkpointing"),
    [
        pytest.param(
            name, *way, marks=[] if (name, way[0]) in SHORT else pytest.mark.long
        )
        for name in NAMES
        for way in WAYS
    ],
)
def test_the_formula_is_the_engine_within_one_percent(
    name: str, kind: Any, checkpointing: bool
) -> None:
    """Same tensors, same lifetimes: the two ways to the peak agree."""
    plan = Plan(
        method=Method(kind=kind, rank=32, dropout=0.05 if checkpointing else 0.0),
        train=Training(
            batch_size=2,
            seq_len=1024,
            gradient_accumulation=1 if checkpointing else 4,
            gradient_checkpointing=checkpointing,
        ),
    )
    real = config(name, 6)

    measured = dry_run(real, plan, dtype="bf16")

    found = tensors(plan, read_shape(real), habits(plan, CARD, "tunesmith"))
    assert found == pytest.approx(measured.peak, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    "checkpointing", [True, pytest.param(False, marks=pytest.mark.long)]
)
def test_two_shallow_models_tell_of_the_deep_one(checkpointing: bool) -> None:
    """The extrapolated peak is that of the whole model, to the byte."""
    plan = Plan(train=Training(seq_len=256, gradient_checkpointing=checkpointing))
    real = config("HuggingFaceTB/SmolLM2-135M-Instruct", 5)

    few = dry_run(real, plan, dtype="bf16")
    whole = dry_run(real, plan, dtype="bf16", whole=True)

    assert (whole.peak, whole.static) == (few.peak, few.static)


@pytest.mark.slow
def test_a_dry_run_answers_from_its_own_process() -> None:
    """The window and the command line ask a worker; it says how far it is."""
    real = config("HuggingFaceTB/SmolLM2-135M-Instruct", 4)
    plan = Plan(train=Training(seq_len=256))

    *told, found = Task(
        "dry_run", {"config": real, "plan": to_tree(plan), "dtype": "bf16"}
    ).events()

    assert found["tensors"] == dry_run(real, plan, dtype="bf16").peak
    done = [event["done"] for event in told]
    assert 2 == len({event["what"] for event in told})
    assert done == sorted(done)
    assert (0, 100) == (done[0], done[-1])
