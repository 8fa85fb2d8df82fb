"""Decoders that fuse projections or use layer norms: Phi, GPT, Falcon and others."""

from dataclasses import replace

from core.models.config import Numbers
from core.models.llama_like import with_window
from core.models.pieces import (
    activation_of,
    gated,
    model,
    plain_mlp,
    rotary_share,
    separate_attention,
)
from core.models.shape import Attention, Block, FeedForward, Linear, ModelShape


def _drops(n: Numbers, name: str) -> bool:
    share = n.get(name)
    return isinstance(share, (int, float)) and share > 0


def phi3(n: Numbers) -> ModelShape:
    """Phi 3 and 4: q, k, v in one matrix, gate and up in another."""
    hidden, width = n.whole("hidden_size"), n.whole("intermediate_size")
    plain = separate_attention(n, bias=False, output_bias=False)
    fused = Linear(name="qkv_proj", inputs=hidden, outputs=plain.query + 2 * plain.key)
    mlp = FeedForward(
        width=width,
        activation=activation_of(n),
        fused=True,
        linears=(
            Linear(name="gate_up_proj", inputs=hidden, outputs=2 * width),
            Linear(name="down_proj", inputs=width, outputs=hidden),
        ),
    )
    block = Block(
        count=n.whole("num_hidden_layers"),
        attention=replace(plain, linears=(fused, plain.output), fused=True),
        mlp=mlp,
        norms=(hidden, hidden),
    )
    return with_window(n, model(n, (block,)))


def phi(n: Numbers) -> ModelShape:
    """Phi 1 and 2: one layer norm feeds attention and MLP at once; biases all over."""
    hidden = n.whole("hidden_size")
    attention = separate_attention(n, bias=True, output_bias=True, output="dense")
    block = Block(
        count=n.whole("num_hidden_layers"),
        attention=replace(attention, rotary=rotary_share(n)),
        mlp=plain_mlp(n, "fc1", "fc2", bias=True),
        norm="layer",
        norms=(hidden, hidden),
        residual_dropout=_drops(n, "resid_pdrop"),
        parallel=True,
    )
    shape = model(n, (block,))
    return replace(shape, head=replace(shape.head, bias=True))


def gpt2(n: Numbers) -> ModelShape:
    """GPT-2: learned positions, fused attention, transposed weights (Conv1D)."""
    hidden = n.whole("n_embd", "hidden_size")
    heads = n.whole("n_head", "num_attention_heads")
    width = n.optional("n_inner", "intermediate_size") or 4 * hidden
    positions = n.whole("n_positions", "max_position_embeddings")
    vocabulary = n.whole("vocab_size")
    block = Block(
        count=n.whole("n_layer", "num_hidden_layers"),
        attention=Attention(
            heads=heads,
            kv_heads=heads,
            head_dim=hidden // heads,
            fused=True,
            rotary=0.0,
            dropout=_drops(n, "attn_pdrop"),
            softmax="by autocast",
            linears=(
                Linear(name="c_attn", inputs=hidden, outputs=3 * hidden, bias=True),
                Linear(name="c_proj", inputs=hidden, outputs=hidden, bias=True),
            ),
        ),
        mlp=FeedForward(
            width=width,
            activation=activation_of(n),
            gated=False,
            linears=(
                Linear(name="c_fc", inputs=hidden, outputs=width, bias=True),
                Linear(name="c_proj", inputs=width, outputs=hidden, bias=True),
            ),
        ),
        residual_dropout=_drops(n, "resid_pdrop"),
        norm="layer",
        norms=(hidden,) * 4,
    )
    return ModelShape(
        architecture="gpt2",
        hidden=hidden,
        vocabulary=vocabulary,
        blocks=(block,),
        embeddings=(vocabulary * hidden, positions * hidden),
        final_norm=(hidden, hidden),
        head=Linear(name="lm_head", inputs=hidden, outputs=vocabulary),
        tied=n.switch("tie_word_embeddings"),
        context_length=positions,
        norm="layer",
        embedding_dropout=_drops(n, "embd_pdrop"),
    )


def gpt_neox(n: Numbers) -> ModelShape:
    """GPT-NeoX and Pythia: fused attention, layer norms, parallel residual."""
    hidden, heads = n.whole("hidden_size"), n.whole("num_attention_heads")
    bias = n.get("attention_bias") is not False
    block = Block(
        count=n.whole("num_hidden_layers"),
        attention=Attention(
            heads=heads,
            kv_heads=heads,
            head_dim=hidden // heads,
            fused=True,
            rotary=rotary_share(n),
            linears=(
                Linear(
                    name="query_key_value", inputs=hidden, outputs=3 * hidden, bias=bias
                ),
                Linear(name="dense", inputs=hidden, outputs=hidden, bias=bias),
            ),
        ),
        mlp=plain_mlp(n, "dense_h_to_4h", "dense_4h_to_h", bias=True),
        norm="layer",
        norms=(hidden,) * 4,
        parallel=n.get("use_parallel_residual") is not False,
    )
    return model(n, (block,))


def falcon(n: Numbers) -> ModelShape:
    """Falcon: grouped fused attention, parallel residual, plain MLP."""
    hidden, bias = n.whole("hidden_size"), n.switch("bias")
    attention = _falcon_attention(n, hidden, bias=bias)
    mlp = plain_mlp(
        n,
        "dense_h_to_4h",
        "dense_4h_to_h",
        bias=bias,
        width_names=("ffn_hidden_size",),
    )
    own = tuple(replace(one, never_quantised=True) for one in mlp.linears)
    two_norms = attention.spread and n.get("num_ln_in_parallel_attn") in {None, 2}
    parallel = attention.spread or n.get("parallel_attn") is not False
    norms = 2 if two_norms or not parallel else 1
    block = Block(
        count=n.whole("num_hidden_layers"),
        attention=attention,
        mlp=replace(mlp, linears=own),
        norm="layer",
        norms=(hidden, hidden) * norms,
        parallel=parallel,
    )
    # rotary frequencies are made even where alibi stands in for them
    idle_angles = (attention.head_dim // 2 * 4,) * 2 if attention.alibi else ()
    return model(n, (block,), buffers=idle_angles)


def _falcon_attention(n: Numbers, hidden: int, *, bias: bool) -> Attention:
    heads = n.whole("num_attention_heads")
    new, alibi = n.switch("new_decoder_architecture"), n.switch("alibi")
    kv_heads = (n.optional("num_kv_heads") or heads) if new else heads
    if not new and n.get("multi_query") is not False:
        kv_heads = 1
    dim = hidden // heads
    qkv = (heads + 2 * kv_heads) * dim
    return Attention(
        heads=heads,
        kv_heads=kv_heads,
        head_dim=dim,
        fused=True,
        rotary=0.0 if alibi else 1.0,
        softmax="by autocast",
        spread=new,
        alibi=alibi,
        always_masked=True,
        linears=(
            _falcon_linear("query_key_value", hidden, qkv, bias=bias),
            _falcon_linear("dense", hidden, hidden, bias=bias),
        ),
    )


def _falcon_linear(name: str, inputs: int, outputs: int, *, bias: bool) -> Linear:
    """Return a ``FalconLinear``: transformers quantises ``nn.Linear`` itself alone."""
    return Linear(
        name=name, inputs=inputs, outputs=outputs, bias=bias, never_quantised=True
    )


def starcoder2(n: Numbers) -> ModelShape:
    """StarCoder 2: layer norms, plain MLP, biases."""
    hidden, bias = n.whole("hidden_size"), n.get("use_bias") is not False
    block = Block(
        count=n.whole("num_hidden_layers"),
        attention=separate_attention(n, bias=bias, output_bias=bias),
        mlp=plain_mlp(n, "c_fc", "c_proj", bias=bias),
        residual_dropout=_drops(n, "residual_dropout"),
        norm="layer",
        norms=(hidden,) * 4,
    )
    return with_window(n, model(n, (block,)))


def stablelm(n: Numbers) -> ModelShape:
    """StableLM: as Llama with layer norms and partly rotated heads."""
    hidden = n.whole("hidden_size")
    attention = separate_attention(n, bias=n.switch("use_qkv_bias"), output_bias=False)
    norms = (hidden,) * (2 if n.switch("use_parallel_residual") else 4)
    block = Block(
        count=n.whole("num_hidden_layers"),
        attention=replace(attention, rotary=rotary_share(n)),
        mlp=gated(n, n.whole("intermediate_size")),
        norm="layer",
        norms=norms,
        parallel=n.switch("use_parallel_residual"),
        keeps_attention=True,
    )
    return model(n, (block,))
