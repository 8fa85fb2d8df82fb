"""The part that owns tensors: gradients, steps, held-out loss, samples.

Shapes as in `core.engine.batch`; H = hidden width.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from peft import PeftModel
from torch import Tensor, nn

from core.data.rows import EncodedRow
from core.engine.batch import MicroBatch, collate, trained_tokens
from core.engine.device import Compute
from core.engine.head import head_of
from core.engine.load import skip_needless_casts
from core.engine.optimizer import make_optimizer, restore
from core.errors import WorkFailed
from core.plan.plan import Training

# A GradScaler halves its factor on overflow; 2^16 down to 1 takes sixteen steps.
_MOST_SKIPPED_STEPS = 20
# Distinct streams of random numbers for each forward pass of a run.
_PASSES_A_STEP = 100_003
_SEED_MODULUS = 2**63


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFigures:
    """What one optimiser step measured."""

    loss: float
    """Nats per trained token of the whole effective batch."""
    grad_norm: float
    """Euclidean norm over all adapter weights, before clipping."""


class Learner:
    """An adapter that learns. One `accumulate` a micro-batch, one `apply` a step.

    The same rows, seed and step give the same numbers whatever ran before: random
    numbers (dropout) are drawn anew for each forward pass from (seed, step, pass), so a
    resumed run needs no generator's state.
    """

    def __init__(
        self,
        model: PeftModel,
        *,
        training: Training,
        compute: Compute,
        pad_id: int,
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        self.model = model
        self.compute = compute
        self._training = training
        self._pad_id = pad_id
        self._watch = watch
        self._base = cast("Any", model.get_base_model()).base_model
        self._head = head_of(model.get_base_model())
        self._trainable = {
            name: weight
            for name, weight in model.named_parameters()
            if weight.requires_grad
        }
        self.optimizer = make_optimizer(self._trainable.values(), training, compute)
        self._scaler = torch.amp.GradScaler(
            compute.device.type, enabled=compute.needs_scaler
        )
        self._loss_sum = torch.zeros((), device=compute.device)
        self._step_tokens = 0
        self._skipped = 0
        if compute.mixed:
            skip_needless_casts(model)
        if training.gradient_checkpointing:
            _checkpoint_layers(model)
        self._learning(on=True)

    # -- a step --------------------------------------------------------------

    def begin_step(self, rows: Sequence[EncodedRow]) -> None:
        """Forget half-done work; `rows` are all those of the step to come."""
        self.optimizer.zero_grad(set_to_none=True)
        self._loss_sum.zero_()
        self._step_tokens = max(1, trained_tokens(rows))

    def accumulate(self, rows: Sequence[EncodedRow], *, step: int, number: int) -> None:
        """Add the gradients of one micro-batch, the `number`-th of step `step`.

        The loss is the sum over its trained tokens divided by those of the whole step,
        so that accumulation changes memory and nothing else.
        """
        seed = (self._training.seed * _PASSES_A_STEP + step) * _PASSES_A_STEP + number
        torch.manual_seed(seed % _SEED_MODULUS)
        batch = collate(rows, pad_id=self._pad_id, device=self.compute.device)
        if batch.targets.numel() == 0:
            return
        with self.compute.autocast():
            loss = self._loss_of(batch) / self._step_tokens
        self._watch()  # activations are all there now
        self._scaler.scale(loss).backward()
        self._watch()
        self._loss_sum += loss.detach()

    def apply(self, learning_rate: float) -> StepFigures:
        """Take the step and return its figures.

        Raises:
            WorkFailed: The loss or the gradients are not finite. The weights are as
                they were before the step.
        """
        learnt = any(weight.grad is not None for weight in self._trainable.values())
        if learnt:  # the scaler stumbles over a step in which nothing was
            self._scaler.unscale_(self.optimizer)
        limit = self._training.max_grad_norm or math.inf
        norm = nn.utils.clip_grad_norm_(list(self._trainable.values()), limit)
        figures = StepFigures(loss=self._loss_sum.item(), grad_norm=float(norm))
        if not self._is_sound(figures):
            self.optimizer.zero_grad(set_to_none=True)
            raise _diverged(figures)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        if learnt:
            self._scaler.step(self.optimizer)
            self._scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        return figures

    def _is_sound(self, figures: StepFigures) -> bool:
        if not math.isfinite(figures.loss):
            return False
        if math.isfinite(figures.grad_norm):
            self._skipped = 0
            return True
        # fp16 overflows now and then; the scaler skips such a step and shrinks its
        # factor. Only overflow without end is divergence.
        self._skipped += 1
        return self.compute.needs_scaler and self._skipped <= _MOST_SKIPPED_STEPS

    def _loss_of(self, batch: MicroBatch) -> Tensor:
        hidden_BTH = self._base(input_ids=batch.ids, use_cache=False)[0]
        hidden_NH = hidden_BTH.flatten(0, 1).index_select(0, batch.places)
        return self._head.loss_sum(hidden_NH, batch.targets)

    # -- held-out rows -------------------------------------------------------

    def losses(self, batches: Sequence[Sequence[EncodedRow]]) -> Iterator[float]:
        """Give the summed loss in nats of each batch, without learning from it."""
        self._learning(on=False)
        try:
            for rows in batches:
                batch = collate(rows, pad_id=self._pad_id, device=self.compute.device)
                with torch.inference_mode(), self.compute.autocast():
                    found = self._loss_of(batch)
                self._watch()
                yield found.item()
        finally:
            self._learning(on=True)

    def greedy(
        self, ids: Sequence[int], *, ends: frozenset[int], most: int
    ) -> list[int]:
        """Return the greedy answer to a prompt's tokens, its end token left out."""
        self._learning(on=False)
        try:
            with torch.inference_mode(), self.compute.autocast():
                return self._decode(ids, ends=ends, most=most)
        finally:
            self._learning(on=True)

    def _decode(
        self, ids: Sequence[int], *, ends: frozenset[int], most: int
    ) -> list[int]:
        said: list[int] = []
        step_ids = torch.tensor([list(ids)], device=self.compute.device)
        cache: Any = None
        while len(said) < most:
            out = self._base(input_ids=step_ids, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            token = int(self._head.logits(out[0][:, -1]).argmax())
            if token in ends:
                break
            said.append(token)
            step_ids = torch.tensor([[token]], device=self.compute.device)
        return said

    def _learning(self, *, on: bool) -> None:
        self.model.train(on)
        # In evaluation mode bitsandbytes repacks 4-bit weights for the CPU's kernels,
        # and repacked weights have no backward pass.
        for module in self.model.modules():
            if type(module).__name__ == "Linear4bit":
                module.training = True

    # -- what a checkpoint holds ---------------------------------------------

    def weights(self) -> dict[str, Tensor]:
        """Return the adapter's weights by name, on the CPU."""
        return {name: w.detach().cpu() for name, w in self._trainable.items()}

    def restore_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Make `weights` the adapter's.

        Raises:
            KeyError: A weight is missing.
        """
        with torch.no_grad():
            for name, weight in self._trainable.items():
                weight.copy_(weights[name])

    def optimizer_state(self) -> dict[str, Any]:
        """Return the state of optimiser and loss scaler, as they give it."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
        }

    def restore_optimizer(self, state: Mapping[str, Any]) -> None:
        """Continue with `state`, as `optimizer_state` gave it."""
        restore(self.optimizer, state["optimizer"])
        if state["scaler"]:
            self._scaler.load_state_dict(dict(state["scaler"]))


def _checkpoint_layers(model: PeftModel) -> None:
    base = cast("Any", model.get_base_model())
    base.activation_checkpointing_enable(
        activation_checkpointing_kwargs={"use_reentrant": False}
    )


def _diverged(figures: StepFigures) -> WorkFailed:
    what = "loss" if not math.isfinite(figures.loss) else "gradient"
    return WorkFailed(
        "train.nan",
        f"The training diverged: the {what} is no longer a finite number.",
        hint="Lower the learning rate and resume from the last checkpoint, or use bf16"
        " instead of fp16.",
    )
