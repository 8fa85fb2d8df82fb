"""The finished adapter: a plain PEFT folder that any program can load.

Written beside its place and renamed into it. Nothing in it names a path of this
machine but ``tunesmith.json``, which other programs do not read.
"""

import json
import secrets
import shutil
from pathlib import Path

from peft import PeftModel

from core import durable
from core.engine.card import model_card
from core.library.facts import AdapterFacts, write_facts

# Small files of the base that whoever loads the adapter alone needs as well.
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
)


def write_adapter(
    model: PeftModel, *, base: Path, target: Path, facts: AdapterFacts
) -> Path:
    """Write the adapter of `model` to `target`, replacing what was there.

    Args:
        model: The trained adapter on its base.
        base: The base model's folder; its tokenizer files are copied.
        target: The folder to make.
        facts: What ``tunesmith.json`` will say.

    Raises:
        DiskFull: There is no room; an older adapter in `target` is untouched.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.parent / f".{target.name}.{secrets.token_hex(4)}"
    try:
        model.save_pretrained(
            str(staging), safe_serialization=True, save_embedding_layers=False
        )
        _sort_targets(staging / "adapter_config.json")
        for name in _TOKENIZER_FILES:
            if (base / name).is_file():
                shutil.copyfile(base / name, staging / name)
        base_name = str(model.peft_config["default"].base_model_name_or_path)
        card = model_card(facts, base_name=base_name)
        (staging / "README.md").write_text(card, encoding="utf-8")
        for file in staging.iterdir():
            durable.sync_file(file)
        write_facts(staging, facts)
        shutil.rmtree(target, ignore_errors=True)
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    durable.sync_folder(target.parent)
    return target


def _sort_targets(path: Path) -> None:
    """Put the layers' names in order: PEFT keeps a set, whose order changes by run."""
    found = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(found["target_modules"], list):
        found["target_modules"].sort()
    path.write_text(json.dumps(found, indent=2, sort_keys=True), encoding="utf-8")
