"""The loop without full logits gives each architecture's own loss and gradients."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from core.data.rows import EncodedRow
from core.engine.device import Compute
from core.engine.learner import Learner
from core.engine.load import add_adapter, load_base
from core.plan.plan import Method, Training

CPU = Compute(device=torch.device("cpu"), dtype_name="fp32")
COMMON = {
    "vocab_size": 120, "hidden_size": 64, "intermediate_size": 96,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 128, "bos_token_id": 1, "eos_token_id": 2,
    "pad_token_id": 0,
}  # fmt: skip
OWN: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {},
    "qwen2": {},
    "qwen3": {"head_dim": 16},
    "gemma": {"head_dim": 16},
    "gemma2": {"head_dim": 16, "final_logit_softcapping": 3.0},
    "gemma3_text": {"head_dim": 16, "final_logit_softcapping": 2.0},
    "phi3": {},
    "granite": {"logits_scaling": 4.0},
    "cohere": {"logit_scale": 0.25},
    "cohere2": {"logit_scale": 0.25},
    "olmo2": {},
    "stablelm": {},
    "starcoder2": {},
    "glm4": {"head_dim": 16},
    "smollm3": {},
    "gpt_neox": {},
    "gpt2": {
        "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 128,
        "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
    },
    "phi": {},
}  # fmt: skip


def rows() -> list[EncodedRow]:
    chance = torch.Generator().manual_seed(0)
    found = []
    for length in (9, 17, 30):
        ids = torch.randint(3, 120, (length,), generator=chance).tolist()
        trained = tuple(place > length // 3 for place in range(length))
        found.append(EncodedRow(ids=tuple(ids), trained=trained))
    return found


@pytest.mark.parametrize("kind", OWN)
def test_loss_and_gradients_are_the_models_own(kind: str, tmp_path: Path) -> None:
    """Three rows of different length: our loss is that of the model's padded forward."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **{**COMMON, **OWN[kind]})
    made = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    made.save_pretrained(tmp_path)
    model = load_base(tmp_path, compute=CPU)
    adapted = add_adapter(model, Method(rank=4), seed=0, base_name=kind)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1)
    training = Training(gradient_checkpointing=False)
    learner = Learner(adapted, training=training, compute=CPU, pad_id=0)
    data = rows()
    count = sum(sum(row.trained) for row in data)
    width = max(len(row.ids) for row in data)
    pads = [width - len(row.ids) for row in data]
    ids = [[*row.ids, *[0] * pad] for row, pad in zip(data, pads, strict=True)]
    mask = [[1] * len(r.ids) + [0] * pad for r, pad in zip(data, pads, strict=True)]
    labels = [
        [
            *(t if kept else -100 for t, kept in zip(r.ids, r.trained, strict=True)),
            *[-100] * pad,
        ]
        for r, pad in zip(data, pads, strict=True)
    ]
    out = adapted(
        input_ids=torch.tensor(ids),
        attention_mask=torch.tensor(mask),
        labels=torch.tensor(labels),
        num_items_in_batch=count,
        use_cache=False,
    )
    out.loss.backward()
    expected = {
        name: weight.grad.clone()
        for name, weight in adapted.named_parameters()
        if weight.grad is not None
    }

    learner.begin_step(data)
    learner.accumulate(data, step=1, number=0)

    found = {
        name: weight.grad
        for name, weight in adapted.named_parameters()
        if weight.grad is not None
    }
    assert learner._loss_sum.item() == pytest.approx(out.loss.item(), rel=1e-5)
    assert expected.keys() == found.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-6)
