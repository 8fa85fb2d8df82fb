"""Models of two stacks, which read a text whole and then write another: T5 and BART."""

from dataclasses import replace

from core.models.config import Numbers
from core.models.pieces import activation_named
from core.models.shape import (
    Attention,
    Block,
    FeedForward,
    Linear,
    ModelShape,
    NormKind,
)


def t5(n: Numbers) -> ModelShape:
    """T5, Flan-T5 and mT5: RMS norms, no biases, one table of position biases a stack.

    The tables hang on each stack's first attention and are handed on. The head is
    always the token table, whatever the config says (``configuration_t5.py``).
    """
    hidden, vocabulary = n.whole("d_model"), n.whole("vocab_size")
    heads = n.whole("num_heads")
    table = n.whole("relative_attention_num_buckets") * heads
    encoders = n.whole("num_layers")
    decoders = n.optional("num_decoder_layers") or encoders
    attention = _t5_attention(n)
    block = Block(
        count=encoders,
        attention=attention,
        mlp=_t5_mlp(n),
        norms=(hidden, hidden),
        residual_dropout=n.share("dropout_rate") > 0,
        encoder=True,
    )
    decoder = replace(
        block, count=decoders, norms=(hidden,) * 3, cross=attention, encoder=False
    )
    return ModelShape(
        architecture="",
        hidden=hidden,
        vocabulary=vocabulary,
        blocks=(block, decoder),
        embeddings=(vocabulary * hidden, table, table),
        final_norm=(hidden, hidden),
        head=Linear(name="lm_head", inputs=hidden, outputs=vocabulary),
        tied=True,
        context_length=n.optional("n_positions"),
        task="seq2seq",
        embedding_dropout=block.residual_dropout,
    )


def umt5(n: Numbers) -> ModelShape:
    """UMT5: as T5, with a table of position biases in every layer."""
    shape = t5(n)
    table = n.whole("relative_attention_num_buckets") * n.whole("num_heads")
    blocks = tuple(replace(block, bias_table=table) for block in shape.blocks)
    return replace(shape, blocks=blocks, embeddings=shape.embeddings[:1])


def _t5_attention(n: Numbers) -> Attention:
    hidden, heads, dim = n.whole("d_model"), n.whole("num_heads"), n.whole("d_kv")
    width = heads * dim
    return Attention(
        heads=heads,
        kv_heads=heads,
        head_dim=dim,
        rotary=0.0,
        position_bias=True,
        dropout=n.share("dropout_rate") > 0,
        linears=(
            Linear(name="q", inputs=hidden, outputs=width),
            Linear(name="k", inputs=hidden, outputs=width),
            Linear(name="v", inputs=hidden, outputs=width),
            Linear(name="o", inputs=width, outputs=hidden),
        ),
    )


def _t5_mlp(n: Numbers) -> FeedForward:
    hidden, width = n.whole("d_model"), n.whole("d_ff")
    kind = n.text("feed_forward_proj")
    is_gated = kind.startswith("gated-")
    # "gated-gelu" has always meant the gelu that is written out in Python.
    name = "gelu_new" if kind == "gated-gelu" else kind.rpartition("-")[2]
    into = ("wi_0", "wi_1") if is_gated else ("wi",)
    return FeedForward(
        width=width,
        activation=activation_named(name),
        gated=is_gated,
        dropout=n.share("dropout_rate") > 0,
        linears=(
            *(Linear(name=part, inputs=hidden, outputs=width) for part in into),
            Linear(name="wo", inputs=width, outputs=hidden, wide_in_fp16=True),
        ),
    )


def bart(n: Numbers) -> ModelShape:
    """BART: layer norms after each sum, biases, learned positions in both stacks."""
    return _two_stacks(n, positions=n.whole("max_position_embeddings") + 2)


def mbart(n: Numbers) -> ModelShape:
    """mBART: as BART with norms before, and one more behind each stack."""
    shape = bart(n)
    hidden = shape.hidden
    blocks = tuple(replace(block, sum_norms=False) for block in shape.blocks)
    return replace(shape, blocks=blocks, final_norm=(hidden,) * 8, last_norm=True)


def pegasus(n: Numbers) -> ModelShape:
    """Pegasus: as mBART with fixed positions and no norm of the embeddings."""
    shape = _two_stacks(n, positions=n.whole("max_position_embeddings"))
    hidden = shape.hidden
    blocks = tuple(replace(block, sum_norms=False) for block in shape.blocks)
    return replace(
        shape,
        blocks=blocks,
        final_norm=(hidden,) * 4,
        embedding_norm=False,
        last_norm=True,
    )


def _two_stacks(n: Numbers, *, positions: int) -> ModelShape:
    hidden, vocabulary = n.whole("d_model"), n.whole("vocab_size")
    drops = n.share("dropout") > 0
    norm: NormKind = "layer"
    encoder = Block(
        count=n.whole("encoder_layers"),
        attention=_bart_attention(n, n.whole("encoder_attention_heads")),
        mlp=_bart_mlp(n, n.whole("encoder_ffn_dim")),
        norm=norm,
        norms=(hidden,) * 4,
        residual_dropout=drops,
        sum_norms=True,
        encoder=True,
    )
    attention = _bart_attention(n, n.whole("decoder_attention_heads"))
    decoder = Block(
        count=n.whole("decoder_layers"),
        attention=attention,
        cross=attention,
        mlp=_bart_mlp(n, n.whole("decoder_ffn_dim")),
        norm=norm,
        norms=(hidden,) * 6,
        residual_dropout=drops,
        sum_norms=True,
    )
    return ModelShape(
        architecture="",
        hidden=hidden,
        vocabulary=vocabulary,
        blocks=(encoder, decoder),
        embeddings=(vocabulary * hidden, positions * hidden, positions * hidden),
        final_norm=(hidden,) * 4,
        head=Linear(name="lm_head", inputs=hidden, outputs=vocabulary),
        tied=n.switch("tie_word_embeddings"),
        context_length=n.whole("max_position_embeddings"),
        norm=norm,
        task="seq2seq",
        buffers=(2 * vocabulary,),
        logits_bias=True,
        embedding_norm=True,
        last_norm=False,
        embedding_dropout=drops,
    )


def _bart_attention(n: Numbers, heads: int) -> Attention:
    hidden = n.whole("d_model")
    n.divides("d_model", hidden, "attention heads", heads)
    names = ("q_proj", "k_proj", "v_proj", "out_proj")
    return Attention(
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        rotary=0.0,
        dropout=n.share("attention_dropout") > 0,
        linears=tuple(
            Linear(name=name, inputs=hidden, outputs=hidden, bias=True)
            for name in names
        ),
    )


def _bart_mlp(n: Numbers, width: int) -> FeedForward:
    hidden = n.whole("d_model")
    return FeedForward(
        width=width,
        activation=activation_named(n.text("activation_function")),
        gated=False,
        dropout=n.share("activation_dropout") > 0,
        linears=(
            Linear(name="fc1", inputs=hidden, outputs=width, bias=True),
            Linear(name="fc2", inputs=width, outputs=hidden, bias=True),
        ),
    )


def seq2seq_stranger(n: Numbers) -> ModelShape:
    """Two stacks we do not know: read as a T5 or as a BART, by the names of the sizes."""
    return t5(n) if n.get("d_kv") is not None else bart(n)
