"""Which of the models whose memory we can tell our engine also trains."""

from core.errors import ModelError
from core.models.shape import ModelShape, Task
from core.plan.plan import Plan

_DOES = {
    "seq2seq": "reads one text and writes another (sequence to sequence)",
    "classification": "sorts texts into classes",
}
_HINT = (
    "Choose a chat or text-generation model, such as Llama, Qwen or Gemma."
    " “tunesmith estimate” tells what training this one would take elsewhere."
)
# Models with eyes or ears that transformers also loads as writers of text.
_LOADED_AS_TEXT = frozenset(
    {"gemma3", "gemma3n", "gemma4", "llama4", "mllama", "qwen3_5", "qwen3_5_moe"}
)


def untrained(shape: ModelShape) -> ModelError | None:
    """Return why our engine does not train such a model yet; None if it does."""
    if shape.task != "causal":
        return ModelError(
            "model.not_causal",
            f"A {shape.architecture} model {_DOES[shape.task]}; Tunesmith does not"
            " train this kind yet.",
            hint=_HINT,
        )
    if shape.text_part and shape.text_part not in _LOADED_AS_TEXT:
        return ModelError(
            "model.multimodal",
            f"A {shape.text_part} model sees or hears as well as it writes; Tunesmith"
            " does not train this kind yet.",
            hint=_HINT,
        )
    return None


def require_trained(shape: ModelShape) -> None:
    """Return if our engine trains such a model.

    Raises:
        ModelError: It does not yet.
    """
    refusal = untrained(shape)
    if refusal is not None:
        raise refusal


def note(shape: ModelShape) -> str:
    """Return what an estimate leaves out or takes for granted, as a sentence or none."""
    if shape.task != "causal":
        return _TASK_NOTES[shape.task]
    if shape.text_part and not shape.idle:
        return (
            f"Only the text part of this {shape.text_part} model is counted; what sees"
            " or hears comes on top."
        )
    if shape.text_part:
        return (
            f"Of this {shape.text_part} model the text part is trained; what sees or"
            " hears is only held."
        )
    return ""


def too_long(shape: ModelShape, plan: Plan) -> str:
    """Return that the model reads no text as long as the plan's; empty if it does."""
    most = shape.context_length
    if most is None or plan.train.seq_len <= most:
        return ""
    return f"But this model reads at most {most} tokens."


_TASK_NOTES: dict[Task, str] = {
    "seq2seq": (
        "Tunesmith does not train this kind yet: this is what a plain Transformers loop"
        " takes, with source and target of that many tokens each."
    ),
    "classification": (
        "Tunesmith does not train this kind yet: this is what a plain Transformers loop"
        " takes, with the classifier trained whole."
    ),
}
