"""Small but true PEFT folders on a shelf, for tests: rank 2, one layer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from core.library import shelf
from core.library.facts import AdapterFacts
from core.library.record import AdapterRecord
from core.places import Places

_LAYER = "base_model.model.model.layers.0.self_attn.q_proj"


def peft_folder(folder: Path, *, rank: int = 2) -> Path:
    folder.mkdir(parents=True)
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 4,
        "target_modules": ["q_proj"], "base_model_name_or_path": "starter",
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(
        {
            f"{_LAYER}.lora_A.weight": np.ones((rank, 8), dtype=np.float32),
            f"{_LAYER}.lora_B.weight": np.full((8, rank), 0.5, dtype=np.float32),
        },
        folder / "adapter_model.safetensors",
    )
    return folder


def shelved(
    places: Places,
    name: str = "Pirate talk",
    *,
    base: str = "starter",
    eval_loss: float | None = 1.16,
    tags: tuple[str, ...] = (),
    run_id: str = "",
    created: float = 1_760_000_000.0,
) -> AdapterRecord:
    """Return an adapter that now stands in the library."""
    made = places.cache / "made" / f"{len(list(places.library.iterdir()))}-{name}"
    facts = AdapterFacts(
        name=name,
        base_model=base,
        method="lora",
        tags=tags,
        eval_loss_before=3.41,
        eval_loss=eval_loss,
        created=created,
        run_id=run_id,
        data_sha256="ab" * 32,
        peak_memory=640 << 20,
        versions={"tunesmith": "0.1.0", "torch": "2.13", "peft": "0.21.2"},
        plan={"data": {"files": ["/data/pirate.jsonl"]}, "model": {"id": base}},
    )
    return shelf.add(places, peft_folder(made), facts)
