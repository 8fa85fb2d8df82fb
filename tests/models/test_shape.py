"""Our reading of a config against the model transformers builds from it."""

from typing import Any

import pytest

from core.errors import ModelError
from core.models.reading import read_shape

# peft still calls transformers' checkpointing by its older name
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

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


T5: dict[str, Any] = {
    "d_model": 96,
    "d_kv": 16,
    "d_ff": 208,
    "num_layers": 3,
    "num_decoder_layers": 2,
    "num_heads": 4,
    "vocab_size": 1009,
}
BART: dict[str, Any] = {
    "d_model": 96,
    "encoder_layers": 3,
    "decoder_layers": 2,
    "encoder_ffn_dim": 208,
    "decoder_ffn_dim": 200,
    "encoder_attention_heads": 6,
    "decoder_attention_heads": 4,
    "vocab_size": 1009,
}
BERT: dict[str, Any] = {**SMALL, "type_vocab_size": 2}
ENCODERS: list[dict[str, Any]] = [
    {"model_type": "t5", **T5},
    {"model_type": "t5", **T5, "feed_forward_proj": "gated-gelu"},
    {"model_type": "mt5", **T5},
    {"model_type": "umt5", **T5},
    {"model_type": "bart", **BART},
    {"model_type": "mbart", **BART},
    {"model_type": "pegasus", **BART},
    {"model_type": "bert", **BERT, "id2label": {"0": "a", "1": "b", "2": "c"}},
    {"model_type": "roberta", **BERT},
    {"model_type": "xlm-roberta", **BERT},
    {"model_type": "camembert", **BERT},
    {
        "model_type": "distilbert",
        "dim": 96,
        "hidden_dim": 208,
        "n_layers": 3,
        "n_heads": 4,
        "vocab_size": 1009,
    },
    {"model_type": "modernbert", **SMALL, "pad_token_id": 0, "norm_bias": True},
]


def on_meta(config: dict[str, Any]) -> Any:
    """Return the model of any kind that transformers makes, without memory."""
    import torch
    from transformers import CONFIG_MAPPING

    from core.engine.tasks import built as any_kind

    names = {key: value for key, value in config.items() if key != "model_type"}
    if "id2label" in names:
        names["id2label"] = {int(key): name for key, name in names["id2label"].items()}
    with torch.device("meta"):
        return any_kind(CONFIG_MAPPING[config["model_type"]](**names))


@pytest.mark.parametrize("config", ENCODERS, ids=lambda config: config["model_type"])
def test_encoders_hold_every_tensor_transformers_builds(config: dict[str, Any]) -> None:
    """Stacks, poolers, classifiers and biases: each parameter, and each linear layer."""
    model = on_meta(config)
    shape = read_shape(config)

    assert shape.known
    assert "causal" != shape.task
    assert model.num_parameters() == shape.parameters
    apart = ("lm_head", "classifier")  # the latter is trained whole
    expected = sorted(
        (name.rpartition(".")[2], *sorted(module.weight.shape), module.bias is not None)
        for name, module in model.named_modules()
        if type(module).__name__ == "Linear"
        and not any(part.endswith(apart) for part in name.split("."))
    )
    found = sorted(
        (linear.name, *sorted((linear.inputs, linear.outputs)), linear.bias)
        for linear, count in shape.linears()
        for _ in range(count)
    )
    assert expected == found


@pytest.mark.parametrize("config", ENCODERS, ids=lambda config: config["model_type"])
def test_encoders_train_what_peft_trains(config: dict[str, Any]) -> None:
    """Adapters on every linear layer, and the classifier whole: parameter by parameter."""
    import torch

    from core.engine.load import add_adapter
    from core.estimate.loop import habits
    from core.estimate.static import static
    from core.hardware.budget import device_budget
    from core.plan.plan import Method, Plan

    plan = Plan(method=Method(kind="lora", rank=4))
    with torch.device("meta"):
        model = add_adapter(on_meta(config), plan.method, seed=0, base_name="none")
    how = habits(plan, device_budget(gpu_name="RTX 4090"), "plain")

    found = static(read_shape(config), plan.method, "adamw_torch", how)

    assert model.get_nb_trainable_parameters()[0] == found.trainable


def test_of_a_model_that_sees_the_text_part_is_read() -> None:
    """Its eyes are counted too, for they are held; the whole is close to what it is."""
    config = {
        "model_type": "gemma3",
        "text_config": {
            "model_type": "gemma3_text",
            "hidden_size": 2560,
            "intermediate_size": 10240,
            "num_hidden_layers": 34,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "head_dim": 256,
            "vocab_size": 262208,
        },
        "vision_config": {
            "model_type": "siglip_vision_model",
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "num_hidden_layers": 27,
        },
    }
    shape = read_shape(config)

    assert ("gemma3_text", "gemma3", True) == (
        shape.architecture,
        shape.text_part,
        shape.known,
    )
    assert 3_880_263_168 == shape.parameters - shape.idle
    # google/gemma-3-4b-pt has 4,300,079,472
    assert shape.parameters == pytest.approx(4_300_079_472, rel=0.01)


@pytest.mark.parametrize(
    ("config", "task"),
    [
        ({"model_type": "marian", **BART, "is_encoder_decoder": True}, "seq2seq"),
        ({"model_type": "longt5", **T5, "is_encoder_decoder": True}, "seq2seq"),
        ({"model_type": "deberta-v2", **BERT}, "classification"),
        ({"model_type": "mine", "n_embd": 96, "n_layer": 2, "vocab_size": 9}, "causal"),
        ({"model_type": "dbrx", **SMALL, "num_local_experts": 16}, "causal"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_stranger_is_read_as_its_nearest_kin(config: Any, task: str) -> None:
    """And marked as one, so that nothing is promised of it."""
    shape = read_shape(config)

    assert not shape.known
    assert task == shape.task
    assert shape.parameters > 0


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
