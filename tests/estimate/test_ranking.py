"""Which models a device can train."""

from core.hardware.budget import device_budget
from core.models.catalogue import catalogue, catalogue_shape
from core.plan.plan import Plan
from core.planner.ranking import rank
from core.units import GIB


def test_what_fits_comes_first_the_largest_of_it_first() -> None:
    """Every catalogue model is ranked once, with LoRA where there is room for it."""
    models = [
        (facts, shape)
        for facts in catalogue()
        if (shape := catalogue_shape(facts.id)) is not None
    ]

    ranked = rank(models, Plan(), device_budget(gpu_memory=12 * GIB))

    assert {facts.id for facts in catalogue()} == {one.facts.id for one in ranked}
    fitting = [one for one in ranked if one.estimate.verdict == "fits"]
    assert fitting == list(ranked[: len(fitting)])
    sizes = [one.facts.parameters or 0 for one in fitting]
    assert sorted(sizes, reverse=True) == sizes
    assert sizes[0] > 7_000_000_000
    methods = {one.facts.id: one.method for one in ranked}
    assert "lora" == methods["meta-llama/Llama-3.2-1B"]
    assert "qlora" == methods["meta-llama/Llama-3.1-8B"]
