"""What a stretch of work came to: its last event, and what the adapter's folder says."""

import time
from pathlib import Path

from core.engine.standing import Standing
from core.library.facts import AdapterFacts
from core.plan.codec import to_tree
from core.runs.compared import planned_memory
from core.runs.events import Ended, EndStatus
from core.runs.folder import RunFolder


def ended_event(
    status: EndStatus, standing: Standing, adapter_id: str | None = None
) -> Ended:
    """Return the last event of a stretch that left the run at `standing`."""
    return Ended(
        t=time.time(),
        status=status,
        step=standing.step,
        train_loss=standing.train_loss,
        eval_loss_before=standing.eval_loss_before,
        eval_loss=standing.eval_loss,
        best_step=standing.best_step,
        tokens_per_s=standing.tokens_per_s,
        peak_memory=standing.peak_memory or None,
        adapter_id=adapter_id,
    )


def adapter_facts(
    run: RunFolder, standing: Standing, base: Path, *, predicted_memory: int | None
) -> AdapterFacts:
    """Return what ``tunesmith.json`` says of the adapter this run made.

    Args:
        run: Its folder; plan and facts are read from there.
        standing: Where the training ended.
        base: The base model's folder.
        predicted_memory: Bytes said of the batches it really had, to stand beside their
            peak; None where they cannot be priced: then what was planned stands there.
    """
    plan, facts = run.plan(), run.facts()
    is_best = plan.train.early_stopping > 0  # then the best adapter is kept
    return AdapterFacts(
        name=plan.name or str(facts.get("model") or base.name),
        base_model=plan.model.id,
        base_revision=plan.model.revision,
        base_path=str(base),
        method=plan.method.kind,
        train_loss=standing.train_loss,
        eval_loss_before=standing.eval_loss_before,
        eval_loss=standing.best_eval_loss if is_best else standing.eval_loss,
        run_id=run.run_id,
        data_sha256=str(facts.get("data_sha256") or ""),
        predicted_memory=predicted_memory or planned_memory(facts),
        peak_memory=standing.peak_memory or None,
        versions=facts.get("versions"),
        plan=to_tree(plan),
    )
