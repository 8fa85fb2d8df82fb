"""What becomes of Falcon's own linear layers, and of its single head of keys."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from torch.nn import functional
from transformers import BitsAndBytesConfig, FalconConfig, FalconForCausalLM
from transformers.integrations.bitsandbytes import replace_with_bnb_linear

from core.engine.every_score import every_score


def test_bitsandbytes_leaves_them_alone_and_peft_does_not() -> None:
    """``type(module) is nn.Linear`` there, ``isinstance`` here."""
    config = FalconConfig(hidden_size=64, num_attention_heads=1, num_hidden_layers=1)
    with torch.device("meta"):
        model = FalconForCausalLM(config)
        replace_with_bnb_linear(
            model, ["lm_head"], BitsAndBytesConfig(load_in_4bit=True)
        )
        kinds = {type(module).__name__ for module in model.modules()}
        adapted = get_peft_model(model, LoraConfig(target_modules="all-linear"))

    names = {
        name.rpartition(".")[2]
        for name, module in adapted.named_modules()
        if isinstance(module, LoraLayer)
    }
    assert "Linear4bit" not in kinds
    assert names == {"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_score_is_what_torch_does_without_a_kernel(dtype: torch.dtype) -> None:
    """The stand-in computes the same numbers, forwards and back."""
    torch.manual_seed(0)
    query = torch.randn(2, 4, 16, 8, dtype=dtype, requires_grad=True)
    key, value = (torch.randn(2, 1, 16, 8, dtype=dtype) for _ in range(2))
    mask = torch.ones(2, 1, 16, 16, dtype=torch.bool).tril()

    ours = every_score(query, key, value, mask)
    theirs = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)

    torch.testing.assert_close(ours, theirs)
    weight = torch.randn_like(ours)
    (grad,) = torch.autograd.grad(ours, query, weight)
    (wanted,) = torch.autograd.grad(theirs, query, weight)
    torch.testing.assert_close(grad, wanted)
