"""Mixtures of experts."""

from dataclasses import replace
from typing import Any, cast

from core.errors import ModelError
from core.models.config import Numbers
from core.models.llama_like import llama, qwen2, qwen3
from core.models.pieces import gated, model, separate_attention
from core.models.shape import Block, Experts, Linear, ModelShape

_MOST_LAYERS = 4096
# What sizes are called, the most usual name first.
_HIDDEN = ("hidden_size", "n_embd", "d_model", "dim")
_LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
_HEADS = ("num_attention_heads", "n_head", "num_heads", "n_heads")
_WIDTH = ("intermediate_size", "n_inner", "d_ff", "ffn_dim", "ffn_hidden_size")
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")
_PER_TOKEN = ("num_experts_per_tok", "num_experts_per_token", "moe_topk")
_AS_NAMED = (
    "num_key_value_heads", "head_dim", "hidden_act", "tie_word_embeddings",
    "max_position_embeddings", "attention_bias", "mlp_bias",
)  # fmt: skip


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
            adapted=True,
        ),
        norms=(hidden, hidden),
    )
    return model(n, (block,))


def _moe_blocks(n: Numbers, dense: Block, experts: Experts) -> tuple[Block, ...]:
    """Return the sparse blocks and, where the config keeps some dense, those."""
    layers = n.whole("num_hidden_layers")
    step = n.optional("decoder_sparse_step") or 1
    listed: Any = n.get("mlp_only_layers") or []
    if not isinstance(listed, list):
        raise _no_layers()
    dense_layers = cast("list[Any]", listed[:_MOST_LAYERS])
    if not all(type(layer) is int for layer in dense_layers):
        raise _no_layers()
    dense_layers = set(dense_layers)
    sparse = sum((i + 1) % step == 0 and i not in dense_layers for i in range(layers))
    kinds = (
        replace(dense, count=sparse, mlp=experts),
        replace(dense, count=layers - sparse),
    )
    return tuple(block for block in kinds if block.count)


def _no_layers() -> ModelError:
    return ModelError(
        "model.bad_size",
        "The config's mlp_only_layers is no list of layers.",
        hint="It must be a list of whole numbers, such as [0, 1].",
    )


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
        narrow_routes=True,
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
        adapted=True,
        narrow_routes=True,
    )
    return replace(shape, blocks=_moe_blocks(n, shape.blocks[0], experts))


def stranger(n: Numbers) -> ModelShape:
    """An architecture we do not know, read as a Llama: a bold guess, and marked so.

    Sizes are looked for under the names most families use. Experts are counted where
    the config names some, for they hold most of such a model's weights.
    """
    sizes = {
        "hidden_size": n.whole(*_HIDDEN),
        "num_hidden_layers": n.whole(*_LAYERS),
        "num_attention_heads": n.optional(*_HEADS) or 1,
        "vocab_size": n.whole("vocab_size"),
    }
    hidden, heads = sizes["hidden_size"], sizes["num_attention_heads"]
    width = n.optional(*_WIDTH) or 4 * hidden
    given = {name: n.get(name) for name in _AS_NAMED}
    if n.optional("num_key_value_heads") is None or heads % n.whole(
        "num_key_value_heads"
    ):
        given["num_key_value_heads"] = None
    if n.optional("head_dim") is None:
        given["head_dim"] = max(1, hidden // heads)
    shape = llama(Numbers({**given, **sizes, "intermediate_size": width}, {}))
    experts = n.optional(*_EXPERTS)
    if experts is None:
        return shape
    mixture = Experts(
        count=experts,
        per_token=min(experts, n.optional(*_PER_TOKEN) or 2),
        width=n.optional("moe_intermediate_size") or width,
        hidden=hidden,
    )
    return replace(shape, blocks=(replace(shape.blocks[0], mlp=mixture),))
