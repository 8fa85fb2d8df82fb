"""The loss, without ever holding the logits of more than a thousand tokens.

Shapes: N = trained tokens, H = hidden width, V = vocabulary, C = tokens of one chunk.

Full logits are the largest tensor of a small model's training (12 bytes a token and
word: 1.5 MB a token for Llama 3). The output layer is frozen under LoRA, so the
gradient of the loss with respect to the hidden states is formed chunk by chunk while
the logits are there, and the logits are forgotten at once.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

CHUNK_TOKENS = 1024
# Words of a chunk's logits, 256 MiB in fp32: with a vocabulary of 256k a thousand
# tokens would take four times that.
CHUNK_LOGITS = 1 << 26
_FEWEST_TOKENS = 64


def chunk_tokens(vocabulary: int) -> int:
    """Return how many tokens' logits exist at once for a vocabulary of this size."""
    return max(_FEWEST_TOKENS, min(CHUNK_TOKENS, CHUNK_LOGITS // vocabulary))


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
        step = chunk_tokens(weight_VH.shape[0])
        for start in range(0, hidden_NH.shape[0], step):
            part = slice(start, start + step)
            # a function of its own, so that no chunk's logits outlive the chunk
            loss, error_CV = _loss_and_error(
                functional.linear(hidden_NH[part], weight_VH, bias_V).float(),
                targets_N[part],
                soft_cap,
                scale,
            )
            total += loss
            narrow_CV = error_CV.to(weight_VH.dtype)
            del error_CV
            gradient_NH[part] = narrow_CV @ weight_VH
            del narrow_CV
        ctx.save_for_backward(gradient_NH)
        return total

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (gradient_NH,) = ctx.saved_tensors
        # the factor stays fp32: a loss scale of 2^16 is no number of fp16
        return gradient_NH * grad_outputs[0], None, None, None, None, None


def _loss_and_error(
    logits_CV: Tensor, targets_C: Tensor, soft_cap: float, scale: float
) -> tuple[Tensor, Tensor]:
    """Return the summed loss and d loss / d raw logits, in the memory of `logits_CV`.

    softmax and logsumexp are written out in place: torch.logsumexp takes as much memory
    again as the logits.
    """
    if scale != 1.0:
        logits_CV.mul_(scale)
    slope_CV = None
    if soft_cap:
        logits_CV.div_(soft_cap).tanh_()
        slope_CV = logits_CV.square().neg_().add_(1.0)
        logits_CV.mul_(soft_cap)
    places_C1 = targets_C[:, None]
    picked_C = logits_CV.gather(1, places_C1).squeeze(1)
    top_C1 = logits_CV.amax(dim=-1, keepdim=True)
    sums_C1 = logits_CV.sub_(top_C1).exp_().sum(dim=-1, keepdim=True)
    loss = ((sums_C1.log() + top_C1).squeeze(1) - picked_C).sum()
    # d loss / d final logits = softmax - one-hot
    error_CV = logits_CV.div_(sums_C1)
    error_CV.scatter_add_(1, places_C1, -torch.ones_like(sums_C1))
    if slope_CV is not None:
        error_CV.mul_(slope_CV)
    return loss, error_CV.mul_(scale) if scale != 1.0 else error_CV


def _shaped(logits: Tensor, soft_cap: float, scale: float) -> Tensor:
    """Return the model's final logits of raw ones; differentiable."""
    if scale != 1.0:
        logits = logits * scale
    return torch.tanh(logits / soft_cap) * soft_cap if soft_cap else logits


class LossHead:
    """The output layer of a model together with the cross-entropy after it."""

    def __init__(self, head: nn.Module, *, soft_cap: float, scale: float) -> None:
        self._head = head
        self._soft_cap = soft_cap
        self._scale = scale

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the model's logits (…, V) in fp32 for hidden states (…, H)."""
        raw = self._head(hidden).float()
        return _shaped(raw, self._soft_cap, self._scale)

    def loss_sum(self, hidden_NH: Tensor, targets_N: Tensor) -> Tensor:
        """Return the summed cross-entropy in nats; differentiable in `hidden_NH`."""
        if hidden_NH.shape[0] == 0:
            return hidden_NH.float().sum()
        if not torch.is_grad_enabled():
            return self._measured(hidden_NH, targets_N)
        head = self._head
        if (
            type(head) is nn.Linear
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

    def _measured(self, hidden_NH: Tensor, targets_N: Tensor) -> Tensor:
        """The loss alone, in no more memory than a training step's.

        functional.cross_entropy would hold the logits of a chunk once more.
        """
        total = torch.zeros((), dtype=torch.float32, device=hidden_NH.device)
        step = chunk_tokens(int(cast("Any", self._head).weight.shape[0]))
        for start in range(0, hidden_NH.shape[0], step):
            part = slice(start, start + step)
            raw_CV = self._head(hidden_NH[part]).float()
            total += _loss_and_error(
                raw_CV, targets_N[part], self._soft_cap, self._scale
            )[0]
            del raw_CV
        return total

    def _recomputed(self, hidden_NH: Tensor, targets_N: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.float32, device=hidden_NH.device)
        step = chunk_tokens(int(cast("Any", self._head).weight.shape[0]))
        for start in range(0, hidden_NH.shape[0], step):
            part = slice(start, start + step)
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
