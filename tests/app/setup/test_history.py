"""Undo and redo, and presets, over frozen plans."""

from __future__ import annotations

from app.setup.history import History
from app.setup.presets import PRESETS, preset_of
from core.plan.fields import with_value
from core.plan.plan import Plan
from core.plan.problems import problems


def test_undo_and_redo_walk_the_same_way() -> None:
    """Every plan on the way back is found again on the way forth."""
    first = Plan()
    second = with_value(first, "method.alpha", 64)
    third = with_value(second, "train.optimizer", "adamw_8bit")
    history = History(now=first).edited(second).edited(third)

    assert second == history.undone().now
    assert first == history.undone().undone().now
    assert first == history.undone().undone().undone().now
    assert third == history.undone().undone().redone().redone().now


def test_an_edit_forgets_what_was_undone() -> None:
    """After undo and a new edit there is nothing to redo."""
    history = History(now=Plan()).edited(with_value(Plan(), "method.alpha", 64))
    other = history.undone().edited(with_value(Plan(), "method.alpha", 8))

    assert not other.can_redo
    assert Plan() == other.undone().now


def test_a_dragged_slider_is_one_step_back() -> None:
    """Ten values passed on the way are not ten undos."""
    history = History(now=Plan())
    for rank in (32, 64, 128):
        plan = with_value(Plan(), "method.rank", rank)
        history = history.edited(plan, merges=True)

    assert 128 == history.now.method.rank
    assert Plan() == history.undone().now


def test_the_same_plan_is_no_edit() -> None:
    """Setting a value to what it is leaves nothing to undo."""
    assert not History(now=Plan()).edited(Plan()).can_undo


def test_a_preset_is_worn_until_it_is_changed() -> None:
    """Each preset is recognised, sound, and gone after a change of its values."""
    for preset in PRESETS:
        plan = preset.applied(Plan())

        assert preset is preset_of(plan)
        assert set() == {p.field for p in problems(plan)} & set(preset.values)
        assert preset_of(with_value(plan, "method.rank", 5)) is None


def test_a_preset_leaves_the_rest_alone() -> None:
    """Model, data and everything a preset does not name stay as they were."""
    mine = with_value(Plan(name="mine"), "train.seq_len", 333)

    assert 333 == PRESETS[0].applied(mine).train.seq_len
    assert "mine" == PRESETS[0].applied(mine).name
