"""Encoders with a head that sorts texts into classes: BERT and its kin."""

from dataclasses import replace
from typing import Any, cast

from core.models.config import Numbers
from core.models.pieces import activation_named
from core.models.shape import Attention, Block, FeedForward, Linear, ModelShape

_MOST_LABELS = 1 << 20
# Every third layer sees everything (configuration_modernbert.py).
_GLOBAL_TURN = 3


def labels(n: Numbers) -> int:
    """Return how many classes the head tells apart; transformers' own default is 2."""
    named: Any = n.get("id2label")
    if isinstance(named, dict) and named:
        return min(len(cast("dict[Any, Any]", named)), _MOST_LABELS)
    return n.optional("num_labels") or 2


def bert(n: Numbers) -> ModelShape:
    """BERT: layer norms after each sum, three embedding tables, a pooler."""
    hidden = n.whole("hidden_size")
    pooler = Linear(name="dense", inputs=hidden, outputs=hidden, bias=True)
    return replace(_encoder(n), outer=(pooler,))


def roberta(n: Numbers) -> ModelShape:
    """RoBERTa, XLM-RoBERTa, CamemBERT: as BERT, with two layers in the classifier."""
    shape = _encoder(n)
    hidden = shape.hidden
    return replace(
        shape,
        head=replace(shape.head, name="out_proj"),
        whole=(Linear(name="dense", inputs=hidden, outputs=hidden, bias=True),),
    )


def distilbert(n: Numbers) -> ModelShape:
    """DistilBERT: as BERT with other names, without token types."""
    hidden, width = n.whole("dim"), n.whole("hidden_dim")
    heads, drops = n.whole("n_heads"), n.share("dropout") > 0
    n.divides("dim", hidden, "n_heads", heads)
    names = ("q_lin", "k_lin", "v_lin", "out_lin")
    block = Block(
        count=n.whole("n_layers"),
        attention=_attention(
            hidden, heads, names, drops=n.share("attention_dropout") > 0
        ),
        mlp=_mlp(hidden, width, ("lin1", "lin2"), n.text("activation")),
        norm="layer",
        norms=(hidden,) * 4,
        residual_dropout=drops,
        mlp_dropout_only=True,
        sum_norms=True,
        encoder=True,
    )
    positions = n.whole("max_position_embeddings")
    shape = _classifier(n, block, (positions * hidden,), embedding_dropout=drops)
    return replace(
        shape,
        whole=(
            Linear(name="pre_classifier", inputs=hidden, outputs=hidden, bias=True),
        ),
        buffers=(8 * positions,),
    )


def modernbert(n: Numbers) -> ModelShape:
    """ModernBERT: rotary positions, gated MLP in one matrix, norms before each part.

    The first layer has no norm before its attention; two of three layers see a window.
    """
    first = _modernbert_first(n)
    hidden, heads = n.whole("hidden_size"), first.attention.heads
    shape = _classifier(n, first, (), embedding_dropout=False)
    dense = Linear(
        name="dense", inputs=hidden, outputs=hidden, bias=n.switch("classifier_bias")
    )
    return replace(
        shape,
        blocks=_modernbert_stack(n, first),
        final_norm=first.norms * 3,
        outer=(dense,),
        # two kinds of layers, each with frequencies of its own, kept twice
        buffers=(hidden // heads // 2 * 4,) * 2,
        last_norm=True,
    )


def _modernbert_first(n: Numbers) -> Block:
    hidden, heads = n.whole("hidden_size"), n.whole("num_attention_heads")
    width = n.whole("intermediate_size")
    n.divides("hidden_size", hidden, "num_attention_heads", heads)
    bias, mlp_bias = n.switch("attention_bias"), n.switch("mlp_bias")
    return Block(
        count=1,
        attention=Attention(
            heads=heads,
            kv_heads=heads,
            head_dim=hidden // heads,
            fused=True,
            dropout=n.share("attention_dropout") > 0,
            linears=(
                Linear(name="Wqkv", inputs=hidden, outputs=3 * hidden, bias=bias),
                Linear(name="Wo", inputs=hidden, outputs=hidden, bias=bias),
            ),
        ),
        mlp=FeedForward(
            width=width,
            activation=activation_named(n.text("hidden_activation")),
            fused=True,
            dropout=n.share("mlp_dropout") > 0,
            linears=(
                Linear(name="Wi", inputs=hidden, outputs=2 * width, bias=mlp_bias),
                Linear(name="Wo", inputs=width, outputs=hidden, bias=mlp_bias),
            ),
        ),
        norm="layer",
        norms=(hidden, hidden) if n.switch("norm_bias") else (hidden,),
        pre_norms=False,
        encoder=True,
    )


def _modernbert_stack(n: Numbers, first: Block) -> tuple[Block, ...]:
    """Return the kinds of layers; they take turns, so the last one's kind comes last."""
    layers = n.whole("num_hidden_layers")
    turn = n.optional("global_attn_every_n_layers") or _GLOBAL_TURN
    count = -(-layers // turn) - 1  # besides the first
    far = replace(first, count=count, norms=first.norms * 2, pre_norms=True)
    window = n.optional("local_attention")
    near = replace(
        far,
        count=layers - 1 - count,
        attention=replace(first.attention, window=window),
    )
    ends_far = (layers - 1) % turn == 0
    order = (first, near, far) if ends_far else (first, far, near)
    return tuple(block for block in order if block.count)


def _encoder(n: Numbers) -> ModelShape:
    hidden, heads = n.whole("hidden_size"), n.whole("num_attention_heads")
    n.divides("hidden_size", hidden, "num_attention_heads", heads)
    drops = n.share("hidden_dropout_prob") > 0
    names = ("query", "key", "value", "dense")
    block = Block(
        count=n.whole("num_hidden_layers"),
        attention=_attention(
            hidden, heads, names, drops=n.share("attention_probs_dropout_prob") > 0
        ),
        mlp=_mlp(
            hidden,
            n.whole("intermediate_size"),
            ("dense", "dense"),
            n.text("hidden_act"),
        ),
        norm="layer",
        norms=(hidden,) * 4,
        residual_dropout=drops,
        sum_norms=True,
        encoder=True,
    )
    positions = n.whole("max_position_embeddings")
    types = n.optional("type_vocab_size") or 0
    shape = _classifier(
        n, block, (positions * hidden, types * hidden), embedding_dropout=drops
    )
    return replace(shape, buffers=(8 * positions, 8 * positions))


def _classifier(
    n: Numbers, block: Block, tables: tuple[int, ...], *, embedding_dropout: bool
) -> ModelShape:
    hidden = block.attention.output.outputs
    vocabulary = n.whole("vocab_size")
    return ModelShape(
        architecture="",
        hidden=hidden,
        vocabulary=vocabulary,
        blocks=(block,),
        embeddings=(vocabulary * hidden, *(size for size in tables if size)),
        final_norm=(hidden, hidden),
        head=Linear(name="classifier", inputs=hidden, outputs=labels(n), bias=True),
        tied=False,
        context_length=n.whole("max_position_embeddings"),
        norm="layer",
        task="classification",
        embedding_norm=True,
        last_norm=False,
        embedding_dropout=embedding_dropout,
    )


def _attention(
    hidden: int, heads: int, names: tuple[str, str, str, str], *, drops: bool
) -> Attention:
    return Attention(
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        rotary=0.0,
        dropout=drops,
        linears=tuple(
            Linear(name=name, inputs=hidden, outputs=hidden, bias=True)
            for name in names
        ),
    )


def _mlp(
    hidden: int, width: int, names: tuple[str, str], activation: str
) -> FeedForward:
    return FeedForward(
        width=width,
        activation=activation_named(activation),
        gated=False,
        linears=(
            Linear(name=names[0], inputs=hidden, outputs=width, bias=True),
            Linear(name=names[1], inputs=width, outputs=hidden, bias=True),
        ),
    )
