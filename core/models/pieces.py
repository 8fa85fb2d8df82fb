"""The pieces decoder families are made of: attentions, feed-forwards, whole models."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from core.models.config import Numbers, checked_share
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
    return activation_named(str(name))


def activation_named(name: str) -> Activation:
    """Return the activation transformers calls `name`; one unknown counts as gelu."""
    return _ACTIVATIONS.get(name, "gelu")


def head_dim(n: Numbers) -> int:
    """Return the elements of one head.

    Raises:
        ModelError: The hidden size cannot be shared out among the heads.
    """
    given = n.optional("head_dim")
    if given is not None:
        return given
    hidden, heads = n.whole("hidden_size"), n.whole("num_attention_heads")
    n.divides("hidden_size", hidden, "num_attention_heads", heads)
    return hidden // heads


def _norm_sizes(kind: NormKind, hidden: int, *, bias: bool = True) -> tuple[int, ...]:
    return (hidden, hidden) if kind == "layer" and bias else (hidden,)


def separate_attention(
    n: Numbers, *, bias: bool, output_bias: bool, output: str = "o_proj"
) -> Attention:
    hidden, heads = n.whole("hidden_size"), n.whole("num_attention_heads")
    kv_heads = n.optional("num_key_value_heads") or heads
    n.divides("num_attention_heads", heads, "num_key_value_heads", kv_heads)
    dim = head_dim(n)
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
    """Return the share of each head that is rotated; all of it where nothing is said.

    transformers 5 writes it into ``rope_parameters``, older versions beside it.
    """
    inner: Any = n.get("rope_parameters", "rope_scaling")
    if isinstance(inner, Mapping):
        told = cast("Mapping[str, Any]", inner).get("partial_rotary_factor")
        if told is not None:
            return checked_share("partial_rotary_factor", told)
    return n.share("partial_rotary_factor", "rotary_pct", default=1.0)
