"""The loss, without ever holding the logits of more than a thousand tokens.

Shapes: N = trained tokens, H = hidden width, V = vocabulary, C = tokens of one chunk.

Full logits are the largest tensor of a small model's training (12 bytes a token and
word: 1.5 MB a token for Llama 3). The output layer is frozen under LoRA, so the
gradient of the loss with respect to the hidden states is formed chunk by chunk while
the logits are there, and the logits are forgotten at once.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

CHUNK_TOKENS = 1024


class _FrozenHeadLoss(torch.autograd.Function):
    """Sum of cross-entropy over tokens for a frozen, plain linear output layer."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden_NH: Tensor,
        weight_VH: Tensor,
        bias_V: Tensor | None,
        targets_N: Tensor,
        soft_cap: float,
        scale: float,
    ) -> Tensor:
        total = torch.zeros((), dtype=torch.float32, device=hidden_NH.device)
        gradient_NH = torch.empty_like(hidden_NH)
        for start in range(0, hidden_NH.shape[0], CHUNK_TOKENS):
            part = slice(start, start + CHUNK_TOKENS)
            hidden_CH, targets_C = hidden_NH[part], targets_N[part]
            logits_CV = functional.linear(hidden_CH, weight_VH, bias_V).float()
            logits_CV, slope_CV = _shaped_with_slope(logits_CV, soft_cap, scale)
            log_norm_C = torch.logsumexp(logits_CV, dim=-1)
            picked_C = logits_CV.gather(1, targets_C[:, None]).squeeze(1)
            total += (log_norm_C - picked_C).sum()
            # d loss / d logits = softmax - one-hot, built in the logits' own memory
            error_CV = logits_CV.sub_(log_norm_C[:, None]).exp_()
            error_CV.scatter_add_(
                1, targets_C[:, None], -torch.ones_like(picked_C)[:, None]
            )
            if slope_CV is not None:
                error_CV.mul_(slope_CV)
            gradient_NH[part] = error_CV.to(weight_VH.dtype) @ weight_VH
        ctx.save_for_backward(gradient_NH)
        return total

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (gradient_NH,) = ctx.saved_tensors
        gradient_NH = gradient_NH * grad_outputs[0].to(gradient_NH.dtype)
        return gradient_NH, None, None, None, None, None


def _shaped_with_slope(
    logits_CV: Tensor, soft_cap: float, scale: float
) -> tuple[Tensor, Tensor | None]:
    """Return the model's final logits and d final / d raw (None where that is 1)."""
    if scale == 1.0 and soft_cap == 0.0:
        return logits_CV, None
    logits_CV = logits_CV * scale
    if soft_cap == 0.0:
        return logits_CV, torch.full_like(logits_CV, scale)
    bent_CV = torch.tanh(logits_CV / soft_cap)
    return bent_CV * soft_cap, (1.0 - bent_CV**2) * scale


class LossHead:
    """The output layer of a model together with the cross-entropy after it."""

    def __init__(self, head: nn.Module, *, soft_cap: float, scale: float) -> None:
        self._head = head
        self._soft_cap = soft_cap
        self._scale = scale

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the model's logits (…, V) in fp32 for hidden states (…, H)."""
        raw = self._head(hidden).float()
        return _shaped_with_slope(raw, self._soft_cap, self._scale)[0]

    def loss_sum(self, hidden_NH: Tensor, targets_N: Tensor) -> Tensor:
        """Return the summed cross-entropy in nats; differentiable in `hidden_NH`."""
        if hidden_NH.shape[0] == 0:
            return hidden_NH.float().sum()
        head = self._head
        if (
            type(head) is nn.Linear
            and torch.is_grad_enabled()
            and hidden_NH.requires_grad
            and not head.weight.requires_grad
        ):
            hidden_NH = hidden_NH.to(head.weight.dtype)
            found = _FrozenHeadLoss.apply(
                hidden_NH,
                head.weight,
                head.bias,
                targets_N,
                self._soft_cap,
                self._scale,
            )
            assert isinstance(found, Tensor)
            return found
        return self._recomputed(hidden_NH, targets_N)

    def _recomputed(self, hidden_NH: Tensor, targets_N: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.float32, device=hidden_NH.device)
        for start in range(0, hidden_NH.shape[0], CHUNK_TOKENS):
            part = slice(start, start + CHUNK_TOKENS)
            total = total + checkpoint(
                self._chunk_loss, hidden_NH[part], targets_N[part], use_reentrant=False
            )
        return total

    def _chunk_loss(self, hidden_CH: Tensor, targets_C: Tensor) -> Tensor:
        return functional.cross_entropy(
            self.logits(hidden_CH), targets_C, reduction="sum"
        )


def head_of(model: nn.Module) -> LossHead:
    """Return the loss head of a causal language model of transformers.

    Knows the three things models do to logits: a soft cap (Gemma), a factor (Cohere)
    and a divisor (Granite).
    """
    config: Any = model.config
    divisor = float(getattr(config, "logits_scaling", None) or 1.0)
    factor = float(getattr(config, "logit_scale", None) or 1.0)
    head: Any = model
    return LossHead(
        head.get_output_embeddings(),
        soft_cap=float(getattr(config, "final_logit_softcapping", None) or 0.0),
        scale=factor / divisor,
    )
