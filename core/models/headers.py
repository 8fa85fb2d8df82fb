"""A base model's sizes from the headers of its weights alone, without a config.

Tensors have names that tell their place, and a Llama and its kin name them alike:
``model.layers.3.self_attn.q_proj.weight``. How many heads share a projection is not
written there unless they have norms of their own; 64 or 128 elements a head is usual,
and the difference is less than a thousandth of a training's memory.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from core.errors import ModelError, Where
from core.models.shape import ModelShape
from core.models.weights import TensorFacts, read_header

_LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.(.+)$")
_WORDS = re.compile(
    r"(?:^|\.)(?:embed_tokens|wte|embed_in|word_embeddings|tok_embeddings|shared)\.weight$"
)
_ADAPTER = re.compile(r"\.lora_[AB]\.|lora_(?:down|up)\.")
_WIDE = 2048
_CONFIG_HINT = (
    "Put the config.json that came with it beside it and give the folder; the model's"
    " page on the Hub has it."
)


def config_of_weights(files: Iterable[Path]) -> dict[str, Any]:
    """Return the config that weights without one must have had.

    Raises:
        ModelError: They are an adapter's, torn, or not laid out as a Llama's.
    """
    tensors: dict[str, tuple[int, ...]] = {}
    first = Path()
    for first in files:
        tensors |= {tensor.name: tensor.shape for tensor in read_header(first)}
    if any(_ADAPTER.search(name) for name in tensors):
        raise ModelError(
            "model.adapter",
            f"{first.name} holds an adapter, not a base model.",
            hint="Choose the base model it was trained on; chat can add the adapter.",
        )
    try:
        return _like_llama(tensors)
    except (KeyError, IndexError, ValueError, StopIteration) as err:
        raise ModelError(
            "model.none",
            f"There is no config.json beside {first.name}, and its tensors are not named"
            " as a Llama's, so its sizes cannot be told.",
            hint=_CONFIG_HINT,
            where=Where(file=str(first)),
        ) from err


def _like_llama(tensors: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    words = next(shape for name, shape in tensors.items() if _WORDS.search(name))
    layers = {int(m[1]) for name in tensors if (m := _LAYER.search(name))}
    first = {
        m[2]: s for n, s in tensors.items() if (m := _LAYER.search(n)) and m[1] == "0"
    }
    if layers != set(range(len(layers))):
        raise ValueError(layers)
    query, key = (
        first["self_attn.q_proj.weight"][0],
        first["self_attn.k_proj.weight"][0],
    )
    norms = first.get("self_attn.q_norm.weight")
    dim = norms[0] if norms else _usual_head(query, key, words[1])
    kind = "qwen3" if norms else "llama"
    if "self_attn.q_proj.bias" in first and "self_attn.o_proj.bias" not in first:
        kind = "qwen2"
    return {
        "model_type": kind,
        "vocab_size": words[0],
        "hidden_size": words[1],
        "num_hidden_layers": len(layers),
        "intermediate_size": first["mlp.gate_proj.weight"][0],
        "num_attention_heads": query // dim,
        "num_key_value_heads": key // dim,
        "head_dim": dim,
        "attention_bias": "self_attn.o_proj.bias" in first,
        "mlp_bias": "mlp.gate_proj.bias" in first,
        "tie_word_embeddings": not any(n.endswith("lm_head.weight") for n in tensors),
    }


def _usual_head(query: int, key: int, hidden: int) -> int:
    usual = (128, 64, 256) if hidden >= _WIDE else (64, 128, 32, 16)
    return next(dim for dim in usual if not (query % dim or key % dim))


def require_agreement(
    shape: ModelShape, tensors: Iterable[TensorFacts], name: str
) -> None:
    """Return if the weights may be those that the config describes.

    Raises:
        ModelError: The table of words has another size, so they belong to another model.
    """
    wanted = shape.vocabulary, shape.hidden
    for tensor in tensors:
        if not _WORDS.search(tensor.name) or len(tensor.shape) != len(wanted):
            continue
        if tensor.shape != wanted and shape.known:
            raise ModelError(
                "model.mismatch",
                f"{name}'s config.json says {wanted[0]} words of {wanted[1]} numbers, its"
                f" weights hold {tensor.shape[0]} of {tensor.shape[1]}.",
                hint="One of the two belongs to another model: download it again whole.",
            )
        return
