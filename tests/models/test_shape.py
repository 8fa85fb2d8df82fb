"""Our reading of a config against the model transformers builds from it."""

from typing import Any

import pytest

from core.errors import ModelError
from core.models.reading import read_shape

SMALL: dict[str, Any] = {
    "hidden_size": 96,
    "intermediate_size": 208,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "vocab_size": 1009,
    "max_position_embeddings": 512,
}
CONFIGS: list[dict[str, Any]] = [
    {"model_type": "llama", **SMALL, "tie_word_embeddings": True},
    {"model_type": "llama", **SMALL, "attention_bias": True, "mlp_bias": True},
    {"model_type": "llama", **SMALL, "head_dim": 24},
    {"model_type": "mistral", **SMALL, "sliding_window": None},
    {"model_type": "granite", **SMALL},
    {"model_type": "smollm3", **SMALL, "pad_token_id": 0},
    {"model_type": "qwen2", **SMALL},
    {"model_type": "qwen3", **SMALL},
    {"model_type": "olmo2", **SMALL, "pad_token_id": 0},
    {"model_type": "gemma", **SMALL},
    {"model_type": "gemma2", **SMALL, "head_dim": 16},
    {"model_type": "gemma3_text", **SMALL, "head_dim": 16},
    {"model_type": "phi3", **SMALL, "pad_token_id": 0},
    {"model_type": "phi", **SMALL},
    {"model_type": "gpt2", "n_embd": 96, "n_layer": 2, "n_head": 4, "vocab_size": 999},
    {"model_type": "gpt_neox", **SMALL},
    {"model_type": "falcon", **SMALL},
    {"model_type": "falcon", **SMALL, "multi_query": False, "bias": True},
    {
        "model_type": "falcon",
        **SMALL,
        "new_decoder_architecture": True,
        "num_kv_heads": 2,
    },
    {"model_type": "starcoder2", **SMALL},
    {"model_type": "stablelm", **SMALL, "use_qkv_bias": True},
    {"model_type": "mixtral", **SMALL},
    {"model_type": "qwen2_moe", **SMALL, "mlp_only_layers": [1], "num_experts": 8},
    {"model_type": "qwen3_moe", **SMALL, "decoder_sparse_step": 2, "num_experts": 8},
]


def built(config: dict[str, Any]) -> Any:
    """Return the model transformers makes of `config`, without memory."""
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM

    names = {key: value for key, value in config.items() if key != "model_type"}
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(
            CONFIG_MAPPING[config["model_type"]](**names)
        )


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config["model_type"])
def test_shape_holds_every_tensor_transformers_builds(config: dict[str, Any]) -> None:
    """Parameters, linear layers and the tied head agree with the real model."""
    model = built(config)
    shape = read_shape(config)

    assert shape.known
    assert model.num_parameters() == shape.parameters
    head = model.get_output_embeddings()
    tied = head.weight is model.get_input_embeddings().weight
    assert tied == shape.tied
    expected = sorted(
        (name.rpartition(".")[2], *sorted(module.weight.shape), module.bias is not None)
        for name, module in model.named_modules()
        if type(module).__name__ in {"Linear", "Conv1D", "FalconLinear"}
        and module is not head
    )
    found = sorted(
        (linear.name, *sorted((linear.inputs, linear.outputs)), linear.bias)
        for linear, count in shape.linears()
        for _ in range(count)
    )
    assert expected == found


def test_an_unknown_architecture_is_read_as_a_llama_and_says_so() -> None:
    """What we do not know is not taken for known."""
    shape = read_shape({"model_type": "marvel", **SMALL})

    assert not shape.known
    assert 3 == shape.layers


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"hidden_size": None}, "model.no_sizes"),
        ({"hidden_size": -1}, "model.bad_size"),
        ({"num_hidden_layers": 10**9}, "model.bad_size"),
        ({"vocab_size": "many"}, "model.bad_size"),
        ({"quantization_config": {"quant_method": "gptq"}}, "model.quantised"),
        ({"model_type": "whisper"}, "model.not_causal"),
    ],
)
def test_a_config_that_cannot_be_priced_says_why(
    changed: dict[str, Any], code: str
) -> None:
    """Missing, absurd and foreign configs are refused with a reason and a way out."""
    with pytest.raises(ModelError) as caught:
        read_shape({"model_type": "llama", **SMALL, **changed})

    assert code == caught.value.code
    assert caught.value.hint
