"""Llama and its kin: RMS norms, gated MLP, one matrix for each projection."""

from dataclasses import replace
from typing import Any, cast

from core.models.config import Numbers
from core.models.pieces import gated, model, separate_attention
from core.models.shape import Block, ModelShape

_GEMMA3_TURN = 6


def llama(n: Numbers) -> ModelShape:
    """Llama, SmolLM: RMS norms, gated MLP, separate projections."""
    hidden = n.whole("hidden_size")
    bias = n.switch("attention_bias")
    block = Block(
        count=n.whole("num_hidden_layers"),
        attention=separate_attention(n, bias=bias, output_bias=bias),
        mlp=gated(n, n.whole("intermediate_size"), bias=n.switch("mlp_bias")),
        norms=(hidden, hidden),
    )
    return model(n, (block,))


def granite(n: Numbers) -> ModelShape:
    """Granite: as Llama, with embeddings and sums scaled."""
    shape = llama(n)
    block = replace(shape.blocks[0], scaled_sums=True)
    return replace(shape, blocks=(block,), scaled_embeddings=True)


def mistral(n: Numbers) -> ModelShape:
    """Mistral: as Llama, with a window on every layer unless the config says null."""
    return with_window(n, llama(n))


def with_window(n: Numbers, shape: ModelShape) -> ModelShape:
    """Return `shape` with the config's window on every layer."""
    block = shape.blocks[0]
    attention = replace(block.attention, window=n.optional("sliding_window"))
    return replace(shape, blocks=(replace(block, attention=attention),))


def qwen2(n: Numbers) -> ModelShape:
    """Qwen 2 and 2.5: as Llama, with biases on q, k and v."""
    shape = llama(n)
    block = shape.blocks[0]
    attention = separate_attention(n, bias=True, output_bias=False)
    return replace(shape, blocks=(replace(block, attention=attention),))


def _with_head_norms(block: Block) -> Block:
    attention = replace(block.attention, qk_norm="head")
    dim = attention.head_dim
    return replace(block, attention=attention, attention_norms=(dim, dim))


def qwen3(n: Numbers) -> ModelShape:
    """Qwen 3: as Llama, with a norm on each head's query and key."""
    shape = llama(n)
    return replace(shape, blocks=(_with_head_norms(shape.blocks[0]),))


def olmo2(n: Numbers) -> ModelShape:
    """OLMo 2: norms after attention and MLP only, and on whole queries and keys."""
    shape = llama(n)
    block = shape.blocks[0]
    attention = replace(block.attention, qk_norm="whole")
    block = replace(
        block,
        attention=attention,
        attention_norms=(attention.query, attention.key),
        pre_norms=False,
        post_norms=True,
    )
    return replace(shape, blocks=(block,))


def gemma(n: Numbers) -> ModelShape:
    """Gemma 1: as Llama, with a wide MLP and tied embeddings."""
    shape = llama(n)
    block = replace(shape.blocks[0], norm="rms_unit_offset")
    return replace(shape, blocks=(block,), norm="rms_unit_offset")


def gemma2(n: Numbers) -> ModelShape:
    """Gemma 2: four norms a block, every other layer with a window, capped scores."""
    shape = gemma(n)
    hidden = shape.hidden
    cap = n.get("attn_logit_softcapping") is not None
    block = shape.blocks[0]
    attention = replace(
        block.attention, softcap=cap, window=n.optional("sliding_window")
    )
    block = replace(block, attention=attention, norms=(hidden,) * 4, post_norms=True)
    capped = n.get("final_logit_softcapping") is not None
    return replace(shape, blocks=(block,), softcap=capped)


def gemma3(n: Numbers) -> ModelShape:
    """Gemma 3 (text): as Gemma 2 without caps, with a norm on each head.

    Five layers with a window take turns with one that sees everything.
    """
    shape = gemma2(n)
    block = _with_head_norms(shape.blocks[0])
    whole = _sees_everything(n, shape.layers)
    order = tuple(int(sees) for sees in whole)
    if block.attention.window is None or len(set(order)) == 1:
        return replace(shape, blocks=(block,))
    far = replace(block, attention=replace(block.attention, window=None))
    return replace(
        shape,
        blocks=(
            replace(block, count=order.count(0)),
            replace(far, count=order.count(1)),
        ),
        order=order,
    )


def _sees_everything(n: Numbers, layers: int) -> list[bool]:
    """Return of each layer whether its attention has no window."""
    named: Any = n.get("layer_types")
    if isinstance(named, list) and len(cast("list[Any]", named)) == layers:
        return [kind == "full_attention" for kind in cast("list[Any]", named)]
    turn = n.optional("sliding_window_pattern") or _GEMMA3_TURN
    return [(number + 1) % turn == 0 for number in range(layers)]
