"""What the Chat page shows, decided from what is known. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.chat.transcript import Answer, Speaker
from app.chat.views import (
    MOST_VOICES,
    AdapterChoice,
    AnswerView,
    ChatFacts,
    ChatView,
    EngineState,
    FitView,
    NoticeAction,
    NoticeView,
    TurnView,
)
from app.theme.tokens import Tone
from core.estimate.answer import Verdict
from core.library.record import AdapterRecord
from core.models.facts import ModelFacts
from core.models.starter import STARTER_HUB_ID
from core.units import bytes_text, count_text

_LOADING_WORDS: Final = {
    "engine": "Starting the engine",
    "model": "Reading the weights",
    "make_starter": "Making the starter model, once",
}
_FIT_WORDS: Final[dict[Verdict, tuple[str, Tone]]] = {
    "fits": ("Fits", "good"),
    "tight": ("Tight", "warn"),
    "too-large": ("Too large", "bad"),
    "fits-if-closed": ("Close others first", "warn"),
    "unknown": ("Not known", "neutral"),
}
_DEVICE_WORDS: Final = {"cpu": "processor", "cuda": "graphics card"}


def usable_models(models: Sequence[ModelFacts]) -> tuple[ModelFacts, ...]:
    """Return the bases a chat can use: on this disk, or the starter, which is made."""
    return tuple(
        model
        for model in models
        if not model.problem and (model.local or model.source == "starter")
    )


def fits_base(record: AdapterRecord, base: ModelFacts) -> bool:
    """Return whether the adapter says it was trained on this base."""
    names = {base.id, str(base.path or "")} - {""}
    if base.source == "starter" or base.id == STARTER_HUB_ID:
        names |= {"starter", STARTER_HUB_ID}
    return record.base_model in names or (
        bool(record.base_path) and record.base_path in names
    )


def base_of(record: AdapterRecord, models: Sequence[ModelFacts]) -> ModelFacts | None:
    """Return the base on this disk that the adapter was trained on, if it is here."""
    return next((m for m in usable_models(models) if fits_base(record, m)), None)


def voices(facts: ChatFacts) -> tuple[Speaker, ...]:
    """Return who answers, from left to right: the base first.

    Each base is a voice of its own: another base must not be shown this one's answers.
    """
    base = next((m for m in facts.models or () if m.id == facts.base_id), None)
    found: list[Speaker] = []
    if facts.with_base and base is not None:
        found.append(Speaker(key=f"base {base.id}", name=f"Base · {base.name}"))
    known = {record.adapter_id: record for record in facts.adapters}
    for adapter_id in facts.chosen:
        record = known.get(adapter_id)
        if record is not None:
            found.append(
                Speaker(
                    key=adapter_id,
                    name=record.name,
                    adapter_id=adapter_id,
                    path=str(record.path),
                    scale=facts.scales.get(adapter_id, 1.0),
                )
            )
    return tuple(found)


def present(facts: ChatFacts) -> ChatView:
    """Return the page."""
    models = usable_models(facts.models or ())
    base = next((m for m in models if m.id == facts.base_id), None)
    speaking = voices(facts)
    blocked = is_blocked(facts, base)
    can_send = base is not None and bool(speaking) and not blocked and not facts.asked
    engine = facts.engine
    state, tone = _state(engine)
    title, text = _empty(facts, base)
    return ChatView(
        bases=tuple((m.id, _base_label(m)) for m in models),
        base_id=facts.base_id,
        with_base=facts.with_base,
        can_switch_base=facts.with_base or len(speaking) < MOST_VOICES,
        adapters=_choices(facts, base),
        adapters_note=_adapters_note(facts, base),
        state=state,
        state_tone=tone,
        state_detail=_state_detail(engine),
        fit=_fit(facts),
        is_loading=engine.phase in {"making", "loading"},
        loading_what=_LOADING_WORDS.get(engine.what, engine.what),
        loading_fraction=engine.fraction,
        can_load=base is not None and engine.phase in {"none", "dead"} and not blocked,
        can_unload=engine.phase == "ready",
        load_text="Load again" if engine.phase == "dead" else "Load",
        notice=_notice(facts, base, blocked=blocked),
        turns=tuple(
            _turn(turn.prompt, turn.answers) for turn in facts.transcript.turns
        ),
        system=facts.transcript.system,
        sampling=facts.sampling,
        quantized=facts.quantized,
        can_send=can_send,
        send_tip=_send_tip(facts, base, speaking, blocked=blocked),
        is_answering=facts.asked > 0,
        can_redo=bool(facts.transcript.turns) and not facts.asked and can_send,
        can_take_back=bool(facts.transcript.turns) and not facts.asked,
        can_save=any(a.text for t in facts.transcript.turns for a in t.answers),
        voices=speaking,
        empty_title=title,
        empty_text=text,
    )


def is_blocked(facts: ChatFacts, base: ModelFacts | None) -> bool:
    """Return whether a training has the GPU and the person has not said "anyway"."""
    return (
        base is not None
        and facts.busy is not None
        and facts.busy.is_on_gpu
        and not facts.busy_allowed
        and facts.engine.phase != "ready"
    )


def _base_label(model: ModelFacts) -> str:
    size = f" · {count_text(model.parameters)}" if model.parameters else ""
    made = "" if model.local else " · not made yet"
    return f"{model.name}{size}{made}"


def _choices(facts: ChatFacts, base: ModelFacts | None) -> tuple[AdapterChoice, ...]:
    if base is None:
        return ()
    full = len(voices(facts)) >= MOST_VOICES
    found: list[AdapterChoice] = []
    for record in facts.adapters:
        if not fits_base(record, base):
            continue
        is_chosen = record.adapter_id in facts.chosen
        tip = record.problem or (
            f"{MOST_VOICES} columns are as many as can be read side by side."
            if full and not is_chosen
            else "Adds a column with this adapter's answers."
        )
        detail = "Damaged" if not record.ok else _loss(record)
        found.append(
            AdapterChoice(
                adapter_id=record.adapter_id,
                name=record.name,
                detail=detail,
                is_chosen=is_chosen,
                can_choose=is_chosen or (record.ok and not full),
                scale=facts.scales.get(record.adapter_id, 1.0),
                tip=tip,
            )
        )
    return tuple(found)


def _loss(record: AdapterRecord) -> str:
    rank = "" if record.rank is None else f"rank {record.rank}"
    loss = "" if record.eval_loss is None else f"held-out {record.eval_loss:.3g}"
    return " · ".join(part for part in (rank, loss) if part)


def _adapters_note(facts: ChatFacts, base: ModelFacts | None) -> str:
    if base is None:
        return "Pick a base to see its adapters."
    fitting = sum(fits_base(record, base) for record in facts.adapters)
    others = len(facts.adapters) - fitting
    if fitting:
        more = f"{others} more belong to other bases." if others > 1 else ""
        return "1 more belongs to another base." if others == 1 else more
    if others:
        return "None of your adapters was trained on this base."
    return "The library is empty: train an adapter and it appears here."


def _state(engine: EngineState) -> tuple[str, Tone]:
    match engine.phase:
        case "none":
            return "Not loaded", "neutral"
        case "making" | "loading":
            return "Loading", "accent"
        case "ready":
            return "Ready", "good"
        case "dead":
            return "Ended", "bad"


def _state_detail(engine: EngineState) -> str:
    if engine.phase != "ready":
        return ""
    device = _DEVICE_WORDS.get(engine.device, engine.device)
    parts = (device, engine.dtype, _memory(engine.memory))
    return " · ".join(part for part in parts if part)


def _fit(facts: ChatFacts) -> FitView | None:
    found = facts.fit
    if found is None or facts.engine.phase not in {"none", "dead"}:
        return None
    word, tone = _FIT_WORDS[found.verdict]
    figures = [f"{bytes_text(found.device)} needed"]
    if found.available is not None:
        figures.append(f"{bytes_text(found.available)} free")
    advice = ""
    if facts.leaner is not None:
        advice = f" With the base in 4 bit {bytes_text(facts.leaner.device)} would do."
    return FitView(
        word=word,
        tone=tone,
        # beside a long verdict the line breaks between the two figures
        text=" · ".join(figure.replace(" ", "\u00a0") for figure in figures),
        tip=f"{found.reason}{advice}",
    )


def _memory(n_bytes: int) -> str:
    return bytes_text(n_bytes) if n_bytes > 0 else ""


def _notice(
    facts: ChatFacts, base: ModelFacts | None, *, blocked: bool
) -> NoticeView | None:
    engine, busy = facts.engine, facts.busy
    if engine.phase == "dead" or engine.problem:
        actions: tuple[tuple[NoticeAction, str], ...] = (("load", "Load again"),)
        if blocked:
            actions = (("runs", "Show the run"), ("anyway", "Load anyway"))
        return NoticeView(
            tone="bad",
            title=engine.problem,
            text=engine.hint,
            actions=actions if base is not None else (),
        )
    if blocked and busy is not None:
        return NoticeView(
            tone="warn",
            title=f"“{busy.name}” is training on the graphics card.",
            text="Loading a model beside it may run out of memory and end the"
            " training. Pause the training first, or load at your own risk.",
            actions=(("runs", "Show the run"), ("anyway", "Load anyway")),
        )
    if busy is not None and base is not None and not busy.is_on_gpu:
        return NoticeView(
            tone="neutral",
            title=f"“{busy.name}” is training on the processor.",
            text="Answers come slower until it is done.",
            actions=(("runs", "Show the run"),),
        )
    return None


def _turn(prompt: str, answers: Sequence[Answer]) -> TurnView:
    return TurnView(prompt=prompt, answers=tuple(_answer(one) for one in answers))


def _answer(answer: Answer) -> AnswerView:
    scale = answer.speaker.scale
    name = answer.speaker.name
    if answer.speaker.adapter_id and scale != 1.0:
        name = f"{name} × {scale:g}"
    return AnswerView(
        key=answer.speaker.key,
        name=name,
        text=answer.text,
        markdown=as_markdown(answer.text) if answer.is_over else "",
        is_streaming=not answer.is_over,
        problem=" ".join(part for part in (answer.problem, answer.hint) if part),
        foot=_foot(answer),
        foot_tip=_foot_tip(answer),
        prompt=answer.prompt,
        prompt_tokens=answer.prompt_tokens,
    )


def _foot(answer: Answer) -> str:
    match answer.state:
        case "waiting":
            return "waiting"
        case "streaming":
            return "writing"
        case "failed":
            return ""
        case "cut" if not answer.text:
            return "stopped before it began"
        case "done" | "cut":
            unit = "token" if answer.tokens == 1 else "tokens"
            cut = " · cut short" if answer.state == "cut" else ""
            return f"{answer.tokens} {unit} · {answer.tokens_per_s:.3g} tokens/s{cut}"


def _foot_tip(answer: Answer) -> str:
    if answer.state not in {"done", "cut"} or not answer.text:
        return ""
    tip = f"The first token came after {answer.first_token_s:.2g} s."
    if answer.state == "cut":
        tip += " It was stopped, or reached the longest answer allowed."
    return tip


def as_markdown(text: str) -> str:
    """Return a model's answer so that Markdown keeps its line breaks.

    Models write single line breaks where they mean them; Markdown would join the lines.
    """
    lines: list[str] = []
    in_code = False
    for line in text.split("\n"):
        is_fence = line.lstrip().startswith(("```", "~~~"))
        lines.append(line if in_code or is_fence else f"{line.rstrip()}  ")
        in_code = in_code != is_fence
    return "\n".join(lines)


def _send_tip(
    facts: ChatFacts,
    base: ModelFacts | None,
    speaking: Sequence[Speaker],
    *,
    blocked: bool,
) -> str:
    if base is None:
        return "Pick a base first."
    if blocked:
        return "A training has the graphics card: see the notice above."
    if not speaking:
        return "Nobody would answer: switch the base on or pick an adapter."
    if facts.asked:
        return "Wait for the answers, or stop them."
    if facts.engine.phase == "none":
        return "Loads the model, then sends (Enter)."
    return "Sends the prompt to every column (Enter; Shift+Enter for a new line)."


def _empty(facts: ChatFacts, base: ModelFacts | None) -> tuple[str, str]:
    if facts.models is None:
        return "Looking for models…", ""
    if base is None:
        return (
            "Pick a base to talk to",
            "Any model on this disk will do. Its adapters answer beside it.",
        )
    return (
        "Say something",
        "The base and each adapter answer the same prompt side by side.",
    )
