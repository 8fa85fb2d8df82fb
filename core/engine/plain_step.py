"""The step of a plain peft + transformers loop, which ours is compared with.

What the quick starts of peft and transformers do, and what published measurements were
taken with: `prepare_model_for_kbit_training` on quantised models, adapters in fp32, no
autocast, logits of all tokens, the outputs held until the next batch.
"""

from typing import Any

import torch
from peft import prepare_model_for_kbit_training

from core.engine.device import Compute
from core.engine.fake_optimizer import fake_optimizer
from core.engine.ledger import Ledger
from core.engine.tasks import task
from core.plan.plan import Plan


def prepare(model: Any, plan: Plan) -> Any:
    """Return the base model made ready for an adapter, as the quick starts do."""
    checkpointing = plan.train.gradient_checkpointing
    model.config.use_cache = True  # transformers' default; a Trainer turns it off
    if plan.method.kind in {"qlora", "lora8"}:
        # With no word from us peft would take the reentrant kind, which keeps the
        # whole layer's inputs and outputs; torch and transformers advise the other.
        return prepare_model_for_kbit_training(
            model,
            use_gradient_checkpointing=checkpointing,
            gradient_checkpointing_kwargs={"use_reentrant": False},
        )
    if checkpointing:  # before the adapter: peft then makes the inputs need a gradient
        model.activation_checkpointing_enable()
    return model


def take_steps(
    model: Any, plan: Plan, compute: Compute, ledger: Ledger, *, steps: int
) -> None:
    """Take optimiser steps on full batches, telling `ledger` of each phase."""
    model.train()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = fake_optimizer(trained, plan.train.optimizer)
    shape = plan.train.batch_size, plan.train.seq_len
    for _ in range(steps):
        _step(model, optimizer, shape, compute, ledger)
        ledger.enter("rest")


def _step(
    model: Any, optimizer: Any, shape: tuple[int, int], compute: Compute, ledger: Ledger
) -> None:
    ledger.enter("forward")
    ids = torch.ones(shape, dtype=torch.long, device=compute.device)
    labels = ids[:, 0] if task(model.config) == "classification" else ids
    outputs = model(input_ids=ids, labels=labels)
    ledger.enter("loss")
    outputs.loss.backward()
    ledger.enter("step")
    optimizer.step()
    optimizer.zero_grad()
