"""A real tokenizer folder, made on the spot: byte-level BPE without merges."""

import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from core.engine.tokenizer import CHATML

MARKS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def tokenizer_folder(
    folder: Path, *, template: str | None = CHATML, marks: tuple[str, ...] = MARKS
) -> Path:
    """Return `folder`, holding tokenizer.json and its configuration."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(list(marks))
    folder.mkdir(parents=True, exist_ok=True)
    backend.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": marks[-1],
        "model_max_length": 1024,
    }
    if template is not None:
        settings["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder
