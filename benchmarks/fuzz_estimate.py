"""The formula against dry runs on random small models: where do the two disagree?

    python -m benchmarks.fuzz_estimate [--cases N] [--seed S] [--family NAME] [--above %]

Each case is a random model of one family (a few layers, odd widths), a random plan, a
card with or without flash attention and a loop; formula and dry run see the same. Small
models show what large ones hide: on them every tensor is a large share. Prints each case
off by more than ``--above`` percent, and at the end the worst of each family.
"""

import argparse
import logging
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.estimate.answer import Loop
from core.estimate.loop import habits
from core.estimate.memory import tensors
from core.hardware.budget import DeviceBudget, device_budget
from core.models.reading import read_shape
from core.plan.plan import ALL_LINEAR, Method, Plan, Training

Config = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One model, one plan, one card, one loop."""

    name: str
    """Seed and number: what draws it again."""
    family: str
    config: Config
    plan: Plan
    card: DeviceBudget
    dtype: Any
    loop: Loop

    def text(self) -> str:
        """Return the case on one line, to be run again by hand."""
        method, train = self.plan.method, self.plan.train
        return (
            f"#{self.name} {self.family} {self.loop} {method.kind} {self.dtype} r{method.rank}"
            f"/{method.alpha}{'rs' if method.use_rslora else ''}"
            f" drop{method.dropout:g}{' dora' if method.use_dora else ''}"
            f" {method.target_modules} {train.batch_size}x{train.seq_len}"
            f" acc{train.gradient_accumulation}"
            f"{' gc' if train.gradient_checkpointing else ''} {train.attention}"
            f" {train.optimizer} cc{self.card.compute_capability}"
        )


def _heads(chance: random.Random, *, grouped: bool = True) -> Config:
    groups = chance.choice([1, 2, 4]) if grouped else 1
    kv_heads = chance.choice([1, 2, 3])
    dim = chance.choice([16, 32, 64])
    heads = kv_heads * groups
    return {
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "hidden_size": heads * dim,
    }


def _sizes(chance: random.Random, *, grouped: bool = True) -> Config:
    made = _heads(chance, grouped=grouped)
    return {
        **made,
        "num_hidden_layers": chance.choice([1, 2, 3, 5]),
        "intermediate_size": chance.choice([176, 256, 640, 1000]),
        "vocab_size": chance.choice([512, 3000, 16000]),
        "tie_word_embeddings": chance.random() < 0.5,
        "max_position_embeddings": 16384,
        "pad_token_id": 0,
    }


def _llama(chance: random.Random) -> Config:
    bias = chance.random() < 0.2
    return {**_sizes(chance), "model_type": "llama", "attention_bias": bias,
            "mlp_bias": chance.random() < 0.2}  # fmt: skip


def _wide_heads(kind: str) -> Callable[[random.Random], Config]:
    def make(chance: random.Random) -> Config:
        return {**_sizes(chance), "model_type": kind,
                "head_dim": chance.choice([32, 64, 128])}  # fmt: skip

    return make


def _simple(kind: str, **more: Any) -> Callable[[random.Random], Config]:
    return lambda chance: {**_sizes(chance), "model_type": kind, **more}


def _windowed(chance: random.Random) -> Config:
    window = chance.choice([None, 64, 4096])
    return {**_sizes(chance), "model_type": "mistral", "sliding_window": window}


def _gemma3(chance: random.Random) -> Config:
    made = {**_wide_heads("gemma3_text")(chance), "tie_word_embeddings": True,
            "sliding_window": chance.choice([64, 512])}  # fmt: skip
    return made | {"num_hidden_layers": chance.choice([2, 6, 7, 8])}


def _gemma2(chance: random.Random) -> Config:
    return {**_wide_heads("gemma2")(chance), "tie_word_embeddings": True,
            "sliding_window": chance.choice([64, 4096])}  # fmt: skip


def _phi(chance: random.Random) -> Config:
    return {**_sizes(chance), "model_type": "phi",
            "resid_pdrop": chance.choice([0.0, 0.1]),
            "partial_rotary_factor": 0.5, "tie_word_embeddings": False}  # fmt: skip


def _gpt2(chance: random.Random) -> Config:
    sizes = _sizes(chance, grouped=False)
    heads = chance.choice([1, 2, 4])
    return {
        "model_type": "gpt2", "n_embd": heads * chance.choice([32, 64]),
        "n_head": heads, "n_layer": sizes["num_hidden_layers"], "n_positions": 16384,
        "vocab_size": sizes["vocab_size"], "resid_pdrop": chance.choice([0.0, 0.1]),
        "attn_pdrop": chance.choice([0.0, 0.1]), "embd_pdrop": chance.choice([0.0, 0.1]),
    }  # fmt: skip


def _gpt_neox(chance: random.Random) -> Config:
    made = {**_sizes(chance, grouped=False), "model_type": "gpt_neox",
            "rotary_pct": chance.choice([0.25, 1.0]), "tie_word_embeddings": False,
            "use_parallel_residual": chance.random() < 0.7}  # fmt: skip
    made.pop("num_key_value_heads")
    return made


def _falcon(chance: random.Random) -> Config:
    sizes, heads = _sizes(chance), chance.choice([2, 4])
    kind = chance.choice(["7b", "40b", "rw"])
    made = {"model_type": "falcon", "hidden_size": heads * 64,
            "num_attention_heads": heads, "bias": kind == "rw",
            "num_hidden_layers": sizes["num_hidden_layers"],
            "vocab_size": sizes["vocab_size"],
            "alibi": kind == "rw" and chance.random() < 0.7}  # fmt: skip
    if kind == "40b":
        return made | {"new_decoder_architecture": True, "num_kv_heads": heads // 2}
    return made | {"multi_query": kind == "7b", "parallel_attn": kind == "7b"}


def _stablelm(chance: random.Random) -> Config:
    return {**_sizes(chance), "model_type": "stablelm", "partial_rotary_factor": 0.25,
            "use_qkv_bias": chance.random() < 0.5, "tie_word_embeddings": False,
            "use_parallel_residual": chance.random() < 0.3}  # fmt: skip


def _mixtral(chance: random.Random) -> Config:
    return {**_sizes(chance), "model_type": "mixtral", "tie_word_embeddings": False,
            "num_local_experts": chance.choice([4, 8])}  # fmt: skip


def _qwen_moe(kind: str) -> Callable[[random.Random], Config]:
    def make(chance: random.Random) -> Config:
        return {**_sizes(chance), "model_type": kind, "head_dim": 32,
                "num_experts": chance.choice([4, 8]), "num_experts_per_tok": 2,
                "moe_intermediate_size": chance.choice([96, 160]),
                "shared_expert_intermediate_size": 128,
                "decoder_sparse_step": 1}  # fmt: skip

    return make


FAMILIES: Mapping[str, Callable[[random.Random], Config]] = {
    "llama": _llama,
    "mistral": _windowed,
    "qwen2": _simple("qwen2"),
    "qwen3": _wide_heads("qwen3"),
    "smollm3": _simple("smollm3"),
    "granite": _simple("granite"),
    "olmo2": _simple("olmo2"),
    "gemma": _wide_heads("gemma"),
    "gemma2": _gemma2,
    "gemma3_text": _gemma3,
    "phi": _phi,
    "phi3": _simple("phi3"),
    "gpt2": _gpt2,
    "gpt_neox": _gpt_neox,
    "falcon": _falcon,
    "starcoder2": _simple("starcoder2"),
    "stablelm": _stablelm,
    "mixtral": _mixtral,
    "qwen2_moe": _qwen_moe("qwen2_moe"),
    "qwen3_moe": _qwen_moe("qwen3_moe"),
}
_MLP = {
    "gpt2": ("c_fc",), "gpt_neox": ("dense_h_to_4h", "dense_4h_to_h"),
    "falcon": ("dense_h_to_4h", "dense_4h_to_h"), "phi": ("fc1", "fc2"),
    "phi3": ("gate_up_proj", "down_proj"), "starcoder2": ("c_fc", "c_proj"),
    "mixtral": (), "qwen2_moe": (), "qwen3_moe": (),
}  # fmt: skip
_QV = {
    "gpt2": ("c_attn",), "gpt_neox": ("query_key_value",),
    "falcon": ("query_key_value",), "phi3": ("qkv_proj",),
}  # fmt: skip


def _targets(chance: random.Random, family: str, config: Config) -> Any:
    some = _MLP.get(family, ("gate_proj", "up_proj", "down_proj"))
    names = list(
        dict.fromkeys(linear.name for linear, _ in read_shape(config).linears())
    )
    any_of_them = tuple(chance.sample(names, chance.randint(1, len(names))))
    drawn = chance.choice(
        [ALL_LINEAR, ALL_LINEAR, _QV.get(family, ("q_proj", "v_proj")), some,
         any_of_them, (*any_of_them, "lm_head")]
    )  # fmt: skip
    return drawn or ALL_LINEAR


def _plan(
    chance: random.Random, family: str, config: Config, kinds: Sequence[Any]
) -> Plan:
    targets = _targets(chance, family, config)
    # peft adapts experts too where it can, and then takes neither of these
    plain = family in {"mixtral", "qwen3_moe"} and targets == ALL_LINEAR
    kind = chance.choice(kinds)
    length, batch = chance.choice([(128, 1), (128, 8), (96, 3), (160, 2), (512, 1),
                                   (512, 4), (1024, 1), (2048, 1),
                                   (33, 5), (77, 1), (300, 2), (1001, 1)])  # fmt: skip
    rank = chance.choice([1, 3, 4, 8, 16, 64, 256])
    return Plan(
        method=Method(
            kind=kind,
            rank=rank,
            alpha=chance.choice([16, 32, rank]),
            use_rslora=chance.random() < 0.2,
            dropout=0.0 if plain else chance.choice([0.0, 0.0, 0.05]),
            use_dora=chance.random() < 0.15 and not plain,
            double_quant=chance.random() < 0.7,
            target_modules=targets,
        ),
        train=Training(
            batch_size=batch,
            seq_len=length,
            gradient_accumulation=chance.choice([1, 1, 4]),
            gradient_checkpointing=chance.random() < 0.5,
            attention=chance.choice(["sdpa", "sdpa", "eager"]),
            optimizer=chance.choice(
                ["adamw_torch", "adamw_torch", "adamw_8bit", "paged_adamw_8bit",
                 "paged_adamw_32bit"]
            ),
        ),
    )  # fmt: skip


def cases(
    count: int,
    seed: int,
    families: Sequence[str] = tuple(FAMILIES),
    kinds: Sequence[Any] = ("lora", "qlora"),
    loops: Sequence[Loop] = ("tunesmith", "plain"),
) -> Iterator[Case]:
    """Give `count` random cases, the families in turn; the same for the same seed."""
    for number in range(count):
        family = families[number % len(families)]
        name = f"{seed}:{family}:{number}"
        chance = random.Random(name)
        old = chance.random() < 0.3
        dtype = "fp16" if old else chance.choice(["bf16", "bf16", "bf16", "fp32"])
        config = FAMILIES[family](chance)
        plan = _plan(chance, family, config, kinds)
        yield Case(
            name=name,
            family=family,
            config=config,
            plan=_with_dtype(plan, dtype),
            card=device_budget(gpu_name="T4" if old else "RTX 4090"),
            dtype=dtype,
            loop=chance.choice(loops),
        )


def _with_dtype(plan: Plan, dtype: Any) -> Plan:
    from dataclasses import replace

    return replace(plan, method=replace(plan.method, compute_dtype=dtype))


def compared(case: Case) -> tuple[int, int]:
    """Return the bytes of the formula and of the dry run."""
    from core.engine.dryrun import dry_run

    formula = tensors(
        case.plan,
        read_shape(case.config),
        habits(case.plan, case.card, case.loop),
    )
    dry = dry_run(
        case.config,
        case.plan,
        dtype=case.dtype,
        has_flash=(case.card.compute_capability or (8, 0)) >= (8, 0),
        loop=case.loop,
    )
    return formula, dry.peak


def main(arguments: Sequence[str]) -> int:
    """Print what is off, and the worst of each family."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--family", action="append", choices=sorted(FAMILIES))
    parser.add_argument("--kind", action="append")
    parser.add_argument("--loop", action="append")
    parser.add_argument("--above", type=float, default=1.0)
    chosen = parser.parse_args(arguments)
    worst: dict[str, tuple[float, str]] = {}
    off, began = 0, time.perf_counter()
    for case in cases(
        chosen.cases,
        chosen.seed,
        chosen.family or tuple(FAMILIES),
        chosen.kind or ("lora", "qlora"),
        chosen.loop or ("tunesmith", "plain"),
    ):
        try:
            formula, dry = compared(case)
        except Exception as err:  # noqa: BLE001 - a crash is a finding
            off += 1
            print(
                f"CRASH {type(err).__name__} {str(err)[:300]}  {case.text()}  {case.config}",
                flush=True,
            )
            continue
        error = 100 * (formula / dry - 1)
        if abs(error) > abs(worst.get(case.family, (0.0, ""))[0]):
            worst[case.family] = error, case.text()
        if abs(error) > chosen.above:
            off += 1
            print(f"{error:+8.3f} %  {dry / 2**20:9.2f} MiB  {case.text()}", flush=True)
    for family, (error, text) in sorted(worst.items()):
        print(f"worst {family:12s} {error:+8.3f} %  {text}")
    took = time.perf_counter() - began
    print(f"{off} of {chosen.cases} off by more than {chosen.above} %; {took:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
