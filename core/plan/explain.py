"""What each plan key does, and what changes when you raise it, in words for people."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A label, what the setting does, and what raising or switching it on costs."""

    label: str
    what: str
    raised: str = ""
    unit: str = ""
    zero: str = ""
    """What stands for 0 where 0 is no number: "never"."""


def _e(
    label: str, what: str, raised: str = "", unit: str = "", zero: str = ""
) -> Explanation:
    return Explanation(label=label, what=what, raised=raised, unit=unit, zero=zero)


EXPLANATIONS: Mapping[str, Explanation] = {
    "name": _e("Name", "What this run and its adapter are called."),
    "model.id": _e("Base model", "The model to teach: an id or a folder."),
    "model.revision": _e("Revision", "The exact version of the model on the Hub."),
    "data.files": _e("Files", "The files to learn from."),
    "data.format": _e("Format", "How rows are laid out; recognised by itself."),
    "data.columns": _e("Columns", "Which column plays which role."),
    "data.eval_fraction": _e(
        "Held out",
        "The share of rows never trained on, used to tell whether it learnt.",
        "A surer measure, but fewer rows to learn from.",
    ),
    "data.template": _e(
        "Chat template", "How turns become text; empty means the model's own."
    ),
    "data.train_on": _e(
        "Train on",
        "answers: loss on the replies only. everything: on prompts as well.",
    ),
    "data.on_bad_row": _e(
        "Bad rows", "stop: name the bad row and wait. skip: leave bad rows out."
    ),
    "method.kind": _e(
        "Method",
        "lora keeps the base in 16 bit; qlora holds it in 4 bit, which needs about a"
        " third of the memory and trains somewhat slower.",
    ),
    "method.rank": _e(
        "Rank",
        "The width of each adapter matrix: how much the adapter can learn.",
        "Learns more detail; the adapter, its gradients and optimiser grow with it.",
    ),
    "method.alpha": _e(
        "Alpha",
        "Scales the adapter's effect: alpha divided by rank.",
        "A stronger effect at the same weights, like a higher learning rate.",
    ),
    "method.dropout": _e(
        "Dropout",
        "The share of adapter inputs dropped at random while training.",
        "Less over-fitting on small data; slower learning, a little more memory.",
    ),
    "method.target_modules": _e(
        "Targets",
        "The layers that get an adapter; all-linear is the field's default.",
        "More layers learn more and cost more memory.",
    ),
    "method.use_dora": _e(
        "DoRA",
        "Learns each weight's size and direction apart (arXiv:2402.09353).",
        "Often a little better at low rank; slower and more memory.",
    ),
    "method.use_rslora": _e(
        "rsLoRA",
        "Scales by alpha over the root of the rank (arXiv:2312.03732).",
        "High ranks stay effective.",
    ),
    "method.init": _e("Initialisation", "How the A matrices start; B starts at zero."),
    "method.quant_type": _e(
        "4-bit type", "nf4 fits normally distributed weights better than fp4."
    ),
    "method.double_quant": _e(
        "Double quantisation",
        "Quantises the scales of the 4-bit blocks too (QLoRA, section 3).",
        "Saves about 0.37 bit a weight at no measurable cost in quality.",
    ),
    "method.compute_dtype": _e(
        "Compute type",
        "The number format of the arithmetic; auto takes bf16 where the device is"
        " fast at it.",
    ),
    "train.task": _e("Task", "sft: supervised fine-tuning on chats or text."),
    "train.epochs": _e(
        "Epochs",
        "How many times every row is seen.",
        "Learns the data more closely; too many over-fit, and time grows with it.",
    ),
    "train.max_steps": _e(
        "Step limit",
        "Stops after so many optimiser steps; 0 means as many as the epochs need.",
        "Trains longer.",
        "steps",
        zero="none",
    ),
    "train.batch_size": _e(
        "Batch size",
        "Sequences per forward pass.",
        "Faster on a large card; activations and logits grow with it.",
        "sequences",
    ),
    "train.gradient_accumulation": _e(
        "Accumulation",
        "Forward passes per optimiser step.",
        "A larger effective batch in the same memory; fewer steps per epoch.",
        "passes",
    ),
    "train.seq_len": _e(
        "Sequence length",
        "Tokens per example; longer ones are cut.",
        "Fits longer examples; activations grow with it.",
        "tokens",
    ),
    "train.learning_rate": _e(
        "Learning rate",
        "The size of each step.",
        "Learns faster, until the loss jumps or becomes NaN.",
    ),
    "train.scheduler": _e("Schedule", "How the learning rate falls over the run."),
    "train.warmup_ratio": _e(
        "Warm-up",
        "The share of the run in which the learning rate rises from zero.",
        "A gentler start.",
    ),
    "train.weight_decay": _e(
        "Weight decay",
        "Pulls adapter weights towards zero.",
        "Less over-fitting, slower learning.",
    ),
    "train.max_grad_norm": _e(
        "Gradient clipping",
        "The largest gradient norm a step may use; 0 means no limit.",
        "Lets rare large steps through.",
    ),
    "train.optimizer": _e(
        "Optimiser",
        "8-bit keeps its state in a quarter of the memory; paged moves it to main"
        " memory when the card is full.",
    ),
    "train.gradient_checkpointing": _e(
        "Gradient checkpointing",
        "Keeps one activation per layer and recomputes the rest.",
        "Far less activation memory; about a third slower.",
    ),
    "train.packing": _e("Packing", "Puts several short rows into one sequence."),
    "train.attention": _e("Attention", "The attention kernel; sdpa suits nearly all."),
    "train.seed": _e("Seed", "The same seed and data give the same run."),
    "train.eval_every": _e(
        "Evaluate every",
        "Optimiser steps between held-out evaluations; 0 means about ten a run.",
        "Fewer points on the curve, less time spent.",
        "steps",
        zero="automatic",
    ),
    "train.save_every": _e(
        "Checkpoint every",
        "Optimiser steps between checkpoints; 0 means about five a run.",
        "Less written to disk, more lost in a power cut.",
        "steps",
        zero="automatic",
    ),
    "train.keep_checkpoints": _e(
        "Keep checkpoints",
        "How many of the newest checkpoints stay on disk.",
        "More points to go back to, more disk.",
    ),
    "train.early_stopping": _e(
        "Early stopping",
        "Stops after so many evaluations without improvement; 0 means never.",
        "More patience.",
        "evaluations",
        zero="never",
    ),
}
