"""Work of step 1: list models, price them, resolve one, fetch it, search the Hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QElapsedTimer, QObject, QTimer, Signal, Slot

from app.qtwork.background import Background
from app.qtwork.process import TaskRunner
from app.setup.ports import Outcomes, Ports
from app.setup.state import Failure, ModelState, Shown, Work
from app.setup.words import TRAINABLE
from core.errors import TunesmithError
from core.estimate.answer import MemoryEstimate
from core.hardware.budget import DeviceBudget
from core.models.facts import ModelFacts
from core.models.shape import ModelShape
from core.plan.fields import with_value
from core.plan.plan import MethodKind, Plan
from core.plan.problems import out_of_limits

_SCREENFUL: Final = 12  # models whose badges are shown before the rest have theirs
_SLICE_MS: Final = 6  # well under a frame, so that painting goes on between
Prices = Mapping[MethodKind, MemoryEstimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A model id looked up: what it is, and its sizes where they are known."""

    facts: ModelFacts
    shape: ModelShape | None
    failure: Failure | None = None


@dataclass(slots=True, kw_only=True)
class Pricing:
    """A list of models being priced: what is left and what is known."""

    left: list[ModelFacts]
    plan: Plan
    budget: DeviceBudget
    outcomes: Outcomes
    prices: dict[str, Prices] = field(default_factory=dict[str, Prices])


class ModelWork(QObject):
    """Owns the `ModelState`.

    Signals:
        changed (): the state is another.
        resolved (): the chosen model or its shape is another.
        added (str): a folder was added; choose this id.
    """

    changed = Signal()
    resolved = Signal()
    added = Signal(str)

    def __init__(self, ports: Ports, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = ModelState()
        self._ports = ports
        self._since = QElapsedTimer()
        self._unpacks = False
        self._had: float | None = None  # what an earlier download had fetched already
        self._priced_for: tuple[object, ...] = ()
        self._listing = self._asker(self._on_listed, self._on_list_failed)
        self._pricing: Pricing | None = None
        self._idle = QTimer(self)
        self._idle.timeout.connect(self._price_some)
        self._resolving = self._asker(self._on_resolved, self._on_resolve_failed)
        self._adding = self._asker(self._on_added, self._on_failed)
        self._fetch_environment = self._asker(
            self._on_fetch_environment, self._on_fetch_failed
        )
        self._search_environment = self._asker(
            self._on_search_environment, self._on_search_failed
        )
        self._fetching = TaskRunner(self)
        self._fetching.progressed.connect(self._on_progressed)
        self._fetching.succeeded.connect(self._on_fetched)
        self._fetching.failed.connect(self._on_fetch_failed)
        self._searching = TaskRunner(self)
        self._searching.succeeded.connect(self._on_found)
        self._searching.failed.connect(self._on_search_failed)

    def _asker(self, answered: Any, failed: Any) -> Background:
        made = Background(self)
        made.answered.connect(answered)
        made.failed.connect(failed)
        return made

    # -- intents ---------------------------------------------------------------

    def refresh(self) -> None:
        """Look for models again."""
        self._listing.ask(self._ports.list_models)

    def search(self, query: str) -> None:
        """Show only what matches `query`."""
        self._set(query=query.strip())

    def show_only(self, shown: Shown) -> None:
        """Show all models, those here, or those to download."""
        self._set(shown=shown)

    def resolve(self, wanted: str, *, unpacks: bool = False) -> None:
        """Find out what the id `wanted` is; an empty one is no model.

        Args:
            wanted: A plan's model.id.
            unpacks: Unpack the starter at once if it was never used here.
        """
        self._unpacks = unpacks
        self._set(failure=None, unusable=None)
        if not wanted:
            self._resolving.cancel()
            self._set(chosen=None, shape=None)
            self.resolved.emit()
            return
        known = self._known(wanted)
        if known is not None:
            self._set(chosen=known)
        self._resolving.ask(lambda: self._look_up(wanted, known))

    def price(
        self, plan: Plan, budget: DeviceBudget | None, outcomes: Outcomes = ()
    ) -> None:
        """Price every listed model by `plan` on `budget`, a few at each idle moment.

        `outcomes` are this machine's runs: badges say what the Fit step says.

        Not in a thread: seventy estimates are pure Python, and a thread that computes
        would hold up every paint of this one for the interpreter's lock.
        """
        listed = (*(self.state.listed or ()), *self.state.found)
        if budget is None or not listed or out_of_limits(plan):
            return
        ids = tuple(model.id for model in listed)
        asked = (plan.method, plan.train, budget, ids, outcomes)
        if asked == self._priced_for:
            return
        self._priced_for = asked
        self._pricing = Pricing(
            left=list(reversed(listed)), plan=plan, budget=budget, outcomes=outcomes
        )
        self._idle.start(0)

    @Slot()
    def _price_some(self) -> None:
        job, since = self._pricing, QElapsedTimer()
        since.start()
        while job is not None and job.left and since.elapsed() < _SLICE_MS:
            model = job.left.pop()
            job.prices[model.id] = self._price_of(model, job)
            if not self.state.fits and len(job.prices) == _SCREENFUL:
                self._set(fits=dict(job.prices))
        if job is None or not job.left:
            self._idle.stop()
            self._pricing = None
            if job is not None:
                self._set(fits=job.prices)

    def make_ready(self) -> None:
        """Unpack the starter or download the chosen model."""
        chosen = self.state.chosen
        if chosen is None or self.state.work is not None:
            return
        self._had = None
        if chosen.source == "starter":
            self._set(work=Work(what=f"Unpacking {chosen.name}"))
            self._fetching.start("make_starter", self._request(chosen.id))
        else:
            self._set(work=Work(what=f"Downloading {chosen.name}", unit="bytes"))
            # A keyring may take its time, or ask its owner.
            self._fetch_environment.ask(self._ports.hub_environment)
        self._set(work_id=chosen.id, failure=None)

    def pause_or_go_on(self) -> None:
        """Let the download rest, or go on with it.

        Its process stands still: the Hub's client would throw half a file away if it
        ended. A connection that was closed meanwhile is opened again, at the same byte.
        """
        work = self.state.work
        if work is None or work.pause == "cannot":
            return
        rests = work.pause == "can"
        self._fetching.rest(rests=rests)
        self._had = None  # the mean rate begins anew
        self._set(work=replace(work, pause="paused" if rests else "can", per_s=None))

    def _request(self, model_id: str) -> dict[str, str]:
        return {"id": model_id, "home": str(self._ports.places.home)}

    @Slot(object)
    def _on_fetch_environment(self, environment: Mapping[str, str]) -> None:
        request = self._request(self.state.work_id)
        self._fetching.start("download", request, environment=environment)

    def cancel(self) -> None:
        """End the unpacking or download that runs or rests."""
        self._fetch_environment.cancel()
        if self._fetching.is_busy:
            self._fetching.cancel()
        else:
            self._set(work=None, work_id="")

    def search_hub(self) -> None:
        """Ask the Hub for models like the query."""
        if self.state.query and not self.state.is_searching:
            self._set(is_searching=True, searched=self.state.query, failure=None)
            self._search_environment.ask(self._ports.hub_environment)

    @Slot(object)
    def _on_search_environment(self, environment: Mapping[str, str]) -> None:
        request = {"query": self.state.searched, "limit": 20}
        self._searching.start("hub_search", request, environment=environment)

    def add_folder(self, folder: Path) -> None:
        """Add a folder that holds a model, and choose it."""
        self._adding.ask(lambda: self._ports.add_model(str(folder)))

    def shut_down(self) -> None:
        """End every child that runs."""
        self._idle.stop()
        self._fetching.shut_down()
        self._searching.shut_down()

    # -- off the main thread ---------------------------------------------------

    def _look_up(self, wanted: str, known: ModelFacts | None) -> Resolved:
        facts = known or self._ports.find_model(wanted)
        try:
            shape = self._ports.shape_of(facts)
        except TunesmithError as err:
            return Resolved(facts=facts, shape=None, failure=Failure.of(err))
        return Resolved(facts=facts, shape=shape)

    def _price_of(self, model: ModelFacts, job: Pricing) -> Prices:
        if model.problem:
            return {}
        asked = with_value(job.plan, "model.id", model.id)
        try:
            shape = self._ports.shape_of(model)
            return {
                kind: self._price(with_value(asked, "method.kind", kind), shape, job)
                for kind in TRAINABLE
            }
        except TunesmithError:  # its sizes are not known until it is here
            return {}

    def _price(self, plan: Plan, shape: ModelShape, job: Pricing) -> MemoryEstimate:
        """Return what `plan` needs, with checkpointing where only that makes it fit.

        A badge tells whether the model can be trained here at all; the Fit step offers
        the same change.
        """

        def priced(asked: Plan) -> MemoryEstimate:
            return self._ports.estimate(asked, shape, job.budget, outcomes=job.outcomes)

        found = priced(plan)
        if found.fits or plan.train.gradient_checkpointing:
            return found
        slim = priced(with_value(plan, "train.gradient_checkpointing", value=True))
        return slim if slim.fits else found

    # -- answers ---------------------------------------------------------------

    @Slot(object)
    def _on_listed(self, listed: tuple[ModelFacts, ...]) -> None:
        chosen = self.state.chosen
        again = next((m for m in listed if chosen and m.id == chosen.id), chosen)
        self._set(listed=listed, chosen=again)
        if again != chosen and again is not None:
            self.resolve(again.id)

    @Slot(object)
    def _on_list_failed(self, err: TunesmithError) -> None:
        self._set(listed=self.state.listed or (), failure=Failure.of(err))

    @Slot(object)
    def _on_resolved(self, found: Resolved) -> None:
        self._set(chosen=found.facts, shape=found.shape)
        facts = found.facts
        if self._unpacks and facts.source == "starter" and not facts.problem:
            self._unpacks = False
            if not facts.local:
                self.make_ready()
        self.resolved.emit()

    @Slot(object)
    def _on_resolve_failed(self, err: TunesmithError) -> None:
        self._set(chosen=None, shape=None, unusable=Failure.of(err))
        self.resolved.emit()

    @Slot(object)
    def _on_added(self, facts: ModelFacts) -> None:
        self.refresh()
        self.added.emit(facts.id)

    @Slot(object)
    def _on_failed(self, err: TunesmithError) -> None:
        self._set(failure=Failure.of(err))

    @Slot(object)
    def _on_progressed(self, event: Mapping[str, Any]) -> None:
        work = self.state.work
        if work is None or work.pause == "paused":  # said before it stood still
            return
        done, total = float(event.get("done") or 0), event.get("total")
        if self._had is None:
            self._had = done
            self._since.start()
        fetched, elapsed_s = done - self._had, self._since.elapsed() / 1000
        self._set(
            work=Work(
                what=work.what,
                done=done,
                total=float(total) if total else None,
                unit=str(event.get("unit") or work.unit),
                pause="can" if event.get("what") == "download" else "cannot",
                # The mean since the start: steadier than the last second's.
                per_s=fetched / elapsed_s if fetched and elapsed_s > 1 else None,
            )
        )

    @Slot(object)
    def _on_fetched(self, _result: object) -> None:
        fetched = self.state.work_id
        self._set(work=None, work_id="")
        self.refresh()
        if self.state.chosen is not None and self.state.chosen.id == fetched:
            self._resolving.ask(lambda: self._look_up(fetched, None))

    @Slot(object)
    def _on_fetch_failed(self, err: TunesmithError) -> None:
        failure = None if err.code == "cancelled" else Failure.of(err)
        self._set(work=None, work_id="", failure=failure)

    @Slot(object)
    def _on_found(self, result: Mapping[str, Any]) -> None:
        found = tuple(_facts(item) for item in result.get("models", ()))
        self._set(found=found, is_searching=False)

    @Slot(object)
    def _on_search_failed(self, err: TunesmithError) -> None:
        self._set(is_searching=False, failure=Failure.of(err))

    def _known(self, wanted: str) -> ModelFacts | None:
        models = (*(self.state.listed or ()), *self.state.found)
        return next((model for model in models if model.id == wanted), None)

    def _set(self, **changes: Any) -> None:
        state = replace(self.state, **changes)
        if state != self.state:
            self.state = state
            self.changed.emit()


def _facts(item: Mapping[str, Any]) -> ModelFacts:
    """Return a Hub answer as facts; a model there has no folder here."""
    parameters, disk = item.get("parameters"), item.get("disk")
    return ModelFacts(
        id=str(item["id"]),
        name=str(item.get("name") or item["id"]),
        source="hub",
        parameters=int(parameters) if parameters else None,
        licence=str(item.get("licence") or ""),
        disk=int(disk) if disk else None,
        gated=bool(item.get("gated")),
    )
