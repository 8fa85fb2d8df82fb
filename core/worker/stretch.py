"""One stretch of a run: from its plan, or its newest checkpoint, to an end or a pause."""

import shutil
import time
from pathlib import Path
from typing import Literal

from core.data.batches import batches
from core.data.examples import Examples, examples
from core.data.rows import EncodedRow
from core.engine import checkpoint
from core.engine.adapter_folder import write_adapter
from core.engine.card import portable_base_name
from core.engine.checkpoint import Snapshot
from core.engine.device import (
    Compute,
    DTypeName,
    compute_for,
    use_physical_cores,
    why_no_cuda,
)
from core.engine.learner import Learner
from core.engine.load import add_adapter, load_base
from core.engine.loop import Loop, Outcome, Surroundings
from core.engine.meter import MemoryMeter
from core.engine.optimizer import is_replaced
from core.engine.room import make_room
from core.engine.schedule import Course, course_of
from core.engine.standing import Standing, with_peak
from core.engine.tokenizer import ModelTokenizer, open_tokenizer
from core.errors import WorkFailed
from core.hardware.budget import card_in_use, chosen_card
from core.hardware.gpu import Gpu
from core.library import shelf
from core.models.find import find_model
from core.models.starter import STARTER_HUB_ID, STARTER_ID
from core.places import Places, places
from core.runs.events import (
    Checkpoint,
    Ended,
    EndStatus,
    Phase,
    PhaseName,
    Progress,
    Warned,
)
from core.runs.folder import RunFolder
from core.worker.channel import EventLog
from core.worker.heartbeat import Heartbeat
from core.worker.held_out import Sampler, held_out
from core.worker.measured import Measured, keep, predicted_memory, ran_out
from core.worker.outcome import adapter_facts, ended_event
from core.worker.room import step_bytes
from core.worker.wishes import Wishes

_SAMPLE_TOKENS = 64
_STATUS_OF: dict[Outcome, EndStatus] = {
    "done": "done",
    "pause": "paused",
    "stop": "stopped",
    "discard": "stopped",
}


class _Left(Exception):
    """The run was asked to leave before its first step."""


class Stretch:
    """The work of one worker process on one run."""

    def __init__(
        self, run: RunFolder, *, log: EventLog, heart: Heartbeat, wishes: Wishes
    ) -> None:
        self._run = run
        self._log = log
        self._heart = heart
        self._wishes = wishes
        self._plan = run.plan()
        self._facts = run.facts()
        self._places = _places_of(run)
        self._standing = Standing()
        self._made: tuple[Compute, MemoryMeter, Examples, Course] | None = None

    def work(self) -> Ended:
        """Return the last event, which is still to be written.

        Raises:
            TunesmithError: The run failed.
        """
        try:
            self._phase("prepare")
            newest = checkpoint.newest_whole(self._run.checkpoints)
            snapshot = checkpoint.load(newest) if newest else None
            self._standing = snapshot.standing if snapshot else Standing()
            compute = self._compute(snapshot)
            base = self._base_folder()
            tokenizer, rows = self._tokenized(base)
            meter = MemoryMeter(compute)
            self._course = self._plotted(rows)
            self._made = compute, meter, rows, self._course
            learner = self._loaded(base, compute, tokenizer, meter, snapshot)
        except _Left:
            return self._left_early()
        loop = self._loop(learner, rows, tokenizer, meter)
        for event in loop.events():
            self._log.write(event)
            self._standing = loop.standing
            self._heart.at(step=loop.standing.step, steps=self._course.steps)
        adapter_id = self._finished(loop, learner, base)
        # what saving took counts as well
        self._standing = with_peak(loop.standing, *meter.take())
        return ended_event(_STATUS_OF[loop.outcome], self._standing, adapter_id)

    def broken_off(self) -> Ended:
        """Return the last event of work that raised: failed, with the results so far."""
        return ended_event("failed", self._standing)

    def remember(self, failure: BaseException | None) -> None:
        """Keep what the run came to, for the estimates of later ones.

        Args:
            failure: What ended the work, as it was raised.
        """
        if self._made is None:
            return
        _, meter, _, _ = self._made
        if failure is not None and ran_out(failure):
            self._standing = with_peak(self._standing, *meter.take())
        keep(self._run, self._places, self._measured(self._standing, failure))

    def _measured(
        self, standing: Standing, failure: BaseException | None = None
    ) -> Measured:
        assert self._made is not None
        compute, _, rows, course = self._made
        return Measured(
            plan=self._plan,
            compute=compute,
            course=course,
            rows=rows.train,
            standing=standing,
            process_bytes=self._heart.process_bytes(),
            failure=failure,
        )

    # -- before the first step -----------------------------------------------

    def _compute(self, snapshot: Snapshot | None) -> Compute:
        use_physical_cores()
        wanted: DTypeName | Literal["auto"] = self._plan.method.compute_dtype
        if snapshot is not None:  # go on in the format the run began in
            wanted = snapshot.facts.get("dtype", wanted)
        compute = compute_for(wanted)
        card = card_in_use() if compute.on_gpu else chosen_card()
        if card is not None:
            if not compute.on_gpu:
                raise _idle(card)
            self._heart.watch_gpu(card.index)
        if is_replaced(self._plan.train, compute):
            self._warn(
                "train.optimizer_replaced",
                f"{self._plan.train.optimizer} needs a CUDA card; AdamW with 32-bit"
                " states is used instead.",
            )
        return compute

    def _base_folder(self) -> Path:
        named = str(self._facts.get("model_path") or "")
        if named and (Path(named) / "config.json").is_file():
            return Path(named)
        found = find_model(self._plan.model.id, self._places)
        assert found.path is not None
        return found.path

    def _tokenized(self, base: Path) -> tuple[ModelTokenizer, Examples]:
        self._phase("tokenize")
        tokenizer = open_tokenizer(base, template=self._plan.data.template)
        if tokenizer.note:
            self._warn("model.template_note", tokenizer.note)
        found = examples(
            self._plan.data,
            tokenizer,
            seq_len=self._plan.train.seq_len,
            seed=self._plan.train.seed,
            tell=lambda done, total: self._progress("tokenize", done, total, "row"),
        )
        if found.dropped:
            first = found.dropped[0]
            self._warn(
                first.code,
                f"{len(found.dropped)} rows are left out. Line {first.line}:"
                f" {first.message}",
            )
        if found.truncated:
            self._warn(
                "dataset.truncated",
                f"{found.truncated} rows are longer than"
                f" {self._plan.train.seq_len} tokens and were cut.",
                hint="Raise train.seq_len to keep them whole.",
            )
        return tokenizer, found

    def _loaded(
        self,
        base: Path,
        compute: Compute,
        tokenizer: ModelTokenizer,
        meter: MemoryMeter,
        snapshot: Snapshot | None,
    ) -> Learner:
        self._leave_if_asked(snapshot)
        self._phase("load")
        plan = self._plan
        model = load_base(
            base,
            compute=compute,
            quantization=plan.method if plan.method.kind == "qlora" else None,
            attention=plan.train.attention,
        )
        public = STARTER_HUB_ID if plan.model.id == STARTER_ID else ""
        adapted = add_adapter(
            model,
            plan.method,
            seed=plan.train.seed,
            base_name=portable_base_name(plan.model.id, public_name=public),
        )
        learner = Learner(
            adapted,
            training=plan.train,
            compute=compute,
            pad_id=tokenizer.pad_id,
            watch=meter.watch,
        )
        assert self._made is not None
        rows = self._made[2]
        make_room(compute, lambda: step_bytes(base, plan, rows, compute))
        if snapshot is not None:
            learner.restore_weights(snapshot.weights)
            learner.restore_optimizer(snapshot.optimizer)
        self._leave_if_asked(snapshot)
        return learner

    def _leave_if_asked(self, snapshot: Snapshot | None) -> None:
        asked = self._wishes.leaving()
        # to stop is to keep what was learnt, and its adapter needs the model
        if asked is not None and not (asked == "stop" and snapshot is not None):
            raise _Left

    def _left_early(self) -> Ended:
        asked = self._wishes.leaving()
        if asked == "discard":
            self._discard()
        return ended_event("paused" if asked == "pause" else "stopped", self._standing)

    # -- training ------------------------------------------------------------

    def _plotted(self, rows: Examples) -> Course:
        training = self._plan.train
        lengths = [len(row.ids) for row in rows.train]
        return course_of(
            training,
            micro_batches=len(batches(lengths, training.batch_size, training.seed, 0)),
            train_tokens=sum(lengths),
            eval_tokens=sum(len(row.ids) for row in rows.held_out),
        )

    def _loop(
        self,
        learner: Learner,
        rows: Examples,
        tokenizer: ModelTokenizer,
        meter: MemoryMeter,
    ) -> Loop:
        training = self._plan.train
        lengths = [len(row.ids) for row in rows.train]

        def steps_of_epoch(epoch: int) -> list[list[list[EncodedRow]]]:
            order = batches(lengths, training.batch_size, training.seed, epoch)
            filled = [[rows.train[number] for number in batch] for batch in order]
            size = training.gradient_accumulation
            return [filled[at : at + size] for at in range(0, len(filled), size)]

        self._heart.at(step=self._standing.step, steps=self._course.steps)
        sampler = Sampler(learner, rows, tokenizer, seq_len=training.seq_len)
        return Loop(
            learner,
            training=training,
            course=self._course,
            steps_of_epoch=steps_of_epoch,
            held_out=held_out(rows.held_out, training.batch_size),
            surroundings=Surroundings(
                wishes=self._wishes,
                save=lambda now: self._save(learner, now),
                sample=sampler.sample,
                memory=meter.take,
            ),
            standing=self._standing,
        )

    def _save(self, learner: Learner, standing: Standing) -> Checkpoint:
        folder = checkpoint.save(
            self._run.checkpoints,
            Snapshot(
                standing=standing,
                weights=learner.weights(),
                optimizer=learner.optimizer_state(),
                facts={"dtype": learner.compute.dtype_name},
            ),
        )
        training = self._plan.train
        is_best = standing.best_step == standing.step
        checkpoint.prune(
            self._run.checkpoints,
            keep=training.keep_checkpoints,
            best_step=standing.best_step if training.early_stopping else None,
        )
        self._run.done_with("save")
        self._log.sync()
        return Checkpoint(
            t=time.time(),
            step=standing.step,
            path=folder.relative_to(self._run.path).as_posix(),
            best=is_best,
        )

    # -- the end -------------------------------------------------------------

    def _finished(self, loop: Loop, learner: Learner, base: Path) -> str | None:
        """Return the id of the adapter that was made, if one was."""
        adapter_id: str | None = None
        if loop.outcome == "discard":
            self._discard()
        elif loop.outcome != "pause" and loop.standing.step > 0:
            self._phase("save")
            self._take_best(loop.standing, learner)
            adapter_id = self._kept(loop.standing, learner, base)
            self._phase("done")
        return adapter_id

    def _take_best(self, standing: Standing, learner: Learner) -> None:
        """With early stopping the adapter is the best one, not the last one."""
        best = self._run.checkpoints / f"step-{standing.best_step}"
        if self._plan.train.early_stopping and checkpoint.is_whole(best):
            learner.restore_weights(checkpoint.load(best).weights)

    def _kept(self, standing: Standing, learner: Learner, base: Path) -> str:
        told = predicted_memory(self._run, self._places, self._measured(standing))
        facts = adapter_facts(self._run, standing, base, predicted_memory=told)
        folder = write_adapter(
            learner.model, base=base, target=self._run.adapter, facts=facts
        )
        return shelf.add(self._places, folder, facts).adapter_id

    def _discard(self) -> None:
        shutil.rmtree(self._run.checkpoints, ignore_errors=True)
        shutil.rmtree(self._run.adapter, ignore_errors=True)

    # -- events --------------------------------------------------------------

    def _phase(self, name: PhaseName) -> None:
        self._log.write(Phase(t=time.time(), phase=name))

    def _progress(self, what: str, done: int, total: int, unit: str) -> None:
        self._log.write(
            Progress(t=time.time(), what=what, done=done, total=total, unit=unit)
        )

    def _warn(self, code: str, message: str, *, hint: str = "") -> None:
        self._log.write(Warned(t=time.time(), code=code, message=message, hint=hint))


def _idle(card: Gpu) -> WorkFailed:
    """Return the refusal to train on the processor what was planned for a card."""
    return WorkFailed(
        "gpu.unusable",
        f"CUDA does not start on {card.name}: {why_no_cuda() or 'it sees no card'}",
        hint="Restart the computer, then resume: after sleep or an update the driver may"
        " have lost the card. To train on the processor all the same, choose it in the"
        " preferences, or set TUNESMITH_DEVICE=cpu.",
    )


def _places_of(run: RunFolder) -> Places:
    """Return the home this run lies in, so that its adapter joins it there."""
    if run.path.parent.name == "runs":
        return Places(home=run.path.parent.parent).make()
    return places().make()
