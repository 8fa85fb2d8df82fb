"""The pieces decoder families are made of: attentions, feed-forwards, whole models."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.models.config import Numbers
from core.models.shape import (
    Activation,
    Attention,
    Block,
    FeedForward,
    Linear,
    ModelShape,
    NormKind,
)

_ACTIVATIONS: Mapping[str, Activation] = {
    "silu": "silu", "swish": "silu", "gelu": "gelu", "gelu_new": "gelu_new",
    "gelu_pytorch_tanh": "gelu_tanh", "gelu_fast": "gelu_new", "relu": "relu",
}  # fmt: skip


def activation_of(n: Numbers) -> Activation:
    name = n.get("hidden_activation", "hidden_act", "activation_function", "activation")
    return _ACTIVATIONS.get(str(name), "gelu")


def _head_dim(n: Numbers) -> int:
    return n.optional("head_dim") or n.whole("hidden_size") // n.whole(
        "num_attention_heads"
    )


def _norm_sizes(kind: NormKind, hidden: int, *, bias: bool = True) -> tuple[int, ...]:
    return (hidden, hidden) if kind == "layer" and bias else (hidden,)


def separate_attention(
    n: Numbers, *, bias: bool, output_bias: bool, output: str = "o_proj"
) -> Attention:
    hidden, heads = n.whole("hidden_size"), n.whole("num_attention_heads")
    kv_heads = n.optional("num_key_value_heads") or heads
    dim = _head_dim(n)
    return Attention(
        heads=heads,
        kv_heads=kv_heads,
        head_dim=dim,
        linears=(
            Linear(name="q_proj", inputs=hidden, outputs=heads * dim, bias=bias),
            Linear(name="k_proj", inputs=hidden, outputs=kv_heads * dim, bias=bias),
            Linear(name="v_proj", inputs=hidden, outputs=kv_heads * dim, bias=bias),
            Linear(name=output, inputs=heads * dim, outputs=hidden, bias=output_bias),
        ),
    )


def gated(n: Numbers, width: int, *, bias: bool = False) -> FeedForward:
    hidden = n.whole("hidden_size")
    return FeedForward(
        width=width,
        activation=activation_of(n),
        linears=(
            Linear(name="gate_proj", inputs=hidden, outputs=width, bias=bias),
            Linear(name="up_proj", inputs=hidden, outputs=width, bias=bias),
            Linear(name="down_proj", inputs=width, outputs=hidden, bias=bias),
        ),
    )


def plain_mlp(
    n: Numbers,
    up: str,
    down: str,
    *,
    bias: bool,
    width_names: tuple[str, ...] = ("intermediate_size",),
) -> FeedForward:
    hidden = n.whole("hidden_size")
    width = n.optional(*width_names) or 4 * hidden
    return FeedForward(
        width=width,
        activation=activation_of(n),
        gated=False,
        linears=(
            Linear(name=up, inputs=hidden, outputs=width, bias=bias),
            Linear(name=down, inputs=width, outputs=hidden, bias=bias),
        ),
    )


def model(n: Numbers, blocks: tuple[Block, ...], **other: Any) -> ModelShape:
    hidden, vocabulary = n.whole("hidden_size"), n.whole("vocab_size")
    norm: NormKind = blocks[0].norm
    made = ModelShape(
        architecture=str(n.get("model_type") or ""),
        hidden=hidden,
        vocabulary=vocabulary,
        blocks=blocks,
        embeddings=(vocabulary * hidden,),
        final_norm=_norm_sizes(norm, hidden),
        head=Linear(name="lm_head", inputs=hidden, outputs=vocabulary),
        tied=n.switch("tie_word_embeddings"),
        context_length=n.optional("max_position_embeddings"),
        norm=norm,
    )
    return replace(made, **other)


def rotary_share(n: Numbers) -> float:
    share = n.get("partial_rotary_factor", "rotary_pct")
    return float(share) if isinstance(share, (int, float)) else 1.0
