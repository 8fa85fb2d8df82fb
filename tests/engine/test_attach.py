"""Foreign adapters are checked before PEFT sees them, and speak as PEFT lets them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from core.chat.events import Sampling, Voice
from core.engine.device import Compute
from core.engine.speaker import Speaker, _drawn
from core.errors import LibraryError, RequestError, WorkFailed
from core.library.facts import AdapterFacts, write_facts
from tests.fakes.tiny_model import make_tiny_model

CPU = Compute(device=torch.device("cpu"), dtype_name="fp32")
ASKED = ({"role": "user", "content": "What comes after 7?"},)


def make_adapter(base: Path, folder: Path, *, seed: int = 1, **config: Any) -> Path:
    """Write an adapter with random A and B, so that it changes every answer."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    torch.manual_seed(seed)
    adapted = get_peft_model(
        model,
        LoraConfig(
            r=4,
            lora_alpha=16,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
            **config,
        ),
    )
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.5)
    adapted.save_pretrained(str(folder), save_embedding_layers=False)
    return folder


@pytest.fixture(scope="module")
def adapter(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(tiny, tmp_path_factory.mktemp("adapters") / "one")


@pytest.fixture(scope="module")
def other(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(
        tiny, tmp_path_factory.mktemp("adapters") / "two", seed=2, use_rslora=True
    )


def generated(model: Any, ids: list[int], count: int) -> list[int]:
    out = model.generate(
        input_ids=torch.tensor([ids]), max_new_tokens=count, do_sample=False
    )
    return [token for token in out[0, len(ids) :].tolist() if token != 257]


def answer(
    speaker: Speaker, voice: Voice, *, count: int = 16, **sampling: Any
) -> list[int]:
    speaker.prepare(voice)
    _, ids = speaker.prompt(ASKED)
    return list(speaker.tokens(ids, voice, Sampling(max_tokens=count, **sampling)))


def voice_of(folder: Path, scale: float = 1.0) -> Voice:
    return Voice(adapter=folder.name, path=str(folder), scale=scale)


def test_each_voice_says_what_plain_peft_says(
    tiny: Path, adapter: Path, other: Path
) -> None:
    """Base, one adapter, another, half an adapter, base again: each as PEFT alone."""
    speaker = Speaker(tiny, compute=CPU, quantized=False)
    _, ids = speaker.prompt(ASKED)

    def base() -> Any:
        return AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32).eval()

    plain = generated(base(), ids, 16)
    one = generated(PeftModel.from_pretrained(base(), str(adapter)), ids, 16)
    two = generated(PeftModel.from_pretrained(base(), str(other)), ids, 16)

    assert plain == answer(speaker, Voice())
    assert one == answer(speaker, voice_of(adapter))
    assert two == answer(speaker, voice_of(other))
    assert one == answer(speaker, voice_of(adapter))
    assert plain == answer(speaker, voice_of(other, scale=0.0))
    assert plain == answer(speaker, Voice())
    assert len({tuple(plain), tuple(one), tuple(two)}) == 3


def test_half_the_scale_is_half_the_alpha(
    tiny: Path, adapter: Path, tmp_path: Path
) -> None:
    """Scale 0.5 speaks as the same adapter saved with half its alpha."""
    half = shutil.copytree(adapter, tmp_path / "half")
    config = json.loads((half / "adapter_config.json").read_text())
    config["lora_alpha"] = 8
    (half / "adapter_config.json").write_text(json.dumps(config))
    speaker = Speaker(tiny, compute=CPU, quantized=False)

    assert answer(speaker, voice_of(half)) == answer(speaker, voice_of(adapter, 0.5))


def test_seeded_sampling_repeats(tiny: Path) -> None:
    """The same seed draws the same words; another seed draws others."""
    speaker = Speaker(tiny, compute=CPU, quantized=False)

    def drawn(seed: int) -> list[int]:
        return answer(
            speaker, Voice(), temperature=1.5, top_p=0.95, top_k=200, seed=seed
        )

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_sampling_filters_are_those_of_transformers(tiny: Path) -> None:
    """Top-k of one is greedy, and a penalty changes greedy as ``generate`` does."""
    speaker = Speaker(tiny, compute=CPU, quantized=False)
    _, ids = speaker.prompt(ASKED)
    base = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32).eval()
    out = base.generate(
        input_ids=torch.tensor([ids]),
        max_new_tokens=16,
        do_sample=False,
        repetition_penalty=1.3,
    )
    expected = [token for token in out[0, len(ids) :].tolist() if token != 257]

    assert expected == answer(speaker, Voice(), repetition_penalty=1.3)
    greedy = answer(speaker, Voice())
    assert greedy == answer(speaker, Voice(), temperature=0.7, top_k=1)
    assert greedy == answer(speaker, Voice(), temperature=0.7, top_p=1e-9)


def test_numbers_that_are_none_end_the_answer_and_not_the_process() -> None:
    """On CUDA drawing among them is an assertion that takes the whole chat along."""
    chance = torch.Generator().manual_seed(0)

    with pytest.raises(WorkFailed, match="finite") as caught:
        _drawn(
            torch.tensor([1.0, torch.nan, 2.0]), [0], Sampling(temperature=1.0), chance
        )
    assert "chat.nan" == caught.value.code


def test_words_join_to_the_whole_text(tiny: Path) -> None:
    """Pieces of half characters wait until the character is whole; nothing is lost."""
    speaker = Speaker(tiny, compute=CPU, quantized=False)
    text = "Zürich ist schön – 東京も 🙂 ok"
    tokens = [token.id for token in speaker._tokenizer.tokens(text)]

    pieces = [piece for piece, _ in speaker.words(iter(tokens))]

    assert text == "".join(pieces)
    assert "\ufffd" not in "".join(pieces)
    assert len(pieces) == len(tokens)


def test_a_prompt_longer_than_the_model_reads_is_refused(tiny: Path) -> None:
    """The model's own limit is named with the prompt's length."""
    speaker = Speaker(tiny, compute=CPU, quantized=False)

    with pytest.raises(RequestError) as caught:
        speaker.prompt([{"role": "user", "content": "x" * 600}])

    assert "chat.too_long" == caught.value.code
    assert "512" in caught.value.message


def _edit_config(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "adapter_config.json"
        config = json.loads(path.read_text())
        change(config)
        path.write_text(json.dumps(config))

    return edit


def _edit_weights(
    change: Callable[[dict[str, torch.Tensor]], None],
) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "adapter_model.safetensors"
        weights = load_file(path)
        change(weights)
        save_file(weights, path)

    return edit


def _make_nan(weights: dict[str, torch.Tensor]) -> None:
    next(iter(weights.values()))[0, 0] = float("nan")


def _pickle(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04cos\nsystem\n.")


HARM = {
    "regular expression": _edit_config(lambda c: c.update(target_modules="([a-z]+)+!")),
    "huge rank": _edit_config(lambda c: c.update(r=1_000_000)),
    "not a LoRA": _edit_config(lambda c: c.update(peft_type="IA3")),
    "imports": _edit_config(
        lambda c: c.update(auto_mapping={"base_model_class": "os"})
    ),
    "wrong rank": _edit_config(lambda c: c.update(r=8)),
    "a layer too few": _edit_weights(
        lambda w: [w.pop(k) for k in list(w) if "layers.1.mlp.up_proj" in k]
    ),
    "a layer too many": _edit_weights(
        lambda w: w.update(
            {
                k.replace("layers.1", "layers.7"): v.clone()
                for k, v in list(w.items())
                if "layers.1" in k
            }
        )
    ),
    "stray tensor": _edit_weights(lambda w: w.update({"canary": torch.zeros(3)})),
    "no number": _edit_weights(_make_nan),
    "pickle": _pickle,
}


@pytest.mark.parametrize("harm", HARM)
def test_harmful_adapters_are_refused_and_the_chat_lives(
    tiny: Path, adapter: Path, tmp_path: Path, harm: str
) -> None:
    """A damaged, hostile or misfit adapter is refused; base and others still speak."""
    bad = shutil.copytree(adapter, tmp_path / "bad")
    HARM[harm](bad)
    speaker = Speaker(tiny, compute=CPU, quantized=False)
    before = answer(speaker, voice_of(adapter))

    with pytest.raises(LibraryError):
        speaker.prepare(voice_of(bad))

    assert before == answer(speaker, voice_of(adapter))


def test_a_refused_first_adapter_leaves_the_base_alone(
    tiny: Path, adapter: Path, tmp_path: Path
) -> None:
    """When the very first adapter is refused, the base answers as if never asked."""
    bad = shutil.copytree(adapter, tmp_path / "bad")
    HARM["stray tensor"](bad)
    speaker = Speaker(tiny, compute=CPU, quantized=False)
    before = answer(speaker, Voice())

    with pytest.raises(LibraryError):
        speaker.prepare(voice_of(bad))

    assert before == answer(speaker, Voice())
    assert before != answer(speaker, voice_of(adapter))


@pytest.mark.parametrize(("layers", "hidden"), [(3, 64), (1, 64), (2, 32)])
def test_an_adapter_of_another_base_is_refused(
    adapter: Path, tmp_path: Path, layers: int, hidden: int
) -> None:
    """Deeper, shallower or narrower: PEFT might load it silently; we never do."""
    base = make_tiny_model(tmp_path / "base", layers=layers, hidden=hidden)
    speaker = Speaker(base, compute=CPU, quantized=False)

    with pytest.raises(LibraryError) as caught:
        speaker.prepare(voice_of(adapter))

    assert "library.wrong_base" == caught.value.code


def test_one_flipped_bit_is_refused(tiny: Path, adapter: Path, tmp_path: Path) -> None:
    """An adapter whose hashes were recorded is used as it was made, or not at all."""
    folder = tmp_path / "flipped"
    shutil.copytree(adapter, folder)
    write_facts(folder, AdapterFacts(name="flipped"))
    speaker = Speaker(tiny, compute=CPU, quantized=False)
    speaker.prepare(voice_of(folder))
    weights = folder / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)

    fresh = Speaker(tiny, compute=CPU, quantized=False)
    with pytest.raises(LibraryError, match="not as it was") as caught:
        fresh.prepare(voice_of(folder))
    assert "library.changed" == caught.value.code
