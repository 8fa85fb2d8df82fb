"""A queued run of a tiny model, ready for the worker."""

from pathlib import Path

from core.places import Places
from core.plan.fields import with_value
from core.plan.plan import DataChoice, Method, ModelChoice, Plan, Training
from core.runs.folder import RunFolder, create_run
from tests.fakes.tiny_model import write_chats


def tiny_plan(model: Path, data: Path) -> Plan:
    """Return a plan of 20 steps that evaluates every 5 and saves every 2."""
    return Plan(
        name="tiny",
        model=ModelChoice(id=str(model)),
        data=DataChoice(files=(str(data),), eval_fraction=0.2),
        method=Method(rank=4, alpha=8),
        train=Training(
            max_steps=20,
            batch_size=2,
            gradient_accumulation=2,
            seq_len=128,
            learning_rate=5e-3,
            gradient_checkpointing=False,
            eval_every=5,
            save_every=2,
        ),
    )


def make_run(
    home: Path, model: Path, plan: Plan | None = None, **changes: object
) -> RunFolder:
    """Return a queued run under `home`; `changes` are keys of [method] or [train]."""
    places = Places(home=home).make()
    data = write_chats(home / "chats.jsonl")
    plan = plan or tiny_plan(model, data)
    for name, value in changes.items():
        section = "method" if hasattr(plan.method, name) else "train"
        plan = with_value(plan, f"{section}.{name}", value)
    facts = {"model": "tiny", "model_path": str(model), "data_sha256": "0" * 64}
    return create_run(places.runs, plan, facts)
