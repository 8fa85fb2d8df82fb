"""One measured training of random weights, in a process of its own.

Reads a setting as JSON from its input and prints what it measured as JSON. The weights
are drawn on the device, quantised ones layer by layer; then real steps of our engine's
`Learner`, or of a plain peft + transformers loop, run and the card's own counters are
read. An allocation that fails is an answer too.
"""

import json
import statistics
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, cast

import torch
from torch import nn

from core.data.rows import EncodedRow
from core.engine import plain_step
from core.engine.attention import suit_card
from core.engine.device import Compute, compute_for
from core.engine.learner import Learner
from core.engine.ledger import Ledger
from core.engine.load import add_adapter, kernel_for
from core.engine.room import make_room
from core.estimate.answer import Loop
from core.estimate.reserved import room_bytes
from core.hardware.budget import card_in_use, device_budget
from core.models.reading import read_shape
from core.plan.codec import from_tree
from core.plan.plan import Plan

_STEPS = 3
_INITIAL = 0.02
_QUANTISED = frozenset({"Linear", "Conv1D"})


class Meter(Protocol):
    """A card's own counters, in bytes."""

    def begin(self) -> None:
        """Forget every peak so far."""
        ...

    def allocated(self) -> int:
        """Return the most bytes handed out since `begin`."""
        ...

    def reserved(self) -> int:
        """Return the most bytes reserved since `begin`."""
        ...

    def outside(self) -> int | None:
        """Return the bytes the process holds now beyond those reserved."""
        ...

    def settle(self) -> None:
        """Wait until the device has done what it was asked."""
        ...


class CudaMeter:
    """What torch and the driver say."""

    def __init__(self, cap_bytes: int | None, free_before: int) -> None:
        """Take what the allocator may have, and what was free without this process."""
        self._free_before = free_before
        if cap_bytes is not None:
            total = torch.cuda.mem_get_info()[1]
            torch.cuda.set_per_process_memory_fraction(min(1.0, cap_bytes / total))

    def begin(self) -> None:
        torch.cuda.reset_peak_memory_stats()

    def allocated(self) -> int:
        return torch.cuda.max_memory_allocated()

    def reserved(self) -> int:
        return torch.cuda.max_memory_reserved()

    def outside(self) -> int | None:
        held = self._free_before - driver_free()
        return held - torch.cuda.memory_reserved()

    def settle(self) -> None:
        torch.cuda.synchronize()


def driver_free() -> int:
    """Return the bytes free on torch's first card as the driver counts them."""
    card = card_in_use()
    return card.free if card else 0


class PretendMeter:
    """A card that is not there: counts every tensor a processor makes."""

    def __init__(self, cap_bytes: int | None) -> None:
        self._ledger = Ledger()
        self._cap = cap_bytes
        self._ledger.__enter__()

    def begin(self) -> None:
        self._ledger.peaks.clear()
        self._ledger.enter("steps")

    def allocated(self) -> int:
        return self._ledger.peak

    def reserved(self) -> int:
        return -(-self._ledger.peak // (2 << 20)) * (2 << 20)

    def outside(self) -> int | None:
        return None

    def settle(self) -> None:
        if self._cap is not None and self._ledger.peak > self._cap:
            raise torch.OutOfMemoryError("The pretended card is full.")

    def close(self) -> None:
        self._ledger.__exit__(None, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one training took; bytes, or None where it did not come so far."""

    outcome: str
    """``done``, ``out of memory``, or what else went wrong."""
    static: int | None = None
    """Handed out before the first step."""
    allocated: int | None = None
    reserved: int | None = None
    process: int | None = None
    context: int | None = None
    step_s: float | None = None
    tokens_per_s: float | None = None


def measure(
    config: Mapping[str, Any],
    plan: Plan,
    *,
    loop: Loop,
    compute: Compute,
    meter: Meter,
    steps: int = _STEPS,
) -> Measured:
    """Train on full batches and return what the device's counters say."""
    try:
        step = _loading(config, plan, loop, compute)
        meter.settle()
        meter.begin()  # what loading took besides is over
        static = meter.allocated()
        seconds: list[float] = []
        for number in range(1, steps + 1):
            began = time.perf_counter()
            step(number)
            meter.settle()
            seconds.append(time.perf_counter() - began)
    except torch.OutOfMemoryError:
        return Measured(outcome="out of memory")
    outside, reserved = meter.outside(), meter.reserved()
    train = plan.train
    tokens = train.batch_size * train.seq_len * train.gradient_accumulation
    step_s = statistics.median(seconds[1:])
    return Measured(
        outcome="done",
        static=static,
        allocated=meter.allocated(),
        reserved=reserved,
        process=None if outside is None else reserved + outside,
        context=outside,
        step_s=step_s,
        tokens_per_s=tokens / step_s,
    )


def _loading(
    config: Mapping[str, Any], plan: Plan, loop: Loop, compute: Compute
) -> Callable[[int], None]:
    """Return what takes the step of a number."""
    model: Any = random_model(config, plan, compute)
    if loop == "plain":
        model = plain_step.prepare(model, plan)
    adapted = add_adapter(model, plan.method, seed=0, base_name="random weights")
    if compute.on_gpu:
        torch.cuda.empty_cache()
    return (
        _plain(adapted, plan, compute)
        if loop == "plain"
        else _ours(config, adapted, plan, compute)
    )


def _ours(
    config: Mapping[str, Any], model: Any, plan: Plan, compute: Compute
) -> Callable[[int], None]:
    learner = Learner(model, training=plan.train, compute=compute, pad_id=0)
    make_room(compute, lambda: room_bytes(plan, read_shape(config), device_budget()))
    train, vocabulary = plan.train, int(model.config.vocab_size)
    length = train.seq_len
    row = EncodedRow(
        ids=tuple(n % vocabulary for n in range(length)),
        trained=(False,) + (True,) * (length - 1),
    )
    rows = [row] * train.batch_size

    def step(number: int) -> None:
        learner.begin_step(rows * train.gradient_accumulation)
        for place in range(train.gradient_accumulation):
            learner.accumulate(rows, step=number, number=place)
        learner.apply(1e-6)

    return step


def _plain(model: Any, plan: Plan, compute: Compute) -> Callable[[int], None]:
    model.train()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-6)
    shape = plan.train.batch_size, plan.train.seq_len
    ids = torch.ones(shape, dtype=torch.long, device=compute.device)

    def step(_: int) -> None:
        optimizer.zero_grad(set_to_none=True)
        outputs = model(input_ids=ids, labels=ids)
        outputs.loss.backward()
        optimizer.step()

    return step


# -- random weights -------------------------------------------------------------------


def random_model(config: Mapping[str, Any], plan: Plan, compute: Compute) -> Any:
    """Return the model of `config` with random weights, drawn on the device."""
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM

    options = {key: value for key, value in config.items() if key != "model_type"}
    made: Any = CONFIG_MAPPING[str(config["model_type"])](**options)
    made.max_position_embeddings = max(
        int(getattr(made, "max_position_embeddings", 0) or 0), plan.train.seq_len
    )
    made._attn_implementation = kernel_for(config, plan.train.attention)
    made.use_cache = False
    suit_card(compute)
    before = torch.get_default_dtype()
    torch.set_default_dtype(compute.dtype)
    try:
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(made, trust_remote_code=False)
    finally:
        torch.set_default_dtype(before)
    if plan.method.kind == "qlora":
        _quantise(model, plan, compute)
    _draw(model, compute)
    model.tie_weights()
    model.requires_grad_(requires_grad=False)
    return model


def _quantise(model: Any, plan: Plan, compute: Compute) -> None:
    head = model.get_output_embeddings()
    for name, layer in list(model.named_modules()):
        if type(layer).__name__ in _QUANTISED and layer is not head:
            parent = model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], _four_bit(layer, plan, compute))
    model.is_loaded_in_4bit = model.is_quantized = True


def _four_bit(layer: Any, plan: Plan, compute: Compute) -> nn.Module:
    import bitsandbytes as bnb

    rows, columns = layer.weight.shape
    if type(layer) is not nn.Linear:  # GPT-2's Conv1D holds its weight transposed
        rows, columns = columns, rows
    made: Any = bnb.nn.Linear4bit(
        columns,
        rows,
        bias=layer.bias is not None,
        compute_dtype=compute.dtype,
        compress_statistics=plan.method.double_quant,
        quant_type=plan.method.quant_type,
        device="meta",
    )
    drawn = torch.empty(rows, columns, dtype=compute.dtype, device=compute.device)
    drawn.normal_(0, _INITIAL)
    made.weight = bnb.nn.Params4bit(
        drawn,
        requires_grad=False,
        compress_statistics=plan.method.double_quant,
        quant_type=plan.method.quant_type,
        module=made,
    ).to(compute.device)
    return made


def _draw(model: nn.Module, compute: Compute) -> None:
    """Put random numbers in place of every tensor that is still on meta."""
    drawn: dict[int, nn.Parameter] = {}
    for module in model.modules():
        for name, weight in list(module._parameters.items()):
            if weight is None or weight.device.type != "meta":
                continue
            if id(weight) not in drawn:
                drawn[id(weight)] = _drawn(weight, compute)
            module._parameters[name] = drawn[id(weight)]
        for name, buffer in list(module._buffers.items()):
            if buffer is not None and buffer.device.type == "meta":
                module._buffers[name] = torch.ones(
                    buffer.shape, dtype=buffer.dtype, device=compute.device
                )


def _drawn(weight: torch.Tensor, compute: Compute) -> nn.Parameter:
    made = torch.ones(weight.shape, dtype=weight.dtype, device=compute.device)
    if weight.dim() > 1:
        made.normal_(0, _INITIAL)
    return nn.Parameter(made, requires_grad=False)


def main() -> int:
    """Measure the setting on standard input; print the figures as one JSON line."""
    given = json.loads(sys.stdin.read())
    free_before = driver_free()  # before torch makes a context
    plan = from_tree(tomllib.loads(given["plan"]))
    pretended = bool(given["pretend"])
    compute = compute_for(
        plan.method.compute_dtype, kind="cpu" if pretended else "cuda"
    )
    cap = given["cap_bytes"]
    meter: Meter = PretendMeter(cap) if pretended else CudaMeter(cap, free_before)
    found = measure(
        given["config"],
        plan,
        loop=cast("Loop", given["loop"]),
        compute=compute,
        meter=meter,
    )
    print(json.dumps(asdict(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
