"""A base model in memory, 16-bit or NF4, with a fresh adapter on it.

Nothing here runs code or unpickles weights that came with a model: safetensors only,
no remote code, the attention kernel named by us and not by the model's config.
"""

import gc
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    PreTrainedModel,
    core_model_loading,
    modeling_utils,
)
from transformers.pytorch_utils import Conv1D

from core.engine.attention import suit_card
from core.engine.device import Compute
from core.engine.tasks import PEFT_TASKS, left_out, task
from core.errors import ModelError, RequestError
from core.models.config import read_config
from core.plan.plan import ALL_LINEAR, Attention, Method


def load_base(
    folder: Path,
    *,
    compute: Compute,
    quantization: Method | None = None,
    attention: Attention = "sdpa",
) -> PreTrainedModel:
    """Return the causal language model in `folder`, frozen, on the device.

    Args:
        folder: A plain transformers folder with safetensors weights.
        compute: Device and format of the weights that are not quantised.
        quantization: Hold the linear layers in 4 bits as this method says.
        attention: The attention kernel.

    Raises:
        ModelError: The folder holds no model that can be loaded safely.
    """
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            "model.no_weights",
            f"{folder.name} holds no safetensors weights.",
            hint="Choose a folder with *.safetensors files in it.",
        )
    suit_card(compute)
    try:
        with _faults_told_at_once(), _warm_up_may_fail():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # told by _require_whole, tensor by name
                dtype=compute.dtype,
                device_map={"": compute.device},
                quantization_config=_four_bits(quantization, compute),
                attn_implementation=kernel_for(read_config(folder), attention),
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
            )
    except (ValueError, KeyError, AttributeError, SafetensorError) as err:
        raise ModelError(
            "model.unloadable",
            f"{folder.name} cannot be loaded: {_first_line(err)}",
            hint="Download it again, or choose another base model.",
        ) from err
    model, found = loaded
    _require_whole(folder, found)
    model.requires_grad_(requires_grad=False)
    model.config.use_cache = False
    # The 16-bit copies made while quantising leave holes in the allocator's pool; a
    # pool emptied now starts the training without them.
    give_back_memory(compute)
    return cast("PreTrainedModel", model)


@contextmanager
def _faults_told_at_once() -> Generator[None]:
    """Let what fails while a weight is quantised be raised as it is.

    transformers notes it, goes on with the next weight and ends with an error that no
    longer says what failed: memory that ran out looked like a bug.
    """

    @contextmanager
    def told(*_: Any, **__: Any) -> Generator[None]:
        yield

    with patch.object(core_model_loading, "log_conversion_errors", told):
        yield


@contextmanager
def _warm_up_may_fail() -> Generator[None]:
    """Let a card do without the one large allocation made before weights are read.

    It leaves 1.2 GiB of the card: of a smaller one, such as a slice of a virtual card,
    transformers asks for less than nothing, and that looked like a bug. What really
    does not fit is told by the weight that finds no room.
    """
    real = modeling_utils.caching_allocator_warmup

    def tried(*arguments: Any) -> None:
        with suppress(RuntimeError):
            real(*arguments)

    with patch.object(modeling_utils, "caching_allocator_warmup", tried):
        yield


def _require_whole(folder: Path, found: Mapping[str, Any]) -> None:
    """Return if every weight came from the disk; transformers draws others at random.

    Raises:
        ModelError: Some are missing, or have other sizes than config.json says.
    """
    other = sorted(name for name, *_ in found["mismatched_keys"])
    missing = sorted(found["missing_keys"])
    if not (other or missing):
        return
    fault = (
        f"{other[0]} has another size than its config.json says"
        if other
        else f"{len(missing)} weights are missing, such as {missing[0]}"
    )
    raise ModelError(
        "model.unloadable",
        f"{folder.name} cannot be loaded: {fault}.",
        hint="Download it again, or choose another base model.",
    )


def kernel_for(config: Mapping[str, Any], attention: Attention) -> str:
    """Return transformers' name of the attention kernel a model is run with.

    A model that caps its attention scores (Gemma 2) has no fused kernel.
    """
    capped = (
        config.get("attn_logit_softcapping") or config.get("model_type") == "gemma2"
    )
    if attention == "eager" or capped:
        return "eager"
    return "sdpa"


def _four_bits(method: Method | None, compute: Compute) -> BitsAndBytesConfig | None:
    if method is None:
        return None
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=method.quant_type,
        bnb_4bit_use_double_quant=method.double_quant,
        bnb_4bit_compute_dtype=compute.dtype,
    )


def give_back_memory(compute: Compute) -> None:
    """Return to the device what nothing refers to any more."""
    gc.collect()
    if compute.on_gpu:
        torch.cuda.empty_cache()


def add_adapter(
    model: PreTrainedModel, method: Method, *, seed: int, base_name: str
) -> PeftModel:
    """Return `model` with a new LoRA adapter: fp32, the same for the same seed.

    Args:
        model: The frozen base.
        method: Rank, scaling and the layers to adapt.
        seed: Draws the A matrices; B begins at zero, so nothing changes at first.
        base_name: What the adapter's config will name as its base.

    Raises:
        RequestError: The model has no layer of the given names.
    """
    targets = method.target_modules
    config = LoraConfig(
        r=method.rank,
        lora_alpha=method.alpha,
        lora_dropout=method.dropout,
        target_modules="all-linear" if targets == ALL_LINEAR else list(targets),
        exclude_modules=left_out(model, method),
        use_dora=method.use_dora,
        use_rslora=method.use_rslora,
        init_lora_weights="gaussian" if method.init == "gaussian" else True,
        bias="none",
        fan_in_fan_out=stores_transposed(model),
        task_type=PEFT_TASKS[task(model.config)],
    )
    torch.manual_seed(seed)
    try:
        adapted = get_peft_model(model, config)
    except ValueError as err:
        raise RequestError(
            "plan.target_modules",
            f"The adapter does not fit this model: {_first_line(err)}",
            hint="Set method.target_modules to all-linear, or name this model's layers.",
        ) from err
    adapted.peft_config["default"].base_model_name_or_path = base_name
    return cast("PeftModel", adapted)


def stores_transposed(model: nn.Module) -> bool:
    """Return whether the layers keep their weights as (inputs, outputs), as GPT-2's."""
    return any(isinstance(module, Conv1D) for module in model.modules())


def skip_needless_casts(model: nn.Module) -> None:
    """Leave the inputs of LoRA layers in 16 bits where autocast computes in 16 bits.

    PEFT widens each input to the adapter's fp32 and autocast narrows it again: the same
    numbers, and one fp32 copy a layer for nothing.
    """
    for module in model.modules():
        if hasattr(module, "lora_A"):
            cast("Any", module).cast_input_dtype_enabled = False


def _first_line(err: BaseException) -> str:
    lines = str(err).strip().splitlines()
    return lines[0][:300] if lines else type(err).__name__
