"""The Train page: a stepper, five steps, and a summary that stays beside them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QFileDialog, QMenu, QStackedWidget, QVBoxLayout, QWidget

from app.services import Services
from app.setup.ports import ports
from app.setup.present import STEP_TITLES, SetupView
from app.setup.state import STEPS, Step
from app.setup.step_data import DataStep
from app.setup.step_fit import FitStep
from app.setup.step_method import MethodStep
from app.setup.step_model import ModelStep
from app.setup.step_start import StartStep
from app.setup.viewmodel import SetupViewModel
from app.widgets.buttons import IconButton, PrimaryButton, SecondaryButton
from app.widgets.layout import row
from app.widgets.notice import Notice
from app.widgets.page import Page, PageHeader
from app.widgets.stepper import Stepper
from app.widgets.summary import SummaryCard, SummaryLine
from core.plan.plan import Plan

PLANS = "Plans (*.toml);;All files (*)"


def build(services: Services) -> Page:
    """Return the page over the real functions of `core`."""
    return SetupPage(SetupViewModel(ports(services), services.navigator))


class SetupPage(Page):
    """Paints what the view-model publishes; every control is an intent to it."""

    def __init__(self, model: SetupViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = model
        model.setParent(self)
        self._shown: SetupView | None = None
        self.stepper = Stepper([STEP_TITLES[step] for step in STEPS])
        self.stepper.requested.connect(self._on_step)
        self.notice = Notice(closable=True)
        self.notice.dismissed.connect(model.dismiss_notice)
        self.model_step = ModelStep(model)
        self.data_step = DataStep(model)
        self.method_step = MethodStep(model)
        self.fit_step = FitStep(model)
        self.start_step = StartStep(model, self.show_field, save_plan=self.ask_save)
        self._stack = QStackedWidget()
        for step in (
            self.model_step, self.data_step, self.method_step, self.fit_step,
            self.start_step,
        ):  # fmt: skip
            self._stack.addWidget(step)
        self.summary = SummaryCard("This run", width=248)
        self.summary.requested.connect(self._on_summary)
        self.back = SecondaryButton(
            "Back", tip="The step before. Alt+Left", icon="left"
        )
        self.back.clicked.connect(lambda: self._walk(-1))
        self.forth = PrimaryButton("Continue", tip="The next step. Alt+Right")
        self.forth.clicked.connect(lambda: self._walk(1))
        self.summary.foot.addWidget(self.forth)
        self.summary.foot.addWidget(self.back)
        self._lay_out(self._header())
        self._add_keys()
        model.changed.connect(self.render_view)
        self.render_view(model.view)

    def _header(self) -> PageHeader:
        self.undo = IconButton(
            "undo", name="Undo", tip="Take the last edit back. Ctrl+Z"
        )
        self.undo.clicked.connect(self.model.undo)
        self.redo = IconButton("redo", name="Redo", tip="Do it again. Ctrl+Shift+Z")
        self.redo.clicked.connect(self.model.redo)
        self.more = IconButton(
            "more", name="More", tip="Open or save a plan, start over"
        )
        menu = QMenu(self.more)
        menu.addAction("Open plan…").triggered.connect(self.ask_open)
        menu.addAction("Save plan as…").triggered.connect(self.ask_save)
        menu.addSeparator()
        menu.addAction("Start over").triggered.connect(self.model.start_over)
        self.more.setMenu(menu)
        self.more.setPopupMode(IconButton.ToolButtonPopupMode.InstantPopup)
        return PageHeader("Train", actions=(self.undo, self.redo, self.more))

    def _lay_out(self, header: PageHeader) -> None:
        lines = QVBoxLayout(self)
        lines.setContentsMargins(28, 22, 28, 20)
        lines.setSpacing(16)
        lines.addWidget(header)
        lines.addWidget(self.stepper)
        lines.addWidget(self.notice)
        middle = row(spacing=24)
        middle.addWidget(self._stack, 1)
        middle.addWidget(self.summary)
        lines.addLayout(middle, 1)

    def _add_keys(self) -> None:
        for keys, act in (
            (QKeySequence(QKeySequence.StandardKey.Undo), self.model.undo),
            (QKeySequence(QKeySequence.StandardKey.Redo), self.model.redo),
            (QKeySequence("Ctrl+O"), self.ask_open),
            (QKeySequence("Ctrl+S"), self.ask_save),
            (QKeySequence("Alt+Right"), lambda: self._walk(1)),
            (QKeySequence("Alt+Left"), lambda: self._walk(-1)),
        ):
            QShortcut(keys, self).activated.connect(act)

    # -- called by the frame ---------------------------------------------------

    def open_with(self, argument: object) -> None:
        """Take a `Plan` as the draft, or a model's id as the base model."""
        match argument:
            case Plan():
                self.model.open_plan(argument)
                self.model.go_to("start")
            case str():
                self.model.choose_model(argument)
                self.model.go_to("model")
            case _:
                pass

    def shut_down(self) -> None:
        """Save the draft and end every child."""
        self.model.shut_down()

    def showEvent(self, event: QShowEvent) -> None:
        """Look at models, device and files whenever the page comes into view."""
        super().showEvent(event)
        self.model.wake()

    # -- painting --------------------------------------------------------------

    @Slot(object)
    def render_view(self, view: SetupView) -> None:
        """Show `view`."""
        if view == self._shown:
            return
        self._shown = view
        at = STEPS.index(view.step)
        self.stepper.set_current(at)
        for number, head in enumerate(view.steps):
            self.stepper.set_state(number, head.state, why=head.why)
        self._stack.setCurrentIndex(at)
        self.undo.setEnabled(view.can_undo)
        self.redo.setEnabled(view.can_redo)
        if view.notice:
            self.notice.show_notice("warn", view.notice)
        else:
            self.notice.clear()
        self._render_summary(view)
        self._render_step(view)

    def _render_step(self, view: SetupView) -> None:
        """Paint the step in view alone; the others are painted when they are shown."""
        match view.step:
            case "model":
                self.model_step.render_view(view.model)
            case "data":
                self.data_step.render_view(view.data)
            case "method":
                self.method_step.render_view(view.method)
            case "fit":
                self.fit_step.render_view(view.fit)
            case "start":
                self.start_step.render_view(view.start)

    def _render_summary(self, view: SetupView) -> None:
        self.summary.show_lines(
            [
                SummaryLine(
                    label=item.label,
                    value=item.value,
                    detail=item.detail,
                    badge=item.badge,
                    tone=item.tone,
                    key=item.step,
                )
                for item in view.summary
            ]
        )
        is_last = view.step == "start"
        self.back.setVisible(view.step != "model")
        self.forth.setVisible(not is_last)  # the last step has the button itself

    def show_field(self, step: Step, field: str) -> None:
        """Show `step`, and the setting `field` where it has one of its own."""
        self.model.go_to(step)
        if step == "method" and field != "method.kind":
            self.method_step.open_settings()
        # After the layout has found its place for what was just unfolded.
        QTimer.singleShot(0, self, lambda: self._focus_field(step, field))

    def _focus_field(self, step: Step, field: str) -> None:
        form = self.method_step.form
        if step == "method" and form is not None and field in form.fields:
            self.method_step.ensureWidgetVisible(form.fields[field])
            form.fields[field].control.setFocus()
        if step == "fit" and field in self.fit_step.sliders:
            self.fit_step.ensureWidgetVisible(self.fit_step.sliders[field])
            self.fit_step.sliders[field].spin.setFocus()

    # -- acting ----------------------------------------------------------------

    @Slot(int)
    def _on_step(self, at: int) -> None:
        self.model.go_to(STEPS[at])

    @Slot(str)
    def _on_summary(self, key: str) -> None:
        for step in STEPS:
            if step == key:
                self.model.go_to(step)

    def _walk(self, by: int) -> None:
        at = STEPS.index(self.model.state.step) + by
        if 0 <= at < len(STEPS):
            self.model.go_to(STEPS[at])

    def ask_open(self) -> None:
        """Ask for a plan file and take it as the draft."""
        name, _ = QFileDialog.getOpenFileName(self, "Open plan", "", PLANS)
        if name:
            self.model.open_plan_file(Path(name))

    def ask_save(self) -> None:
        """Ask where to write the draft as a plan file."""
        name, _ = QFileDialog.getSaveFileName(self, "Save plan as", "plan.toml", PLANS)
        if name:
            self.model.save_plan_as(Path(name).with_suffix(".toml"))
