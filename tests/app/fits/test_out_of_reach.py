"""A plan no training could have is named on the page, and mended there."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from core.plan.fields import with_value
from tests.app.fits.conftest import DRAFT, Maker
from tests.app.fits.test_viewmodel import answered


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("train.batch_size", "Batch size is 0, so the memory cannot be told."),
        ("method.rank", "Rank is 0, so the memory cannot be told."),
    ],
)
def test_a_setting_out_of_reach_is_named(
    qtbot: QtBot, make_model: Maker, key: str, said: str
) -> None:
    """Nothing is priced for it; with the value mended all is answered again."""
    model = make_model()
    answered(qtbot, model)
    model.ask_about(with_value(DRAFT, key, 0))
    qtbot.waitUntil(lambda: model.view.answer.failure is not None)
    failure = model.view.answer.failure
    assert failure is not None
    assert said == failure.message
    assert () == model.view.answer.bars
    model.ask_about(DRAFT)
    qtbot.waitUntil(lambda: bool(model.view.answer.bars))

    assert model.view.answer.failure is None
