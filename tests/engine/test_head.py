"""The chunked loss is the plain loss, and so are its gradients."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.engine import head
from core.engine.head import LossHead
from core.engine.ledger import Ledger


def plain_loss(
    layer: nn.Linear,
    hidden_NH: Tensor,
    targets_N: Tensor,
    soft_cap: float,
    scale: float,
) -> Tensor:
    logits_NV = layer(hidden_NH).float() * scale
    if soft_cap:
        logits_NV = torch.tanh(logits_NV / soft_cap) * soft_cap
    return functional.cross_entropy(logits_NV, targets_N, reduction="sum")


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("soft_cap", "scale"), [(0.0, 1.0), (5.0, 1.0), (0.0, 0.25), (3.0, 2.0)]
)
@pytest.mark.parametrize("frozen", [True, False])
def test_loss_and_gradient_equal_full_logits(
    monkeypatch: pytest.MonkeyPatch,
    bias: bool,
    soft_cap: float,
    scale: float,
    frozen: bool,
) -> None:
    """In chunks of 7 of 40 tokens, loss and gradient match full logits in fp32."""
    monkeypatch.setattr(head, "chunk_tokens", lambda vocabulary: 7)
    torch.manual_seed(3)
    layer = nn.Linear(16, 50, bias=bias).requires_grad_(not frozen)
    hidden_NH = torch.randn(40, 16, requires_grad=True)
    targets_N = torch.randint(0, 50, (40,))
    expected = plain_loss(layer, hidden_NH, targets_N, soft_cap, scale)
    (expected_gradient,) = torch.autograd.grad(3.0 * expected, hidden_NH)

    found = LossHead(layer, soft_cap=soft_cap, scale=scale).loss_sum(
        hidden_NH, targets_N
    )
    (found_gradient,) = torch.autograd.grad(3.0 * found, hidden_NH)

    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(found_gradient, expected_gradient, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("soft_cap", "scale"), [(0.0, 1.0), (5.0, 1.0), (3.0, 2.0)])
def test_the_held_out_loss_equals_full_logits(
    monkeypatch: pytest.MonkeyPatch, soft_cap: float, scale: float
) -> None:
    """Without gradients the same number comes out, and the hidden states stay."""
    monkeypatch.setattr(head, "chunk_tokens", lambda vocabulary: 7)
    torch.manual_seed(5)
    layer = nn.Linear(16, 50, bias=False).requires_grad_(False)
    hidden_NH, targets_N = torch.randn(40, 16), torch.randint(0, 50, (40,))
    before_NH = hidden_NH.clone()
    expected = plain_loss(layer, hidden_NH, targets_N, soft_cap, scale)

    with torch.inference_mode():
        found = LossHead(layer, soft_cap=soft_cap, scale=scale).loss_sum(
            hidden_NH, targets_N
        )

    torch.testing.assert_close(found.clone(), expected, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(hidden_NH, before_NH)


@pytest.mark.parametrize("soft_cap", [0.0, 5.0])
def test_the_held_out_loss_takes_no_more_memory_than_training(soft_cap: float) -> None:
    """Else an evaluation would be the peak that the estimate does not know."""
    layer = nn.Linear(16, 4096, bias=False, dtype=torch.bfloat16)
    layer.requires_grad_(False)
    hidden_NH = torch.randn(600, 16, dtype=torch.bfloat16, requires_grad=True)
    targets_N = torch.randint(0, 4096, (600,))
    peaks: list[int] = []
    for learns in (True, False):
        with torch.set_grad_enabled(learns), Ledger() as ledger:
            LossHead(layer, soft_cap=soft_cap, scale=1.0).loss_sum(hidden_NH, targets_N)
        peaks.append(ledger.peak)

    training, measuring = peaks
    assert 600 * 4096 * 4 < measuring <= training


def test_a_trained_head_gets_its_gradient() -> None:
    """Where the output layer itself learns, its weights receive the plain gradient."""
    torch.manual_seed(0)
    layer = nn.Linear(8, 20, bias=False)
    hidden_NH = torch.randn(10, 8, requires_grad=True)
    targets_N = torch.randint(0, 20, (10,))
    (expected,) = torch.autograd.grad(
        plain_loss(layer, hidden_NH, targets_N, 0.0, 1.0), layer.weight
    )

    loss = LossHead(layer, soft_cap=0.0, scale=1.0).loss_sum(hidden_NH, targets_N)
    (found,) = torch.autograd.grad(loss, layer.weight)

    torch.testing.assert_close(found, expected)


def test_no_trained_token_costs_nothing() -> None:
    """A batch without trained tokens has loss zero and can still be differentiated."""
    layer = nn.Linear(8, 20).requires_grad_(False)
    hidden_NH = torch.randn(3, 8, requires_grad=True)

    loss = LossHead(layer, soft_cap=0.0, scale=1.0).loss_sum(
        hidden_NH[:0], torch.zeros(0, dtype=torch.long)
    )
    loss.backward()

    assert 0.0 == loss.item()


def test_a_loss_scale_is_no_number_of_half_precision() -> None:
    """A scaler begins with 2^16 and fp16 ends below: the product alone is 16-bit."""
    torch.manual_seed(3)
    layer = nn.Linear(8, 16, bias=False, dtype=torch.float16).requires_grad_(False)
    hidden = torch.randn(4, 8, dtype=torch.float16, requires_grad=True)
    targets = torch.tensor([1, 2, 3, 4])

    loss = LossHead(layer, soft_cap=0.0, scale=1.0).loss_sum(hidden, targets)
    (loss * 2.0**16).backward()

    assert hidden.grad is not None
    assert torch.isfinite(hidden.grad).all()
    assert hidden.grad.abs().max() > 1000
