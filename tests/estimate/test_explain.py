"""Every figure says where it comes from, and what it says adds up."""

import re
from dataclasses import fields, replace
from typing import get_args

import pytest

from core.estimate.answer import Components, Loop
from core.estimate.explain import explain
from core.estimate.learned import Outcome
from core.estimate.memory import METHODS, estimate
from core.hardware.budget import cpu_budget, device_budget
from core.models.catalogue import catalogue, catalogue_shape
from core.models.shape import ModelShape
from core.plan.plan import MethodKind, Optimizer, Plan, Training
from core.units import GIB, parse_bytes

CARD = device_budget(gpu_name="RTX 4090")


def shape(name: str = "meta-llama/Llama-3.2-1B") -> ModelShape:
    found = catalogue_shape(name)
    assert found is not None
    return found


def factor(text: str) -> float:
    """Return the number a factor begins with, in bytes where it has a unit."""
    found = re.match(r"([\d,.]+)(?: ([KMGT]?i?B)\b)?(?: %| / ([\d,]+))?", text)
    assert found, text
    number, unit, divisor = found.groups()
    value = float(number.replace(",", ""))
    if unit and unit != "B":
        value = parse_bytes(f"{value} {unit}")
    if "%" in text:
        value /= 100
    return value / float(divisor.replace(",", "")) if divisor else value


def added_up(numbers: str) -> float:
    """Return what the left side of ``2 × 4 B × 1,000 + 3 MiB of … = 3.01 MiB`` gives."""
    total = 0.0
    for term in re.split(r" (?=[+−] )", numbers.partition(" = ")[0]):
        sign = -1 if term.startswith("− ") else 1
        product = 1.0
        for part in re.split(r" × | of (?=\d)", term.lstrip("+− ")):
            product *= factor(part)
        total += sign * product
    return total


@pytest.mark.parametrize("name", ["meta-llama/Llama-3.2-1B", "google/gemma-3-1b-it"])
@pytest.mark.parametrize("loop", get_args(Loop))
@pytest.mark.parametrize("kind", METHODS)
def test_the_numbers_give_the_component(
    kind: MethodKind, loop: Loop, name: str
) -> None:
    """Two digits lie between the formula's result and the figure it explains."""
    # a plain loop's allocator is replayed, which takes its time: one optimiser will do
    optimizers: tuple[Optimizer, ...] = get_args(Optimizer)
    optimizers = optimizers if loop == "tunesmith" else optimizers[:1]
    for optimizer in optimizers:
        for checkpointing in (False, True):
            train = Training(
                optimizer=optimizer, gradient_checkpointing=checkpointing, batch_size=2
            )
            plan = replace(Plan(train=train), method=replace(Plan().method, kind=kind))
            found = estimate(plan, shape(name), CARD, loop=loop)
            formulas = explain(plan, shape(name), CARD, found, loop=loop)
            for part, formula in formulas.items():
                expected = getattr(found.components, part)
                given = added_up(formula.numbers)
                assert given == pytest.approx(expected, rel=0.01, abs=2048), formula


def test_every_component_is_explained_in_words() -> None:
    """On a card and on a processor, with and without an adapter, none is left out."""
    for budget in (CARD, cpu_budget()):
        found = estimate(Plan(), shape(), budget)
        formulas = explain(Plan(), shape(), budget, found)

        assert [field.name for field in fields(Components)] == list(formulas)
        for formula in formulas.values():
            assert formula.words
            assert len(formula.numbers) < 140  # it stands in a tooltip


def test_four_bits_are_told_apart_from_what_stays_wide() -> None:
    """QLoRA: half a byte for the linear layers, two for embeddings and norms."""
    plan = replace(Plan(), method=replace(Plan().method, kind="qlora"))
    found = explain(plan, shape(), CARD, estimate(plan, shape(), CARD))
    linear = sum(count * one.elements for one, count in shape().linears())

    assert f"0.5 B × {linear:,}" in found["weights"].numbers
    assert f"1 B × {linear:,} / 64" in found["quantization"].numbers


def test_checkpointing_keeps_each_layers_input() -> None:
    """What a kept layer costs is its input: two bytes a token and width."""
    train = Training(gradient_checkpointing=True)
    plan = Plan(train=train)
    found = explain(plan, shape(), CARD, estimate(plan, shape(), CARD))

    kept = f"{shape().layers - 2} layers × 1,024 tokens × {2 * shape().hidden:,} B"
    assert kept in found["activations"].numbers


def test_a_dry_runs_difference_is_named() -> None:
    """Where a dry run says otherwise the formula does not pretend to have known."""
    exact = 6 << 30
    found = estimate(Plan(), shape(), CARD, measured_tensors=exact)

    told = explain(Plan(), shape(), CARD, found)["activations"].numbers

    assert "dry run" in told
    assert added_up(told) == pytest.approx(found.components.activations, rel=0.01)


def test_what_earlier_runs_taught_is_named() -> None:
    """A correction is no property of a library: it is said to be what it is."""
    outcomes = [
        Outcome(
            run_id=str(n), t=float(n), device=CARD.name, device_kind="cuda",
            family="llama", method="lora", predicted=4 * GIB,
            measured=round(4.4 * GIB), predicted_tokens_per_s=None, tokens_per_s=None,
        )
        for n in range(6)
    ]  # fmt: skip
    found = estimate(Plan(), shape(), CARD, outcomes=outcomes)
    assert found.learned is not None

    told = explain(Plan(), shape(), CARD, found)["workspace"].numbers

    assert "earlier runs" in told
    assert added_up(told) == pytest.approx(found.components.workspace, rel=0.01)


@pytest.mark.parametrize("kind", ["qlora", "full"])
def test_no_model_of_the_catalogue_is_left_half_explained(kind: MethodKind) -> None:
    """For each the terms give the figure, and nothing is put down to runs not made."""
    plan = replace(Plan(), method=replace(Plan().method, kind=kind))
    for facts in catalogue():
        whole = shape(facts.id)
        found = estimate(plan, whole, CARD)
        for part, formula in explain(plan, whole, CARD, found).items():
            expected = getattr(found.components, part)
            given = added_up(formula.numbers)
            assert given == pytest.approx(expected, rel=0.01, abs=4096), facts.id
            assert "otherwise" not in formula.numbers, facts.id
