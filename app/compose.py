"""Builds every long-lived object and hands each what it needs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from app.device_choice import DeviceChoice
from app.glance import DeviceGlance
from app.hub_token import TokenStore
from app.main_window import PageSpec
from app.qtwork.gpu_lease import GpuLease
from app.qtwork.navigator import Navigator
from app.qtwork.pulse import Pulse
from app.services import RunGlance, RunLauncher, Services
from app.settings import SettingsStore
from app.widgets.page import Page
from core.hardware.budget import DeviceBudget, device_budget
from core.hardware.gpu import gpus
from core.places import Places

# Each factory imports its page when it is called: the window opens without them.


def _home(services: Services) -> Page:
    from app.home.page import build

    return build(services)


def _train(services: Services) -> Page:
    from app.setup.page import build

    return build(services)


def _runs(services: Services) -> Page:
    from app.training.page import build

    return build(services)


def _library(services: Services) -> Page:
    from app.library.page import build

    return build(services)


def _chat(services: Services) -> Page:
    from app.chat.page import build

    return build(services)


def _models(services: Services) -> Page:
    from app.models.page import build

    return build(services)


def _fits(services: Services) -> Page:
    from app.fits.page import build

    return build(services)


def _settings(services: Services) -> Page:
    from app.preferences.page import build

    return build(services)


PAGES = (
    PageSpec(
        key="home",
        title="Home",
        icon="home",
        tip="What is running and what to do next",
        build=_home,
    ),
    PageSpec(
        key="train",
        title="Train",
        icon="train",
        tip="From a model and data to an adapter, in five steps",
        build=_train,
    ),
    PageSpec(
        key="runs",
        title="Runs",
        icon="runs",
        tip="Every training, live and past",
        build=_runs,
    ),
    PageSpec(
        key="library",
        title="Library",
        icon="library",
        tip="The adapters you made",
        build=_library,
    ),
    PageSpec(
        key="chat",
        title="Chat",
        icon="chat",
        tip="Base and adapters answer side by side",
        build=_chat,
    ),
    PageSpec(
        key="models",
        title="Models",
        icon="models",
        tip="Base models on this disk and beyond",
        build=_models,
    ),
    PageSpec(
        key="fits",
        title="What fits?",
        icon="fits",
        tip="Any model on any card, before anything is downloaded",
        build=_fits,
    ),
    PageSpec(
        key="settings",
        title="Settings",
        icon="settings",
        tip="Appearance, folders, network, device, doctor",
        build=_settings,
    ),
)


def compose(places: Places, *, restyle: Callable[[], None]) -> Services:
    """Return the objects every page shares, alive but with nothing running yet."""
    settings = SettingsStore(places.settings_file)
    choice = DeviceChoice()
    choice.use(settings.now.device)
    return Services(
        places=places,
        settings=settings,
        token=TokenStore(),
        navigator=Navigator(),
        pulse=Pulse(_runs_reader(places), _device_reader(places)),
        lease=GpuLease(),
        launcher=RunLauncher(),
        use_device=choice.use,
        is_offline=lambda: settings.now.offline or _offline_by_environment(),
        restyle=restyle,
    )


def _offline_by_environment() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0")


def _runs_reader(places: Places) -> Callable[[], tuple[RunGlance, ...]]:
    """Return what reads the runs, in the pulse's thread; imports on first use."""
    reader: list[Callable[[], tuple[RunGlance, ...]]] = []

    def read() -> tuple[RunGlance, ...]:
        if not reader:
            from app.run_glances import GlanceReader

            reader.append(GlanceReader(places.runs, places.cache / "glances.json").read)
        return reader[0]()

    return read


def _device_reader(places: Places) -> Callable[[], DeviceGlance]:
    def read() -> DeviceGlance:
        budget = device_budget()
        disk = shutil.disk_usage(places.home)
        return DeviceGlance(
            name=budget.name,
            is_gpu=budget.kind == "cuda",
            total=budget.total,
            free=budget.free,
            temperature=_temperature(budget),
            disk_free=disk.free,
            disk_total=disk.total,
        )

    return read


def _temperature(budget: DeviceBudget) -> float | None:
    if budget.kind != "cuda":
        return None
    same = [gpu for gpu in gpus() if gpu.name == budget.name]
    return same[0].temperature if same else None
