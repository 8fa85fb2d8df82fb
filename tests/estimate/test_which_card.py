"""Which card a plan would need."""

from core.estimate.memory import estimate
from core.hardware.budget import card_budget
from core.hardware.cards import cards
from core.models.catalogue import catalogue_shape
from core.models.shape import ModelShape
from core.plan.plan import Method, Plan, Training
from core.planner.which_card import smallest, which_cards
from core.units import GIB

PLAN = Plan(method=Method(kind="qlora"), train=Training(gradient_checkpointing=True))


def shape(name: str = "meta-llama/Llama-3.1-8B") -> ModelShape:
    found = catalogue_shape(name)
    assert found is not None
    return found


def test_every_card_answers_the_smallest_that_fits_first() -> None:
    """Fitting ones by rising size, then the others, the largest of them first."""
    found = which_cards(PLAN, shape())
    fits = [one.estimate.fits for one in found]
    n_fitting = fits.count(True)
    sizes = [round(one.card.memory / GIB) for one in found]

    assert {card.name for card in cards()} == {one.card.name for one in found}
    assert sorted(fits, reverse=True) == fits
    assert sorted(sizes[:n_fitting]) == sizes[:n_fitting]
    assert sorted(sizes[n_fitting:], reverse=True) == sizes[n_fitting:]
    for one in found:
        assert estimate(PLAN, shape(), card_budget(one.card)) == one.estimate
        assert one.forecast is not None


def test_the_smallest_of_a_kind_fits_and_nothing_smaller_does() -> None:
    """A laptop's or a server's card is not what one buys for a desk."""
    found = which_cards(PLAN, shape())
    desk, rack = smallest(found), smallest(found, ("data-centre",))

    assert desk is not None
    assert rack is not None
    assert ("consumer", "data-centre") == (desk.card.kind, rack.card.kind)
    for one in found:
        if one.card.kind == "consumer" and one.estimate.fits:
            assert one.card.memory >= desk.card.memory * 0.98


def test_what_fits_no_card_has_no_smallest() -> None:
    """And still every card says what it lacks."""
    whole = Plan(method=Method(kind="full"))
    found = which_cards(whole, shape("Qwen/Qwen2.5-72B-Instruct"))

    assert smallest(found, ("consumer", "data-centre", "workstation")) is None
    assert all("free on" in one.estimate.reason for one in found)
