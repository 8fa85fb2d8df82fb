"""The Train page: a stepper, five steps, and a summary that stays beside them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

from PySide6.QtCore import QSize, Qt, QTimer, Slot
from PySide6.QtGui import QHideEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QFileDialog, QMenu, QStackedWidget, QVBoxLayout, QWidget

from app import theme
from app.services import Services
from app.setup.ports import ports
from app.setup.present import SetupView
from app.setup.start_view import STEP_TITLES, file_name
from app.setup.state import STEPS, Step
from app.setup.step_data import DataStep
from app.setup.step_fit import FitStep
from app.setup.step_method import MethodStep
from app.setup.step_model import ModelStep
from app.setup.step_start import StartStep
from app.setup.viewmodel import SetupViewModel
from app.widgets.buttons import IconButton, PrimaryButton, SecondaryButton
from app.widgets.layout import boxed, row
from app.widgets.notice import Notice
from app.widgets.page import Page, PageHeader
from app.widgets.stepper import Stepper
from app.widgets.summary import SummaryCard, SummaryLine
from app.widgets.text import ElidedLabel
from core.errors import TunesmithError
from core.plan.plan import Plan

_LEAST_WIDTH: Final = 560
_LEAST_HEIGHT: Final = 420
_ROOM_BESIDE: Final = 760  # pixels the steps and the summary need side by side
_ROOM_BELOW: Final = 620  # and in height, for four choices and two buttons
PLANS = "Plans (*.toml);;All files (*)"


def build(services: Services) -> Page:
    """Return the page over the real functions of `core`."""
    settings = services.settings

    def remember(is_open: bool) -> None:  # noqa: FBT001 - Qt's signal
        # A full disk must not keep the form from opening.
        with contextlib.suppress(OSError, TunesmithError):
            settings.change(all_settings_open=is_open)

    model = SetupViewModel(ports(services), services.navigator)
    services.pulse.runs_changed.connect(model.on_runs_changed)
    return SetupPage(
        model,
        unfolded=settings.now.all_settings_open,
        remember_unfolded=remember,
    )


class WalkButtons:
    """Back and Continue; there are two pairs, and one is in view."""

    def __init__(self, walk: Callable[[int], None]) -> None:
        self.back = SecondaryButton(
            "Back", tip="The step before. Alt+Left", icon="left"
        )
        self.back.clicked.connect(lambda: walk(-1))
        self.forth = PrimaryButton("Continue", tip="The next step. Alt+Right")
        self.forth.clicked.connect(lambda: walk(1))


class SetupPage(Page):
    """Paints what the view-model publishes; every control is an intent to it."""

    def __init__(
        self,
        model: SetupViewModel,
        *,
        unfolded: bool = False,
        remember_unfolded: Callable[[bool], None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._unfolded = unfolded
        self._remember_unfolded = remember_unfolded
        self.model = model
        model.setParent(self)
        self._shown: SetupView | None = None
        self.stepper = Stepper([STEP_TITLES[step] for step in STEPS])
        self.stepper.requested.connect(self._on_step)
        self.notice = Notice(closable=True)
        self.notice.dismissed.connect(model.dismiss_notice)
        self._stack = QStackedWidget()
        self._holders = {step: _holder(self._stack) for step in STEPS}
        self._made: dict[Step, QWidget] = {}
        self.summary = SummaryCard("This run", width=256)
        self.summary.requested.connect(self._on_summary)
        self.walk = WalkButtons(self._walk)
        for button in (self.walk.forth, self.walk.back):
            self.summary.foot.addWidget(button)
        self.narrow_walk = WalkButtons(self._walk)
        self.narrow_line = ElidedLabel("", "muted")
        self.foot = self._foot()
        self._lay_out(self._header())
        self._add_keys()
        self._idle = QTimer(self)
        self._idle.timeout.connect(self._prepare_step)
        model.changed.connect(self.render_view)
        self.render_view(model.view)

    # -- the steps, each made when it is first wanted ----------------------------

    @property
    def model_step(self) -> ModelStep:
        """Step 1."""
        return cast("ModelStep", self._step("model", lambda: ModelStep(self.model)))

    @property
    def data_step(self) -> DataStep:
        """Step 2."""
        return cast("DataStep", self._step("data", lambda: DataStep(self.model)))

    @property
    def method_step(self) -> MethodStep:
        """Step 3."""

        def make() -> MethodStep:
            made = MethodStep(self.model)
            made.all.set_open(self._unfolded)
            if self._remember_unfolded is not None:
                made.all.toggled.connect(self._remember_unfolded)
            return made

        return cast("MethodStep", self._step("method", make))

    @property
    def fit_step(self) -> FitStep:
        """Step 4."""
        return cast("FitStep", self._step("fit", lambda: FitStep(self.model)))

    @property
    def start_step(self) -> StartStep:
        """Step 5."""

        def make() -> StartStep:
            return StartStep(self.model, self.show_field, save_plan=self.ask_save)

        return cast("StartStep", self._step("start", make))

    def _step(self, step: Step, make: Callable[[], QWidget]) -> QWidget:
        if step not in self._made:
            self._made[step] = make()
            holder = cast("QVBoxLayout", self._holders[step].layout())
            holder.addWidget(self._made[step])
        return self._made[step]

    def _prepare_step(self) -> None:
        """Make one step nobody asked for yet, while there is nothing else to do."""
        waiting = [step for step in STEPS if step not in self._made]
        if not waiting:
            self._idle.stop()
            return
        view = self.model.view
        self._render_step(replace(view, step=waiting[0]))

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
        # The page may be narrower than its parts: then the summary folds away.
        lines.setSizeConstraint(QVBoxLayout.SizeConstraint.SetNoConstraint)
        lines.setContentsMargins(28, 22, 28, 20)
        lines.setSpacing(16)
        lines.addWidget(header)
        lines.addWidget(self.stepper)
        lines.addWidget(self.notice)
        middle = row(spacing=24)
        middle.addWidget(self._stack, 1)
        middle.addWidget(self.summary)
        lines.addLayout(middle, 1)
        lines.addWidget(self.foot)

    def _foot(self) -> QWidget:
        """Return what stands in for the summary where there is no room beside."""
        line = row(spacing=8)
        line.addWidget(self.narrow_line, 1)
        line.addWidget(self.narrow_walk.back)
        line.addWidget(self.narrow_walk.forth)
        return boxed(line)

    def minimumSizeHint(self) -> QSize:
        """Return the least size the steps need without the summary."""
        return QSize(_LEAST_WIDTH, _LEAST_HEIGHT)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fold the summary into a line where large text leaves no room beside."""
        super().resizeEvent(event)
        is_narrow = self.width() < theme.px(_ROOM_BESIDE)
        is_narrow |= self.height() < theme.px(_ROOM_BELOW)
        self.summary.setVisible(not is_narrow)
        self.foot.setVisible(is_narrow)

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
        self._idle.start(0)

    def hideEvent(self, event: QHideEvent) -> None:
        """Leave what is not made yet until the page is looked at again."""
        super().hideEvent(event)
        self._idle.stop()

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
        self.narrow_line.setText(" · ".join(item.value for item in view.summary))
        for walk in (self.walk, self.narrow_walk):
            walk.back.setVisible(view.step != "model")
            walk.forth.setVisible(view.step != "start")  # that step has its own button

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
        dialog = QFileDialog(self, "Save plan as", "", PLANS)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("toml")  # before it asks whether to overwrite
        dialog.selectFile(file_name(self.model.plan))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._on_save_chosen)
        dialog.open()

    @Slot(str)
    def _on_save_chosen(self, name: str) -> None:
        self.model.save_plan_as(Path(name))


def _holder(stack: QStackedWidget) -> QWidget:
    """Return an empty place in `stack` for a step that is not made yet."""
    holder = QWidget()
    lines = QVBoxLayout(holder)
    lines.setContentsMargins(0, 0, 0, 0)
    stack.addWidget(holder)
    return holder
