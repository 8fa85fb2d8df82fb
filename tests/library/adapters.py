"""Small real adapters on disk, made without any framework."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Tensors = Mapping[str, tuple[str, tuple[int, ...], bytes]]
"""Name to (dtype, shape, content)."""

CONFIG: dict[str, Any] = {
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
    "base_model_name_or_path": "HuggingFaceTB/SmolLM2-135M-Instruct",
    "r": 2,
    "lora_alpha": 4,
    "lora_dropout": 0.0,
    "target_modules": ["q_proj", "v_proj"],
    "bias": "none",
    "use_dora": False,
    "use_rslora": False,
    "inference_mode": True,
    "peft_version": "0.21.2",
    "init_lora_weights": True,
}
_LAYER = "base_model.model.model.layers.0.self_attn.q_proj"


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def tensors(
    a: tuple[float, ...] = (0.5,) * 8, b: tuple[float, ...] = (0.25,) * 8
) -> Tensors:
    """Return one layer's LoRA matrices, (2, 4) and (4, 2), in 32 bit."""
    return {
        f"{_LAYER}.lora_A.weight": ("F32", (2, 4), floats(*a)),
        f"{_LAYER}.lora_B.weight": ("F32", (4, 2), floats(*b)),
    }


def safetensors(content: Tensors) -> bytes:
    """Return the bytes of a safetensors file."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, (dtype, shape, data) in content.items():
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        body += data
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def write_adapter(
    folder: Path, *, content: Tensors | None = None, **config: Any
) -> Path:
    """Write a PEFT folder with `content` and the configuration's changed keys."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({**CONFIG, **config}))
    weights = safetensors(tensors() if content is None else content)
    (folder / "adapter_model.safetensors").write_bytes(weights)
    (folder / "README.md").write_text("# An adapter\n")
    return folder
