"""``demo``: the whole main job, offline, on the starter model and starter data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.chat.events import Answered, ChatEvent, Loading, Sampling, Voice
from core.cli.chart import LossCurves, draw_losses
from core.cli.console import Console
from core.cli.follow import Follower, run_document
from core.cli.request import FailedWith, Request
from core.cli.result import fall_text, result_text
from core.cli.runs import curve
from core.cli.starter import ensure_starter
from core.cli.train import started
from core.cli.voices import Choir
from core.data.load import accepted_rows, load
from core.data.rows import Chat
from core.data.split import split
from core.errors import Interrupted, RequestError, reason_of
from core.library import shelf
from core.models.find import find_model
from core.places import called, expanded
from core.plan.plan import Plan
from core.prepare import check, demo_plan, new_run
from core.runs.folder import RunFolder
from core.runs.tail import read_events

_PROMPTS = 3
_ANSWER_TOKENS = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One held-out prompt and what base and adapter make of it."""

    prompt: str
    base: str
    adapter: str


def demo(request: Request) -> int:
    """Train a first adapter, ask it beside its base, and answer with the proof."""
    steps = request.arguments.steps
    if steps is not None and steps < 1:
        raise RequestError(
            "usage", "--steps must be at least 1.", hint="Leave it out for the default."
        )
    _make_out(request)
    ensure_starter(request)
    plan = demo_plan(request.places, steps or 0)
    _tell_estimate(request, plan)
    run = new_run(plan, request.places)
    follower = started(request, run)
    document = run_document(run, request.places, follower.state)
    if document["adapter_id"] is None:
        raise FailedWith(_left(run), document)
    samples = ask_both(request, run, document["adapter_id"], held_out_prompts(plan))
    chart = _chart(request, run, document)
    request.console.answer(
        {
            **document,
            "model_dir": run.facts()["model_path"],
            "samples": samples,
            "chart": str(chart),
            "seconds": _seconds(follower),
        },
        _text(document, samples, chart),
    )
    return 0


def held_out_prompts(plan: Plan) -> list[str]:
    """Return questions of rows that the run of `plan` never trains on."""
    rows = accepted_rows(load(plan.data), plan.data)
    _, held_out = split(rows, plan.data.eval_fraction, plan.train.seed)
    asked = [
        next((m.content for m in row.messages if m.role == "user"), "")
        for row in held_out
        if isinstance(row, Chat)
    ]
    return [prompt for prompt in asked if prompt][:_PROMPTS]


def ask_both(
    request: Request, run: RunFolder, adapter_id: str, prompts: Sequence[str]
) -> list[Sample]:
    """Return what the base and the adapter answer to each prompt, greedily."""
    record = shelf.find(request.places, adapter_id)
    voices = [Voice(), Voice(adapter=record.adapter_id, path=str(record.path))]
    sampling = Sampling(max_tokens=_ANSWER_TOKENS)
    request.console.note("Asking the base and the adapter the same …")
    samples: list[Sample] = []
    with Choir(tell=_listener(request.console)) as choir:
        choir.load(Path(run.facts()["model_path"]))
        for prompt in prompts:
            message = {"role": "user", "content": prompt}
            base, adapter = choir.ask([message], voices, sampling)
            samples.append(_sample(prompt, base, adapter))
    return samples


def _out(request: Request) -> Path | None:
    named: Path | None = request.get("out")
    return None if named is None else expanded(named).absolute()


def _make_out(request: Request) -> None:
    """Make the folder that ``--out`` names: found out before minutes of training."""
    out = _out(request)
    try:
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise RequestError(
            "demo.out",
            f"{out} cannot hold the chart: {reason_of(err)}.",
            hint="Give another folder with --out, or leave it out.",
        ) from err


def _left(run: RunFolder) -> Interrupted:
    return Interrupted(
        "run.paused",
        "The demo's run was paused or stopped from elsewhere.",
        hint=f"“tunesmith resume {run.run_id}” goes on with its training.",
    )


def _listener(console: Console) -> Any:
    def tell(event: ChatEvent) -> None:
        if isinstance(event, Loading):
            console.draw(f"Loading {event.what}")

    return tell


def _sample(prompt: str, base: Answered, adapter: Answered) -> Sample:
    return Sample(prompt=prompt, base=base.text, adapter=adapter.text)


def _tell_estimate(request: Request, plan: Plan) -> None:
    predicted = check(plan, request.places).estimate
    if predicted is not None:
        request.console.note(f"Estimate: {predicted.reason}")


def _chart(request: Request, run: RunFolder, document: Mapping[str, Any]) -> Path:
    out = _out(request)
    path = (run.path if out is None else out) / "loss.png"
    points = curve(read_events(run.events_file))
    plan = run.plan()
    model = find_model(plan.model.id, request.places)
    losses = LossCurves(
        title=plan.name,
        subtitle=f"Held-out loss {_fall(document)} · {model.name},"
        f" {plan.method.kind} rank {plan.method.rank}",
        training=[(p["step"], p["loss"]) for p in points if "loss" in p],
        held_out=[(p["step"], p["eval_loss"]) for p in points if "eval_loss" in p],
    )
    draw_losses(losses, path)
    return path


def _fall(document: Mapping[str, Any]) -> str:
    before, after = document["eval_loss_before"], document["eval_loss"]
    return fall_text(before, after) if before and after is not None else "unknown"


def _seconds(follower: Follower) -> float | None:
    state = follower.state
    if state.started is None or state.last is None:
        return None
    return state.last - state.started


def _text(document: Mapping[str, Any], samples: Sequence[Sample], chart: Path) -> str:
    told = [
        f"You: {sample.prompt}\n\nBase: {sample.base.strip()}\n\n"
        f"Adapter: {sample.adapter.strip()}"
        for sample in samples
    ]
    facts = [result_text(document), f"Chart {chart}"]
    rule = "\n" + "─" * 60 + "\n"
    talk = f"{called()} chat --model starter --adapter {document['adapter_id']}"
    return rule.join(["\n".join(facts), *told, f"Talk to it: {talk}"])
