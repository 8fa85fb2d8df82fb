"""A base model's sizes: every tensor it holds, known from its config.json alone.

The memory estimate counts these tensors one by one, so the shapes must be those that
transformers builds; `tests/models/test_shape.py` builds each family and compares.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Task = Literal["causal", "seq2seq", "classification"]
"""What the model's head does: continue a text, answer one, or sort texts."""
Softmax = Literal["wide", "by autocast", "narrow"]
"""32 bits; 32 bits under autocast, else the scores' own type; the scores' own type."""
NormKind = Literal["rms", "rms_unit_offset", "layer"]
QkNorm = Literal["none", "head", "whole"]
Activation = Literal["silu", "gelu", "gelu_tanh", "gelu_new", "relu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """One weight matrix that takes part in a matrix product."""

    name: str
    """The last part of its module's name: what target_modules matches."""
    inputs: int
    outputs: int
    bias: bool = False
    wide_in_fp16: bool = False
    """transformers keeps it in 32 bits when the others are fp16, and out of
    quantisation (T5's ``wo``, whose numbers outgrow fp16)."""
    never_quantised: bool = False
    """Its module is a subclass of ``nn.Linear``, which bitsandbytes leaves alone."""

    @property
    def elements(self) -> int:
        return self.inputs * self.outputs

    @property
    def parameters(self) -> int:
        return self.elements + (self.outputs if self.bias else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """How one block attends."""

    heads: int
    kv_heads: int
    head_dim: int
    linears: tuple[Linear, ...]
    """q, k, v, o; or one fused projection and the output."""
    fused: bool = False
    rotary: float = 1.0
    """Share of the head that is rotated; 0 without rotary positions."""
    qk_norm: QkNorm = "none"
    window: int | None = None
    softcap: bool = False
    position_bias: bool = False
    """A learned bias of the distance is added to every score (T5)."""
    dropout: bool = False
    """The base model's own dropout of the scores."""
    softmax: Softmax = "wide"
    """In which type attention in plain operations normalises its scores."""
    spread: bool = False
    """Keys and values are copied to every head before anything else (Falcon 40B)."""
    alibi: bool = False
    """A bias of the distance stands in the mask, for each head its own (Falcon RW)."""
    always_masked: bool = False
    """torch is handed a mask even where nothing needs one, so flash does not run."""

    @property
    def query(self) -> int:
        return self.heads * self.head_dim

    @property
    def key(self) -> int:
        return self.kv_heads * self.head_dim

    @property
    def output(self) -> Linear:
        return self.linears[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedForward:
    """The part between attentions. `linears` ends with the one that leads back."""

    width: int
    linears: tuple[Linear, ...]
    activation: Activation = "silu"
    gated: bool = True
    fused: bool = False
    """Gate and up projection are one matrix."""
    dropout: bool = False
    """The base model's own dropout before the way back (T5, BART)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experts:
    """A mixture of experts, held as two three-dimensional tensors and a router.

    transformers 5 fuses the experts into parameters that are no ``nn.Linear``: neither
    bitsandbytes nor PEFT's all-linear touches them.
    """

    count: int
    per_token: int
    width: int
    hidden: int
    shared: FeedForward | None = None
    shared_gate: Linear | None = None
    adapted: bool = False
    """PEFT's all-linear adapts the experts and the router too, as it does for models
    whose experts were layers of their own before transformers 5."""
    narrow_routes: bool = False
    """The router's weights are brought to the type of the hidden states."""

    @property
    def tensors(self) -> tuple[int, ...]:
        """Elements of gate_up_proj, down_proj and the router."""
        return (
            self.count * 2 * self.width * self.hidden,
            self.count * self.hidden * self.width,
            self.count * self.hidden,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One kind of decoder layer and how many of them there are."""

    count: int
    attention: Attention
    mlp: FeedForward | Experts
    norm: NormKind = "rms"
    norms: tuple[int, ...] = ()
    """Elements of each norm's tensors outside attention (weight, and bias if any)."""
    attention_norms: tuple[int, ...] = ()
    """Elements of the norms of queries and keys."""
    post_norms: bool = False
    """Norms after attention and MLP, before each sum (Gemma 2 and 3)."""
    pre_norms: bool = True
    """Norms before attention and MLP."""
    residual_dropout: bool = False
    """The base model's own dropout before each sum (GPT-2)."""
    mlp_dropout_only: bool = False
    """`residual_dropout` stands behind the MLP alone (DistilBERT)."""
    parallel: bool = False
    """Attention and MLP read the same norm and are summed together (Phi, Falcon)."""
    scaled_sums: bool = False
    """What is added to the residual is scaled first (Granite)."""
    keeps_attention: bool = False
    """The attention's input and output live until the block returns (StableLM)."""
    sum_norms: bool = False
    """Norms after each sum, none before (BERT, BART)."""
    encoder: bool = False
    """Every token sees every other; in a seq2seq model, before the decoder."""
    cross: Attention | None = None
    """Attention to the encoder's output, in a seq2seq model's decoder."""
    bias_table: int = 0
    """Elements of a table of position biases of its own (UMT5)."""

    @property
    def linears(self) -> tuple[Linear, ...]:
        """Every ``nn.Linear`` of the block, in the order of use."""
        cross = self.cross.linears if self.cross is not None else ()
        return (*self.attention.linears, *cross, *_mlp_linears(self.mlp))

    @property
    def other_tensors(self) -> tuple[int, ...]:
        """Elements of every tensor that belongs to no ``nn.Linear``."""
        experts = self.mlp.tensors if isinstance(self.mlp, Experts) else ()
        table = (self.bias_table,) if self.bias_table else ()
        return (*self.norms, *self.attention_norms, *table, *experts)

    @property
    def parameters(self) -> int:
        """Parameters of one such block."""
        return sum(linear.parameters for linear in self.linears) + sum(
            self.other_tensors
        )


def _mlp_linears(mlp: FeedForward | Experts) -> tuple[Linear, ...]:
    if isinstance(mlp, FeedForward):
        return mlp.linears
    shared = mlp.shared.linears if mlp.shared is not None else ()
    gate = (mlp.shared_gate,) if mlp.shared_gate is not None else ()
    return (*shared, *gate)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """All tensors of a language model."""

    architecture: str
    """The config's model_type."""
    hidden: int
    vocabulary: int
    blocks: tuple[Block, ...]
    embeddings: tuple[int, ...]
    """Elements of each embedding table: tokens first, then positions and biases."""
    final_norm: tuple[int, ...]
    """Elements of the norms outside the blocks."""
    head: Linear
    tied: bool
    """The head's weight is the token table itself."""
    context_length: int | None
    norm: NormKind = "rms"
    softcap: bool = False
    """Logits pass a tanh (Gemma 2)."""
    order: tuple[int, ...] = ()
    """Which of `blocks` each layer is, where kinds take turns; empty: as they stand."""
    known: bool = True
    """False: an architecture we do not know, read as if it were a Llama or a BERT."""
    text_part: str = ""
    """The model_type of the whole, where it also sees or hears and only what reads
    and writes text is here."""
    idle: int = 0
    """Parameters that are held but take no part, such as eyes that see no picture."""
    task: Task = "causal"
    outer: tuple[Linear, ...] = ()
    """Linear layers between the blocks and the head, such as BERT's pooler."""
    whole: tuple[Linear, ...] = ()
    """Layers that a classifier trains whole, as it does its head (PEFT's
    ``modules_to_save``)."""
    buffers: tuple[int, ...] = ()
    """Bytes of what is held beside the weights, such as tables of positions."""
    logits_bias: bool = False
    """A bias is added to the logits once they are formed (BART)."""
    embedding_norm: bool = False
    """A norm of the embeddings, in each stack (BERT, BART)."""
    last_norm: bool = True
    """A norm after the last block of each stack; not in BERT and BART."""
    scaled_embeddings: bool = False
    """The embeddings are scaled outside their table (Granite)."""
    embedding_dropout: bool = False
    """The base model's own dropout of what enters and leaves its blocks."""

    @property
    def layers(self) -> int:
        return sum(block.count for block in self.blocks)

    @property
    def parameters(self) -> int:
        """Parameters as transformers counts them: a tied head once."""
        head = self.head.parameters - (self.head.elements if self.tied else 0)
        return (
            sum(block.count * block.parameters for block in self.blocks)
            + sum(self.embeddings)
            + sum(self.final_norm)
            + sum(linear.parameters for linear in (*self.outer, *self.whole))
            + self.idle
            + head
        )

    @property
    def takes_quantisation(self) -> bool:
        """Whether bitsandbytes packs any of its layers: none of Falcon's."""
        return any(not linear.never_quantised for linear, _ in self.linears())

    def linears(self) -> Iterator[tuple[Linear, int]]:
        """Give each kind of linear layer before the head and how many there are."""
        for block in self.blocks:
            for linear in block.linears:
                yield linear, block.count
        for linear in self.outer:
            yield linear, 1
