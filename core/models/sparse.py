"""Mixtures of experts."""

from dataclasses import replace
from typing import Any

from core.models.config import Numbers
from core.models.llama_like import qwen2, qwen3
from core.models.pieces import gated, model, separate_attention
from core.models.shape import Block, Experts, Linear, ModelShape


def mixtral(n: Numbers) -> ModelShape:
    """Mixtral: as Llama with experts in place of the MLP."""
    hidden = n.whole("hidden_size")
    block = Block(
        count=n.whole("num_hidden_layers"),
        attention=separate_attention(n, bias=False, output_bias=False),
        mlp=Experts(
            count=n.whole("num_local_experts"),
            per_token=n.whole("num_experts_per_tok"),
            width=n.whole("intermediate_size"),
            hidden=hidden,
        ),
        norms=(hidden, hidden),
    )
    return model(n, (block,))


def _moe_blocks(n: Numbers, dense: Block, experts: Experts) -> tuple[Block, ...]:
    """Return the sparse blocks and, where the config keeps some dense, those."""
    layers = n.whole("num_hidden_layers")
    step = n.optional("decoder_sparse_step") or 1
    listed: Any = n.get("mlp_only_layers") or []
    dense_layers = {int(layer) for layer in listed}
    sparse = sum((i + 1) % step == 0 and i not in dense_layers for i in range(layers))
    kinds = (
        replace(dense, count=sparse, mlp=experts),
        replace(dense, count=layers - sparse),
    )
    return tuple(block for block in kinds if block.count)


def qwen2_moe(n: Numbers) -> ModelShape:
    """Qwen 1.5/2 MoE: experts with a gated shared expert beside them."""
    shape = qwen2(n)
    hidden = shape.hidden
    experts = Experts(
        count=n.whole("num_experts"),
        per_token=n.whole("num_experts_per_tok"),
        width=n.whole("moe_intermediate_size"),
        hidden=hidden,
        shared=gated(n, n.whole("shared_expert_intermediate_size")),
        shared_gate=Linear(name="shared_expert_gate", inputs=hidden, outputs=1),
    )
    return replace(shape, blocks=_moe_blocks(n, shape.blocks[0], experts))


def qwen3_moe(n: Numbers) -> ModelShape:
    """Qwen 3 MoE: Qwen 3's attention, experts without a shared one."""
    shape = qwen3(n)
    experts = Experts(
        count=n.whole("num_experts"),
        per_token=n.whole("num_experts_per_tok"),
        width=n.whole("moe_intermediate_size"),
        hidden=shape.hidden,
    )
    return replace(shape, blocks=_moe_blocks(n, shape.blocks[0], experts))
