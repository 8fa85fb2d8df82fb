"""The conversation as values: histories, orders, events, files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.chat.answering import Answering
from app.chat.present import as_markdown, base_of, fits_base, present, voices
from app.chat.transcript import Speaker, Transcript, as_text, as_training_row
from app.chat.views import Busy, ChatFacts, EngineState
from core.chat.events import (
    Answered,
    Ask,
    ChatFailed,
    Finished,
    Prompted,
    Said,
    Sampling,
)
from core.errors import WorkFailed
from core.estimate.uses.price import use_estimate
from core.hardware.budget import device_budget
from core.library.record import AdapterRecord
from core.models.catalogue import catalogue_shape
from core.models.facts import ModelFacts
from core.plan.plan import Method, Plan
from core.units import bytes_text

BASE = Speaker(key="base starter", name="Base")
PIRATE = Speaker(
    key="pirate", name="Pirate talk", adapter_id="pirate", path="/l/pirate", scale=0.5
)
MODEL = ModelFacts(
    id="starter", name="SmolLM2-135M-Instruct", source="starter", path=Path("/m/smol"),
    parameters=134_515_008,
)  # fmt: skip


def record(name: str = "pirate", **changes: object) -> AdapterRecord:
    values: dict[str, object] = {
        "adapter_id": name, "name": name.title(), "path": Path("/l") / name,
        "base_model": "starter", "rank": 16, "eval_loss": 1.16,
    }  # fmt: skip
    return AdapterRecord(**{**values, **changes})  # type: ignore[arg-type]


def answer(talk: Answering, text: str, *, stopped: bool = False) -> Ask:
    """Let the next voice say `text`, as the worker would."""
    order = talk.next_order()
    assert order is not None
    talk.hear(Prompted(request=order.request, text="<s>", tokens=3))
    for piece in text:
        talk.hear(Said(request=order.request, voice=0, text=piece))
    talk.hear(
        Answered(
            request=order.request, voice=0, adapter="", text=text, tokens=len(text),
            first_token_s=0.1, tokens_per_s=20.0, stopped=stopped,
        )
    )  # fmt: skip
    assert talk.hear(Finished(request=order.request))
    return order


def test_every_voice_is_asked_once_and_in_turn() -> None:
    """The next is asked when the one before has finished, not sooner."""
    talk = Answering()
    talk.begin("hello", [BASE, PIRATE], Sampling(seed=7))
    first = talk.next_order()

    assert first is not None
    assert talk.next_order() is None
    assert 2 == talk.open_answers

    talk.hear(Finished(request=first.request))
    second = talk.next_order()

    assert second is not None
    assert ("pirate", "/l/pirate", 0.5) == (
        second.voices[0].adapter, second.voices[0].path, second.voices[0].scale,
    )  # fmt: skip
    assert 7 == second.sampling.seed


def test_each_voice_hears_its_own_history() -> None:
    """What a neighbour said is never put into one's mouth."""
    talk = Answering()
    talk.transcript = Transcript(system="Be brief.")
    talk.begin("one", [BASE, PIRATE], Sampling())
    answer(talk, "plain")
    answer(talk, "arr")
    talk.begin("two", [BASE, PIRATE], Sampling())

    to_base, to_pirate = answer(talk, "x"), answer(talk, "y")

    said = [[m["content"] for m in order.messages] for order in (to_base, to_pirate)]
    assert ["Be brief.", "one", "plain", "two"] == said[0]
    assert ["Be brief.", "one", "arr", "two"] == said[1]


def test_a_voice_that_joined_late_is_not_shown_prompts_it_never_answered() -> None:
    """Two prompts in a row would break most chat templates."""
    talk = Answering()
    talk.begin("one", [BASE], Sampling())
    answer(talk, "plain")
    talk.begin("two", [BASE, PIRATE], Sampling())
    answer(talk, "x")

    order = answer(talk, "y")

    assert ["two"] == [m["content"] for m in order.messages]


def test_words_of_a_stopped_request_are_not_mixed_in() -> None:
    """Late events of another request are dropped."""
    talk = Answering()
    talk.begin("one", [BASE], Sampling())
    order = talk.next_order()
    assert order is not None

    talk.hear(Said(request=order.request - 1, voice=0, text="late"))

    assert "" == talk.transcript.turns[0].answers[0].text


def test_stop_lets_the_rest_unasked() -> None:
    """The voice that speaks is hushed by the worker; the others never begin."""
    talk = Answering()
    talk.begin("one", [BASE, PIRATE], Sampling())
    order = talk.next_order()
    assert order is not None
    talk.hear(Said(request=order.request, voice=0, text="half"))

    talk.stop()
    talk.hear(Finished(request=order.request))

    assert 0 == talk.open_answers
    assert talk.next_order() is None
    assert "cut" == talk.transcript.turns[0].answers[1].state


def test_a_voice_hushed_before_its_first_word_is_over() -> None:
    """The worker then says `Finished` alone; nothing may go on waiting."""
    talk = Answering()
    talk.begin("one", [BASE], Sampling())
    order = talk.next_order()
    assert order is not None

    talk.hear(Finished(request=order.request))

    assert "cut" == talk.transcript.turns[0].answers[0].state


def test_a_failed_voice_does_not_keep_the_others_waiting() -> None:
    """Its problem stands in its column; the next is asked."""
    talk = Answering()
    talk.begin("one", [PIRATE, BASE], Sampling())
    order = talk.next_order()
    assert order is not None

    over = talk.hear(
        ChatFailed(
            request=order.request, code="library.damaged", message="It is damaged."
        )
    )

    assert over
    assert "It is damaged." == talk.transcript.turns[0].answers[0].problem
    assert talk.next_order() is not None


def test_a_dead_engine_fails_what_was_open_and_keeps_what_was_said() -> None:
    """Nothing said is lost, and nothing waits for ever."""
    talk = Answering()
    talk.begin("one", [BASE, PIRATE], Sampling())
    order = talk.next_order()
    assert order is not None
    talk.hear(Said(request=order.request, voice=0, text="half"))

    talk.fail(WorkFailed("chat.died", "It ended."))

    said, unsaid = talk.transcript.turns[0].answers
    assert ("half", "It ended.") == (said.text, said.problem)
    assert "It ended." == unsaid.problem
    assert 0 == talk.open_answers


def conversation() -> Transcript:
    talk = Answering()
    talk.transcript = Transcript(system="Be brief.")
    talk.begin("one", [BASE, PIRATE], Sampling())
    answer(talk, "plain")
    answer(talk, "arr")
    talk.begin("two", [BASE], Sampling())
    answer(talk, "ß “quoted”\nline")
    return talk.transcript


def test_a_saved_conversation_can_be_trained_on() -> None:
    """One line of JSONL in the messages format, of one voice alone."""
    row = as_training_row(conversation(), "base starter")

    assert 1 == row.count("\n")
    assert [
        ("system", "Be brief."), ("user", "one"), ("assistant", "plain"),
        ("user", "two"), ("assistant", "ß “quoted”\nline"),
    ] == [(m["role"], m["content"]) for m in json.loads(row)["messages"]]  # fmt: skip
    assert 3 == len(json.loads(as_training_row(conversation(), "pirate"))["messages"])


def test_a_voice_that_said_nothing_leaves_no_row() -> None:
    """An empty conversation is no training data."""
    assert "" == as_training_row(Transcript(system="x"), "base starter")


def test_the_text_names_every_voice() -> None:
    """Readable without the program."""
    text = as_text(conversation())

    assert text.startswith("System: Be brief.")
    assert "You: one" in text
    assert "Pirate talk: arr" in text


@pytest.mark.parametrize(
    ("named", "base_path", "fits"),
    [
        ("starter", "", True),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "", True),
        ("/m/smol", "", True),
        ("gone/elsewhere", "/m/smol", True),
        ("Qwen/Qwen2.5-0.5B-Instruct", "", False),
        ("", "", False),
    ],
)
def test_an_adapter_fits_the_base_it_names(
    named: str, base_path: str, fits: bool
) -> None:
    """By id, by the starter's two names, or by the folder it was trained on."""
    adapter = record(base_model=named, base_path=base_path)

    assert fits == fits_base(adapter, MODEL)


def test_a_base_that_is_not_here_is_not_offered() -> None:
    """Only what is on the disk, or can be made, can be talked to."""
    gone = ModelFacts(id="far/away", name="away", source="hub")

    assert base_of(record(base_model="far/away"), [gone, MODEL]) is None
    assert MODEL == base_of(record(), [gone, MODEL])


def facts(**changes: object) -> ChatFacts:
    values: dict[str, object] = {
        "models": (MODEL,), "adapters": (record(), record("sums")),
        "base_id": "starter", "with_base": True, "chosen": ("pirate",),
        "scales": {}, "sampling": Sampling(), "quantized": False,
        "engine": EngineState(), "transcript": Transcript(), "asked": 0, "busy": None,
        "busy_allowed": False,
    }  # fmt: skip
    return ChatFacts(**{**values, **changes})  # type: ignore[arg-type]


def test_the_base_speaks_first() -> None:
    """Columns stand in the order they were chosen, the base before them."""
    chosen = voices(facts(chosen=("sums", "pirate")))

    assert ["base starter", "sums", "pirate"] == [one.key for one in chosen]


def test_five_columns_are_too_many_to_read() -> None:
    """With four voices the others cannot be chosen, and say why."""
    many = tuple(record(f"a{at}") for at in range(5))
    view = present(facts(adapters=many, chosen=("a0", "a1", "a2")))

    free = [choice for choice in view.adapters if not choice.is_chosen]

    assert not any(choice.can_choose for choice in free)
    assert "side by side" in free[0].tip
    assert all(choice.can_choose for choice in view.adapters if choice.is_chosen)


def test_the_base_is_no_fifth_column() -> None:
    """Nor do adapters that are gone take a column away."""
    many = tuple(record(f"a{at}") for at in range(4))
    chosen = ("a0", "a1", "a2", "a3")
    full = present(facts(adapters=many, chosen=chosen, with_base=False))
    fewer = present(facts(adapters=many[:3], chosen=chosen, with_base=False))

    assert not full.can_switch_base
    assert fewer.can_switch_base


def test_a_talk_nobody_would_answer_can_still_be_taken_back() -> None:
    """Without a voice there is no Again, but a new chat and the last prompt."""
    said = Transcript().with_turn("hello", [BASE])
    view = present(facts(with_base=False, chosen=(), transcript=said))

    assert view.can_take_back
    assert not view.can_redo


def test_a_damaged_adapter_cannot_be_chosen() -> None:
    """It is shown with its reason; one that was chosen before can be taken away."""
    broken = record(ok=False, problem="Its header is torn.")

    (choice,) = present(facts(adapters=(broken,), chosen=())).adapters
    (stuck,) = present(facts(adapters=(broken,), chosen=("pirate",))).adapters

    assert not choice.can_choose
    assert stuck.can_choose
    assert ("Damaged", "Its header is torn.") == (choice.detail, choice.tip)


def test_adapters_of_other_bases_are_counted_not_offered() -> None:
    """They would answer nonsense."""
    view = present(facts(adapters=(record(), record("far", base_model="far/away"))))

    assert ["pirate"] == [choice.adapter_id for choice in view.adapters]
    assert "1 more belongs to another base." == view.adapters_note


def test_a_training_on_the_card_stands_in_the_way_with_a_way_out() -> None:
    """Unless the person says so, the chat does not load beside it."""
    busy = Busy(run_id="r", name="night", is_on_gpu=True)
    view = present(facts(busy=busy))

    assert not view.can_send
    assert not view.can_load
    assert view.notice is not None
    assert ["runs", "anyway"] == [action for action, _ in view.notice.actions]
    assert present(facts(busy=busy, busy_allowed=True)).can_send


def test_a_training_on_the_processor_is_only_told() -> None:
    """It is slower, not impossible."""
    view = present(facts(busy=Busy(run_id="r", name="night", is_on_gpu=False)))

    assert view.can_send
    assert view.notice is not None
    assert "Answers come slower until it is done." == view.notice.text


@pytest.mark.parametrize(
    ("changes", "tip"),
    [
        ({"base_id": ""}, "Pick a base first."),
        ({"with_base": False, "chosen": ()}, "Nobody would answer"),
        ({"asked": 1}, "Wait for the answers"),
    ],
)
def test_send_says_what_is_missing(changes: dict[str, object], tip: str) -> None:
    """A button that cannot be pressed says why."""
    view = present(facts(**changes))

    assert not view.can_send
    assert view.send_tip.startswith(tip)


def test_a_scaled_voice_says_its_scale() -> None:
    """The column's heading tells how loud the adapter was."""
    talk = Answering()
    talk.begin("one", [PIRATE], Sampling())
    answer(talk, "arr")

    view = present(facts(transcript=talk.transcript))

    shown = view.turns[0].answers[0]
    assert "Pirate talk × 0.5" == shown.name
    assert "3 tokens · 20 tokens/s" == shown.foot
    assert "The first token came after 0.1 s." == shown.foot_tip


def test_markdown_keeps_the_line_breaks_a_model_wrote() -> None:
    """Outside code a single line break stays one; code is left as it is."""
    text = "In short: a\nWhy: b\n```\nx = 1\ny = 2\n```\nend"

    assert "In short: a  \nWhy: b  \n```\nx = 1\ny = 2\n```\nend  " == as_markdown(text)


def test_a_verdict_is_shown_before_loading_only() -> None:
    """Loaded, the free memory is no longer what the question was about."""
    budget = device_budget(gpu_memory=12 << 30)
    shape = catalogue_shape("meta-llama/Llama-3.1-8B")
    assert shape is not None
    whole = use_estimate("chat", Plan(), shape, budget)
    lean = use_estimate("chat", Plan(method=Method(kind="qlora")), shape, budget)
    before = replace(facts(), fit=whole, leaner=lean)

    shown = present(before).fit
    assert shown is not None
    assert ("Too large", "bad") == (shown.word, shown.tone)
    assert f"{bytes_text(whole.device)} needed · 12.0 GiB free" == shown.text.replace(
        "\u00a0", " "
    )
    assert f"in 4 bit {bytes_text(lean.device)} would do" in shown.tip
    ready = replace(before, engine=EngineState(phase="ready", device="cuda"))
    assert present(ready).fit is None
