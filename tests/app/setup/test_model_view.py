"""Step 1 as it is shown."""

from __future__ import annotations

from app.setup.model_view import ModelView, present_models
from app.setup.state import ModelState, Work
from core.models.facts import ModelFacts
from core.units import MIB
from tests.app.setup.made import estimate, facts

AWAY = facts(id="org/away", name="away", path=None, source="catalogue")
STARTER = facts(id="starter", name="Starter", path=None, source="starter")


def shown(state: ModelState, *, is_offline: bool = False) -> ModelView:
    return present_models(state, is_offline=is_offline)


def names(view: ModelView) -> list[str]:
    return [card.name for card in view.cards]


def test_the_filter_keeps_what_is_here() -> None:
    """Here shows models on this disk and the starter; the rest is to download."""
    listed = (STARTER, facts(), AWAY)

    assert ["Starter", "small"] == names(shown(ModelState(listed=listed, shown="here")))
    assert ["away"] == names(shown(ModelState(listed=listed, shown="download")))


def test_what_fits_can_be_shown_alone() -> None:
    """One method that fits is enough; a model without a price is left out."""
    listed = (facts(), AWAY, STARTER)
    fits = {
        facts().id: {"lora": estimate(verdict="too-large"), "qlora": estimate("qlora")},
        AWAY.id: {"lora": estimate(verdict="too-large")},
    }
    state = ModelState(listed=listed, fits=fits, shown="fits")  # pyright: ignore[reportArgumentType]

    assert ["small"] == names(shown(state))


def test_typing_narrows_by_every_word() -> None:
    """Words may stand anywhere: in the id, the licence, the architecture."""
    listed = (facts(architecture="LlamaForCausalLM"), AWAY)

    assert ["small"] == names(shown(ModelState(listed=listed, query="llama apache")))
    assert [] == names(shown(ModelState(listed=listed, query="llama mit")))


def test_a_pasted_model_is_shown_even_if_unlisted() -> None:
    """The chosen model stands in the list though no listing knew it."""
    other = facts(id="somebody/else", name="else", path=None, source="hub")

    assert ["else", "small"] == names(
        shown(ModelState(listed=(facts(),), chosen=other))
    )


def test_a_model_that_cannot_be_trained_says_why() -> None:
    """The reason stands in place of the badges."""
    bad = facts(problem="It holds only pickle weights.", hint="Get safetensors.")
    view = shown(ModelState(listed=(bad,), chosen=bad, fits={bad.id: {}}))

    assert "It holds only pickle weights." == view.cards[0].problem
    assert () == view.cards[0].badges
    assert "small cannot be trained" == view.chosen_title
    assert "It holds only pickle weights. Get safetensors." == view.chosen_text
    assert "none" == view.way


def test_badges_say_the_verdict_in_words() -> None:
    """Each trainable method has its own badge; words and figures, not colour alone."""
    fits = {
        facts().id: {
            "lora": estimate(verdict="too-large"),
            "qlora": estimate("qlora"),
            "full": estimate("full"),
        }
    }
    card = shown(ModelState(listed=(facts(),), fits=fits)).cards[0]  # pyright: ignore[reportArgumentType]

    assert ["LoRA too large", "QLoRA fits"] == [badge.text for badge in card.badges]
    assert ["bad", "good"] == [badge.tone for badge in card.badges]
    assert "2.00 GiB of 10.0 GiB" in card.badges[0].tip
    assert "QLoRA fits" in card.spoken


def test_ways_to_a_model() -> None:
    """The starter is unpacked, others are downloaded, those here are ready."""
    ways = [
        shown(ModelState(listed=(), chosen=item)).way
        for item in (STARTER, AWAY, facts())
    ]

    assert ["make", "download", "none"] == ways


def test_offline_offers_no_download() -> None:
    """Offline, a model that is not here cannot be fetched, and the text says why."""
    view = shown(ModelState(listed=(), chosen=AWAY, query="x"), is_offline=True)

    assert "none" == view.way
    assert "Offline is switched on" in view.chosen_text
    assert not view.can_search_hub


def test_a_gated_model_leads_to_its_licence() -> None:
    """A licence is accepted on the model's own page."""
    gated = facts(id="org/gated", path=None, source="catalogue", gated=True)
    view = shown(ModelState(listed=(), chosen=gated))

    assert "https://huggingface.co/org/gated" == view.licence_url
    assert "licence must be accepted" in view.chosen_text


def test_progress_is_told_in_bytes_speed_and_time() -> None:
    """A download shows how far, how fast and how long still; no second button."""
    work = Work(
        what="Downloading away",
        done=100 * MIB,
        total=300 * MIB,
        unit="bytes",
        per_s=50 * MIB,
    )
    view = shown(ModelState(listed=(AWAY,), chosen=AWAY, work=work))

    assert view.progress is not None
    assert "100 MiB of 300 MiB · 50.0 MiB/s · 4 s left" == view.progress.detail
    assert "none" == view.way


def test_nothing_found_leads_to_the_hub() -> None:
    """An empty list says what can be done next."""
    view = shown(ModelState(listed=(), query="mistral"))

    assert "Nothing here matches “mistral”. Search the Hub for it." == view.empty_text
    assert view.can_search_hub
    pasted = shown(ModelState(listed=(), query="org/name"))
    assert "Press Enter to use “org/name” as it stands." in pasted.empty_text


def test_a_bare_config_can_only_be_estimated() -> None:
    """A config.json without weights is not offered for download."""
    bare = ModelFacts(
        id="/x/config.json",
        name="x",
        source="local",
        hint="A bare config.json can be estimated, not trained.",
    )
    view = shown(ModelState(listed=(), chosen=bare))

    assert "none" == view.way
    assert "A bare config.json can be estimated, not trained." == view.chosen_text
