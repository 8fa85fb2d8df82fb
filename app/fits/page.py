"""What fits? The question at the left, the answer beside it, redrawn as it changes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QGuiApplication, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout

from app import theme
from app.fits.cards import AnswerCard, GridCard, HeatCard
from app.fits.figure_cards import CardsCard, FiguresCard
from app.fits.picture import save_answer
from app.fits.ports import fits_ports
from app.fits.present import FitsView
from app.fits.question import QuestionCard
from app.fits.report import answer_text, picture_name, title_lines
from app.fits.viewmodel import FitsViewModel
from app.glance import DeviceGlance
from app.services import Services
from app.widgets.buttons import IconButton, PrimaryButton
from app.widgets.layout import STRETCH, tab_as_laid_out
from app.widgets.page import Page, PageBody, PageHeader
from app.widgets.picture import ask_where
from core.plan.plan import Plan

_QUESTION_WIDTH: Final = 312
_ROOM_BESIDE: Final = 740
"""Pixels the question and the answer need side by side."""


def build(services: Services) -> Page:
    """Return the page over the real functions of `core`."""
    page = FitsPage(FitsViewModel(fits_ports(services), services.navigator))
    services.pulse.device_changed.connect(page.hear_device)
    return page


class FitsPage(Page):
    """Paints what the view-model publishes."""

    def __init__(self, model: FitsViewModel) -> None:
        super().__init__()
        self.model = model
        model.setParent(self)
        self.train = PrimaryButton("Train with these settings", tip="", icon="train")
        self.train.clicked.connect(model.train)
        self.copy = IconButton(
            "copy", name="Copy as text", tip="The whole answer in columns of text"
        )
        self.copy.clicked.connect(self._on_copy)
        self.save = IconButton(
            "save", name="Save as picture", tip="Bars and map as a PNG file"
        )
        self.save.clicked.connect(self._on_save)
        header = PageHeader(
            "What fits?",
            "Any model on any card, before anything is downloaded.",
            actions=(self.copy, self.save, self.train),
        )
        self.question = QuestionCard(model)
        self.answer = AnswerCard(model)
        self.heat = HeatCard(model)
        self.figures = FiguresCard()
        self.cards = CardsCard(model)
        self.grid = GridCard(model)
        self.body = PageBody(name="What fits", widest=1000)
        self.body.column.setContentsMargins(0, 0, 12, 12)
        self.body.column.setSpacing(16)
        for part in (
            self.answer, self.heat, self.grid, self.figures, self.cards, STRETCH
        ):  # fmt: skip
            self.body.add(part)
        self._side = _side()
        self._is_beside = True
        self._lay_out(header)
        model.changed.connect(self.render_view)
        self.render_view(model.view)

    def _lay_out(self, header: PageHeader) -> None:
        lines = QVBoxLayout(self)
        lines.setSizeConstraint(QVBoxLayout.SizeConstraint.SetNoConstraint)
        lines.setContentsMargins(28, 22, 28, 20)
        lines.setSpacing(16)
        lines.addWidget(header)
        middle = QHBoxLayout()
        middle.setSpacing(16)
        self._side.setWidget(self.question)
        middle.addWidget(self._side)
        middle.addWidget(self.body, 1)
        lines.addLayout(middle, 1)

    def minimumSizeHint(self) -> QSize:
        """Return the least size the answer needs without the question beside it."""
        return QSize(460, 420)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Stand the question above the answer where there is no room beside."""
        super().resizeEvent(event)
        is_beside = self.width() >= theme.px(_ROOM_BESIDE)
        self._side.setFixedWidth(theme.px(_QUESTION_WIDTH))
        if is_beside == self._is_beside:
            return
        self._is_beside = is_beside
        if is_beside:
            self.body.column.removeWidget(self.question)
            self._side.setWidget(self.question)
        else:
            self._side.takeWidget()
            self.body.column.insertWidget(0, self.question)
        self._side.setVisible(is_beside)
        self.question.show()
        tab_as_laid_out(self)

    def open_with(self, argument: object) -> None:
        """Ask about a `Plan`, or about the model with this id."""
        match argument:
            case Plan():
                self.model.ask_about(argument)
            case str():
                self.model.choose_model(argument)
            case _:
                pass

    def showEvent(self, event: QShowEvent) -> None:
        """Look at machine, models and draft whenever the page comes into view."""
        super().showEvent(event)
        self.model.wake()

    @Slot(object)
    def hear_device(self, glance: DeviceGlance) -> None:
        """Measure anew when what is free has truly moved; not while out of sight."""
        if self.isVisible():
            self.model.hear_device(glance)

    def shut_down(self) -> None:
        """Compute no more."""
        self.model.shut_down()

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(
            answer_text(self.model.state, self.model.view)
        )
        self.model.say("Copied as text")

    @Slot()
    def _on_save(self) -> None:
        ask_where(self, picture_name(self.model.state), self.save_to)

    def save_to(self, path: Path) -> None:
        """Write bars and map to `path`."""
        try:
            save_answer(self.model.view, path, title_lines(self.model.state))
        except OSError as err:
            self.model.say(f"{err}. Choose another folder.")
        else:
            self.model.say(f"Saved as {path.name}")

    @Slot(object)
    def render_view(self, view: FitsView) -> None:
        """Show `view`; a part that is the same is not painted again."""
        self.question.render_view(view.question)
        self.answer.render_view(view.answer)
        self.heat.render_view(view.heat)
        self.grid.render_view(view.grid)
        self.figures.render_view(view.figures)
        self.cards.render_view(view.cards)
        for button in (self.copy, self.save):
            button.setEnabled(bool(view.answer.bars))
        self.train.setEnabled(view.question.can_train)
        self.train.set_tip(view.question.train_tip)


def _side() -> QScrollArea:
    """Return what scrolls the question where it is higher than the window."""
    made = QScrollArea()
    made.setWidgetResizable(True)
    made.setFrameShape(QFrame.Shape.NoFrame)
    made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    made.setAccessibleName("The question")
    return made
