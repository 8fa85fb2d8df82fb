"""Chat and evaluation against the engine's own passes on fake tensors."""

from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import CONFIG_MAPPING

from core.data.rows import EncodedRow
from core.engine.batch import collate
from core.engine.cuda_manners import cuda_manners
from core.engine.device import Compute
from core.engine.learner import Learner
from core.engine.ledger import Ledger
from core.engine.load import kernel_for
from core.engine.weightless import make_fake, on_meta
from core.estimate.acting.prefill import measure_loss, read_prompt
from core.estimate.loop import habits
from core.estimate.uses.memory import chat_habits
from core.hardware.budget import device_budget
from core.models.catalogue import catalogue_config
from core.models.reading import read_shape
from core.plan.plan import Method, MethodKind, Plan, Training

# peft still calls transformers' checkpointing by its older name
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

CARD = device_budget(gpu_name="RTX 4090")
LAYERS = 6  # Gemma 3 has both its kinds of attention then


def config(name: str) -> dict[str, Any]:
    found = dict(catalogue_config(name) or {})
    found["n_layer" if "n_layer" in found else "num_hidden_layers"] = LAYERS
    if "layer_types" in found:
        found["layer_types"] = found["layer_types"][:LAYERS]
    return found


def made(of: dict[str, Any], method: Method) -> tuple[Any, Compute]:
    options = {key: value for key, value in of.items() if key != "model_type"}
    settings: Any = CONFIG_MAPPING[of["model_type"]](**options)
    settings._attn_implementation = kernel_for(of, "sdpa")
    compute = Compute(device=torch.device("cpu"), dtype_name="bf16")
    return on_meta(settings, method, compute), compute


def counted(model: Any, work: Any) -> int:
    """Return the most bytes alive in `work`, besides the model's own."""
    ledger = Ledger()
    with cuda_manners(has_flash=True), FakeTensorMode(allow_non_fake_inputs=True):
        make_fake(model)
        for tensor in (*model.parameters(), *model.buffers()):
            ledger.hold(tensor)
        stays = ledger.live
        # no_grad and not inference_mode: under that some operations hide their parts
        with ledger, torch.no_grad():
            work()
    return ledger.peak - stays


@pytest.mark.parametrize("kind", ["lora", "qlora"])
@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("meta-llama/Llama-3.2-1B", 0.002),
        ("Qwen/Qwen3-0.6B", 0.002),
        ("google/gemma-2-2b", 0.005),
        ("google/gemma-3-270m-it", 0.005),
        ("openai-community/gpt2", 0.04),  # its blocks name one tensor more
    ],
)
def test_reading_a_prompt_takes_what_the_engine_takes(
    name: str, tolerance: float, kind: MethodKind
) -> None:
    """Keys, values and the widest layer: the chat engine's own forward pass."""
    of, method, tokens = config(name), Method(kind=kind), 700
    model, _ = made(of, method)
    model.eval()
    for module in model.modules():
        if type(module).__name__ == "Linear4bit":
            module.training = True  # no repacking for a processor's kernels

    def read() -> None:
        ids = torch.ones(1, tokens, dtype=torch.long)
        out = model(
            input_ids=ids, past_key_values=None, use_cache=True, logits_to_keep=1
        )
        assert out.logits.shape[1] == 1

    how = chat_habits(Plan(method=method), CARD)
    found = read_prompt(read_shape(of), method, how, tokens=tokens)

    assert found.total == pytest.approx(counted(model, read), rel=tolerance)


@pytest.mark.parametrize("kind", ["lora", "qlora"])
@pytest.mark.parametrize("name", ["meta-llama/Llama-3.2-1B", "Qwen/Qwen3-0.6B"])
def test_measuring_a_loss_takes_what_the_engine_takes(
    name: str, kind: MethodKind
) -> None:
    """Logits chunk by chunk and one layer: the engine's own held-out pass."""
    of = config(name)
    plan = Plan(
        method=Method(kind=kind), train=Training(batch_size=2, seq_len=1536, seed=1)
    )
    model, compute = made(of, plan.method)
    row = EncodedRow(ids=(1,) * 1536, trained=(False,) + (True,) * 1535)

    def measure() -> None:
        learner = Learner(model, training=plan.train, compute=compute, pad_id=0)
        learner._learning(on=False)
        batch = collate([row, row], pad_id=0, device=compute.device)
        with compute.autocast():
            learner._loss_of(batch)

    how = habits(plan, CARD, "tunesmith")
    found = measure_loss(read_shape(of), plan.method, how, length=1536, batch=2)

    assert found.total == pytest.approx(counted(model, measure), rel=0.005)
