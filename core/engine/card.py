"""The model card of an adapter: what a stranger who finds the folder should know."""

import json
from pathlib import PurePath

from core.library.facts import AdapterFacts


def model_card(facts: AdapterFacts, *, base_name: str) -> str:
    """Return ``README.md``: front matter as the Hugging Face Hub reads it, then words.

    No path, user name or data of the person who trained it is in it.
    """
    is_hub_id = base_name.count("/") == 1
    header = [
        "---",
        *([f"base_model: {base_name}"] if is_hub_id else []),
        "library_name: peft",
        "pipeline_tag: text-generation",
        f"tags: [lora, {facts.method or 'lora'}]",
        "---",
    ]
    return "\n".join([*header, "", *_body(facts, base_name), ""])


def _body(facts: AdapterFacts, base_name: str) -> list[str]:
    lines = [
        f"# {facts.name or 'Adapter'}",
        "",
        f"A LoRA adapter for {base_name}, trained with Tunesmith.",
        "",
        "```python",
        "from peft import PeftModel",
        "from transformers import AutoModelForCausalLM",
        "",
        f"base = AutoModelForCausalLM.from_pretrained({json.dumps(base_name)})",
        'model = PeftModel.from_pretrained(base, "path/to/this/folder")',
        "```",
        "",
    ]
    if facts.eval_loss is not None:
        before = facts.eval_loss_before
        begun = f", {before:.3f} before training" if before is not None else ""
        lines += [f"Held-out loss: {facts.eval_loss:.3f}{begun}.", ""]
    return lines


def portable_base_name(model_id: str, *, public_name: str = "") -> str:
    """Return what an adapter should call its base on any machine.

    Args:
        model_id: What the plan named: ``starter``, a Hub id or a folder.
        public_name: The Hub id behind a name that only Tunesmith knows.
    """
    if public_name:
        return public_name
    path = PurePath(model_id)
    is_path = path.is_absolute() or len(path.parts) != 2 or path.parts[0] in {".", ".."}
    return path.name if is_path else model_id
