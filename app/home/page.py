"""Home: one button at first, an overview after."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout

from app.home.overview import Overview
from app.home.present import HomeView
from app.home.viewmodel import HomePorts, HomeViewModel
from app.home.welcome import Welcome
from app.services import Services
from app.widgets.layout import STRETCH
from app.widgets.notice import Notice
from app.widgets.page import Page, PageBody, PageHeader
from core.hardware.doctor import DoctorProblem, examine
from core.library.record import AdapterRecord
from core.library.shelf import all_adapters
from core.models.starter import starter_path
from core.runs.folder import RunFolder


class HomePage(Page):
    """Paints `HomeView`s."""

    def __init__(self, model: HomeViewModel) -> None:
        super().__init__()
        self._model = model
        self._header = PageHeader("Home")
        self._failure = Notice(closable=True)
        self._welcome = Welcome()
        self._welcome.demo_requested.connect(model.start_demo)
        self._welcome.cancelled.connect(model.cancel_demo)
        self._welcome.train_requested.connect(self._on_train)
        self._overview = Overview()
        self._overview.requested.connect(model.open)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._welcome)
        self._stack.addWidget(self._overview)
        body = PageBody(self._header, self._failure, name="Home")
        body.add(self._stack)
        body.add(STRETCH)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.addWidget(body)
        model.changed.connect(self.render_view)
        self.render_view(model.view)

    def showEvent(self, event: QShowEvent) -> None:
        """Look again whenever the page comes into view."""
        super().showEvent(event)
        self._model.wake()

    def shut_down(self) -> None:
        """End what the view-model runs."""
        self._model.shut_down()

    @Slot(object)
    def render_view(self, view: HomeView) -> None:
        """Paint `view`. The only place that writes to these widgets."""
        self._header.set_text(view.title, view.subtitle)
        self._stack.setVisible(view.is_ready)
        self._stack.setCurrentIndex(0 if view.is_first else 1)
        if view.is_first:
            self._welcome.render_view(view)
        else:
            self._overview.render_view(view)
        if view.failure_title:
            self._failure.show_notice("bad", view.failure_title, view.failure_text)
        else:
            self._failure.clear()

    @Slot()
    def _on_train(self) -> None:
        self._model.open("train")


def build(services: Services) -> Page:
    """Return the page, standing on the real functions."""
    places = services.places

    def adapters() -> tuple[AdapterRecord, ...]:
        return tuple(all_adapters(places))

    def problems() -> tuple[DoctorProblem, ...]:
        return examine(places).problems

    def demo_run() -> RunFolder:
        from core.prepare import demo_plan, new_run  # loads readers of data: late

        return new_run(demo_plan(places), places)

    ports = HomePorts(
        list_adapters=adapters,
        examine=problems,
        has_starter=lambda: starter_path(places) is not None,
        make_demo_run=demo_run,
        start_run=services.launcher.start,
        starter_request={"home": str(places.home)},
    )
    return HomePage(HomeViewModel(ports, services.pulse, services.navigator))
