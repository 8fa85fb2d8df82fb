"""Which builder reads which ``model_type``, and what its config leaves unsaid.

Names and defaults are those of transformers 5.23's ``configuration_*.py``: a config on
the Hub leaves out what equals the default.
"""

from collections.abc import Callable, Mapping
from typing import Any

from core.models.config import Numbers
from core.models.encoder_decoder import bart, mbart, pegasus, seq2seq_stranger, t5, umt5
from core.models.encoder_only import bert, distilbert, modernbert, roberta
from core.models.llama_like import (
    gemma,
    gemma2,
    gemma3,
    granite,
    llama,
    mistral,
    olmo2,
    qwen2,
    qwen3,
)
from core.models.other_decoders import (
    falcon,
    gpt2,
    gpt_neox,
    phi,
    phi3,
    stablelm,
    starcoder2,
)
from core.models.shape import ModelShape
from core.models.sparse import mixtral, qwen2_moe, qwen3_moe, stranger

Builder = Callable[[Numbers], ModelShape]
_GEMMA = {
    "tie_word_embeddings": True,
    "head_dim": 256,
    "hidden_act": "gelu_pytorch_tanh",
}
FAMILIES: Mapping[str, tuple[Builder, Mapping[str, Any]]] = {
    "llama": (llama, {"hidden_act": "silu"}),
    "mistral": (
        mistral,
        {"hidden_act": "silu", "num_key_value_heads": 8, "sliding_window": 4096},
    ),
    "granite": (granite, {"hidden_act": "silu"}),
    "smollm3": (
        llama,
        {"hidden_act": "silu", "tie_word_embeddings": True, "num_key_value_heads": 4},
    ),
    "qwen2": (qwen2, {"hidden_act": "silu"}),
    "qwen3": (qwen3, {"hidden_act": "silu", "head_dim": 128}),
    "olmo2": (olmo2, {"hidden_act": "silu"}),
    "gemma": (gemma, _GEMMA),
    "gemma2": (
        gemma2,
        {
            **_GEMMA,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "attn_logit_softcapping": 50.0,
            "final_logit_softcapping": 30.0,
        },
    ),
    "gemma3_text": (
        gemma3,
        {
            **_GEMMA,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "vocab_size": 262208,
            "sliding_window": 4096,
        },
    ),
    "phi3": (phi3, {"hidden_act": "silu"}),
    "phi": (phi, {"hidden_act": "gelu_new", "partial_rotary_factor": 0.5}),
    "gpt2": (
        gpt2,
        {
            "tie_word_embeddings": True,
            "activation_function": "gelu_new",
            "n_positions": 1024,
            "resid_pdrop": 0.1,
            "attn_pdrop": 0.1,
            "embd_pdrop": 0.1,
        },
    ),
    "gpt_neox": (gpt_neox, {"hidden_act": "gelu", "rotary_pct": 0.25}),
    "falcon": (falcon, {"activation": "gelu", "tie_word_embeddings": True}),
    "starcoder2": (
        starcoder2,
        {"hidden_act": "gelu_pytorch_tanh", "tie_word_embeddings": True},
    ),
    "stablelm": (stablelm, {"hidden_act": "silu", "partial_rotary_factor": 0.25}),
    "mixtral": (
        mixtral,
        {
            "hidden_act": "silu",
            "num_local_experts": 8,
            "num_experts_per_tok": 2,
            "num_key_value_heads": 8,
        },
    ),
    "qwen2_moe": (
        qwen2_moe,
        {
            "hidden_act": "silu",
            "num_experts": 60,
            "num_experts_per_tok": 4,
            "moe_intermediate_size": 1408,
            "shared_expert_intermediate_size": 5632,
        },
    ),
    "qwen3_moe": (
        qwen3_moe,
        {
            "hidden_act": "silu",
            "num_experts": 128,
            "num_experts_per_tok": 8,
            "moe_intermediate_size": 768,
        },
    ),
}
_T5 = {
    "feed_forward_proj": "relu",
    "dropout_rate": 0.1,
    "relative_attention_num_buckets": 32,
}
_MT5 = {**_T5, "feed_forward_proj": "gated-gelu"}
_BART = {
    "activation_function": "gelu",
    "dropout": 0.1,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": True,
}
_BERT = {
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}
ENCODERS: Mapping[str, tuple[Builder, Mapping[str, Any]]] = {
    "t5": (t5, _T5),
    "mt5": (t5, _MT5),
    "umt5": (umt5, _MT5),
    "bart": (bart, _BART),
    "mbart": (mbart, _BART),
    "pegasus": (pegasus, _BART),
    "bert": (bert, _BERT),
    "roberta": (roberta, _BERT),
    "xlm-roberta": (roberta, _BERT),
    "camembert": (roberta, _BERT),
    "distilbert": (
        distilbert,
        {
            "activation": "gelu",
            "dropout": 0.1,
            "attention_dropout": 0.1,
            "max_position_embeddings": 512,
        },
    ),
    "modernbert": (
        modernbert,
        {
            "hidden_activation": "gelu",
            "max_position_embeddings": 8192,
            "local_attention": 128,
        },
    ),
}
"""Models that read a whole text first: priced, not trained by our engine yet."""
LIKE_LLAMA: tuple[Builder, Mapping[str, Any]] = (stranger, {"hidden_act": "silu"})
LIKE_BART: tuple[Builder, Mapping[str, Any]] = (seq2seq_stranger, {**_T5, **_BART})
LIKE_BERT: tuple[Builder, Mapping[str, Any]] = (bert, _BERT)
