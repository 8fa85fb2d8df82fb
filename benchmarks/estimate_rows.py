"""Published measurements as plans: which rows say enough, and what they measured.

Class A says everything: model, method, ranks, targets, batch, length, kernel, card,
versions. Class B leaves the batch's true length or the loop's own habits open, so a
formula can only be near; its rows are shown apart and decide nothing.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.estimate.answer import Loop
from core.estimate.loop import habits
from core.estimate.static import static
from core.hardware.budget import device_budget
from core.models.catalogue import catalogue, catalogue_config, catalogue_shape
from core.models.shape import ModelShape
from core.plan.plan import ALL_LINEAR, Method, MethodKind, Plan, Training
from core.units import GIB

_ALIASES = {
    "deepseek-coder-1.3b-base": "deepseek-ai/deepseek-coder-1.3b-instruct",
    "Mistral-7B-Instruct-v0.3": "mistralai/Mistral-7B-v0.3",
    "Llama-2-7B": "meta-llama/Llama-2-7b-chat-hf",
    "llama-2-7b": "meta-llama/Llama-2-7b-chat-hf",
    "Llama-2-13B": "meta-llama/Llama-2-13b-chat-hf",
    "llama-3-8b": "meta-llama/Llama-3.1-8B",
    "llama-3.1-8b": "meta-llama/Llama-3.1-8B",
    "Llama-3-8B": "meta-llama/Llama-3.1-8B",
    "llama-3.2-1b": "meta-llama/Llama-3.2-1B",
    "mistral-7b": "mistralai/Mistral-7B-v0.3",
    "mistral-7b-v0.2": "mistralai/Mistral-7B-v0.3",
    "phi-2": "microsoft/phi-2",
    "phi-1_5": "microsoft/phi-1_5",
    "Phi-3-mini-4k-instruct": "microsoft/Phi-3-mini-4k-instruct",
    "tiny-llama": "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
    "yi-6b-chat": "01-ai/Yi-1.5-6B-Chat",
    "yi-34b-chat": "01-ai/Yi-1.5-34B-Chat",
    "openbuddy-zephyr-7b-chat": "mistralai/Mistral-7B-v0.3",
}
_B_SOURCES = ("Lightning-AI/litgpt", "modelscope/ms-swift", "pytorch/torchtune")
_CARDS = {
    "Tesla T4": "T4",
    "A100-SXM4-40GB": "A100 40GB",
    "A100": "A100 80GB",
    "A10G 24GB": "A10",
    "NVIDIA L40S": "L40S",
    "RTX 4090": "RTX 4090",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One row: what was run, and the bytes it took."""

    source: str
    model: str
    card: str
    plan: Plan
    loop: Loop
    """A loop that forms its loss in chunks is nearest to ours."""
    shape: ModelShape
    config: Mapping[str, Any]
    measured: int
    """As torch counted it: handed out, or reserved where `kind` says so."""
    kind: str
    reserved: int | None
    process: int | None

    @property
    def words(self) -> str:
        """Return the setting on one line."""
        train, method = self.plan.train, self.plan.method
        return (
            f"{self.model.rpartition('/')[2][:25]:25s} {method.kind:5s}"
            f" {train.attention:5s} {train.batch_size:3d} x {train.seq_len:5d}"
        )


def read_rows(path: Path) -> tuple[list[Published], list[Published], int]:
    """Return the rows of class A, those of class B, and how many A could not be read."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    first = [row for row in rows if "fitcheck" in row["source"]]
    exact = [found for row in first if (found := _exact(row))]
    near = [
        found
        for row in rows
        if row["source"].startswith(_B_SOURCES) and (found := _near(row))
    ]
    return exact, near, len(first) - len(exact)


def _exact(row: Mapping[str, str]) -> Published | None:
    plan = _plan(row, length=int(row["seq_len"]), dtype="fp16")
    return _published(row, plan)


def _near(row: Mapping[str, str]) -> Published | None:
    length = re.match(r"\d+", row["seq_len"])
    method = row["method"].lower()
    if length is None or "lora" not in method or "gptq" in method:
        return None
    if not (row["micro_batch"].isdigit() and row["r"].isdigit()):
        return None
    return _published(row, _plan(row, length=int(length.group()), dtype="bf16"))


def _plan(row: Mapping[str, str], *, length: int, dtype: str) -> Plan:
    method = row["method"].lower()
    four_bit = "nf4" in method or "int4" in method
    kind: MethodKind = "qlora" if four_bit else "lora"
    return Plan(
        method=Method(
            kind=kind,
            rank=int(row["r"]),
            target_modules=_targets(row["targets"]),
            double_quant="no d" not in method and four_bit,
            compute_dtype="fp16" if dtype == "fp16" else "bf16",
        ),
        train=Training(
            batch_size=int(row["micro_batch"]),
            seq_len=length,
            gradient_accumulation=1,
            gradient_checkpointing=row["grad_ckpt"].startswith(("yes", "on")),
            attention="eager" if row["attention"].startswith("eager") else "sdpa",
        ),
    )


def _targets(words: str) -> tuple[str, ...] | str:
    if words == "DEFAULT (qkv)":
        return ("q_proj", "k_proj", "v_proj", "query_key_value", "qkv_proj")
    if "mlp" in words or "all" in words:
        return ALL_LINEAR
    names = [name.strip() for name in words.split(",")]
    return tuple(name if "_" in name else f"{name}_proj" for name in names)


def _published(row: Mapping[str, str], plan: Plan) -> Published | None:
    name = row["model"]
    known = _known(name)
    if known is None:
        return None
    shape, config = catalogue_shape(known), catalogue_config(known)
    card = _CARDS.get(row["gpu"])
    if shape is None or config is None or card is None:
        return None
    unit = GIB if row["gb_or_gib"] in {"", "GiB"} else 10**9
    return Published(
        source=row["source"],
        model=name,
        card=card,
        plan=plan,
        loop="tunesmith" if row["loss_kernel"].startswith("chunked CE") else "plain",
        shape=shape,
        config=config,
        measured=int(float(row["measured_gb"]) * unit),
        kind=row["what_is_measured"],
        reserved=_noted(row, "reserved"),
        process=_noted(row, "process"),
    )


def _known(name: str) -> str | None:
    """Return the catalogue's name of a model."""
    short = name.rpartition("/")[2]
    for candidate in (name, _ALIASES.get(short, ""), *_same_short_name(short)):
        if candidate and catalogue_shape(candidate) is not None:
            return candidate
    return None


def _same_short_name(short: str) -> list[str]:
    bare = short.removesuffix("-Instruct").removesuffix("-Chat")
    return [
        facts.id
        for facts in catalogue()
        if facts.id.rpartition("/")[2] in {short, bare, f"{bare}-Instruct"}
    ]


def _noted(row: Mapping[str, str], word: str) -> int | None:
    found = re.search(rf"{word} ([\d.]+) GiB", row["notes"])
    return int(float(found.group(1)) * GIB) if found else None


# -- class A': everything is told but the length of the longest batch ------------------

_RESIDENT = "allocated after optimizer step"
_MODEL = "meta-llama/Llama-3.2-3B"
_PLAIN_LORA = "rank32.json"
# What these train or hold is not what rank and targets say.
_OTHER_ADAPTERS = ("lorafa", "mica", "bdlora", "full-finetuning")


def resident_differences(path: Path) -> dict[str, tuple[int, int]]:
    """Return bytes that stay beyond those of rank 32: (measured, predicted) by row.

    PEFT's method comparison trains one model with one data set; only the adapter, its
    gradients and moments differ between its runs after an optimiser step.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["what_is_measured"].startswith(_RESIDENT)
            and row["model"] == _MODEL
            and not any(name in row["source"] for name in _OTHER_ADAPTERS)
        ]
    by_version: dict[str, dict[str, str]] = {
        _version(row): row for row in rows if row["source"].endswith(f"-{_PLAIN_LORA}")
    }
    found: dict[str, tuple[int, int]] = {}
    for row in rows:
        base = by_version.get(_version(row))
        if base is None or base is row:
            continue
        name = row["source"].rpartition("3B-")[2].removesuffix(".json")
        found[f"{name} ({_version(row)})"] = (
            int((float(row["measured_gb"]) - float(base["measured_gb"])) * GIB),
            _resident(row) - _resident(base),
        )
    return found


def _version(row: Mapping[str, str]) -> str:
    return row["notes"].partition("+")[0]


def _resident(row: Mapping[str, str]) -> int:
    shape = catalogue_shape(_MODEL)
    assert shape is not None
    plan = Plan(
        method=Method(
            rank=int(row["r"]),
            target_modules=_targets(row["targets"]),
            use_dora="DoRA" in row["method"],
        )
    )
    card = device_budget(gpu_name="L40S")
    stays = static(shape, plan.method, "adamw_torch", habits(plan, card, "plain"))
    return stays.adapter + stays.gradients + stays.optimizer
