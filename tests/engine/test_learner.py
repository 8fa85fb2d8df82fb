"""The learner against plain peft and transformers, number for number."""

import copy
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from core.data.rows import EncodedRow
from core.engine.batch import collate, trained_tokens
from core.engine.device import Compute
from core.engine.learner import Learner
from core.engine.load import add_adapter, load_base
from core.engine.schedule import learning_rate
from core.errors import RequestError, WorkFailed
from core.plan.plan import Method, Training

CPU = Compute(device=torch.device("cpu"), dtype_name="fp32")
STEPS, ACCUMULATION, BATCH = 4, 3, 2


def rows(count: int, *, seed: int = 0) -> list[EncodedRow]:
    """Rows of different lengths; the second half of each is trained."""
    chance = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(count):
        length = int(torch.randint(6, 60, (1,), generator=chance))
        ids = torch.randint(0, 256, (length,), generator=chance).tolist()
        trained = tuple(place >= length // 2 for place in range(length))
        found.append(EncodedRow(ids=tuple(ids), trained=trained))
    return found


def make_learner(folder: Path, method: Method, training: Training) -> Learner:
    quantization = method if method.kind == "qlora" else None
    model = load_base(folder, compute=CPU, quantization=quantization)
    adapted = add_adapter(model, method, seed=training.seed, base_name="tiny")
    return Learner(adapted, training=training, compute=CPU, pad_id=257)


def our_losses(
    learner: Learner, data: list[EncodedRow], training: Training
) -> list[float]:
    found = []
    for step in range(1, STEPS + 1):
        size = ACCUMULATION * BATCH
        step_rows = data[(step - 1) * size : step * size]
        learner.begin_step(step_rows)
        for index in range(ACCUMULATION):
            part = step_rows[index * BATCH : (index + 1) * BATCH]
            learner.accumulate(part, step=step, number=index)
        figures = learner.apply(learning_rate(training, step=step, steps=STEPS))
        found.append(figures.loss)
    return found


def reference_losses(
    folder: Path, method: Method, data: list[EncodedRow], training: Training
) -> tuple[list[float], dict[str, torch.Tensor]]:
    """A plain loop: padded batches with mask, full logits, transformers' own loss."""
    quantization = None
    if method.kind == "qlora":
        quantization = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type=method.quant_type,
            bnb_4bit_use_double_quant=method.double_quant,
            bnb_4bit_compute_dtype=torch.float32,
        )
    base = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, quantization_config=quantization
    )
    base.requires_grad_(False)
    torch.manual_seed(training.seed)
    model = get_peft_model(
        base,
        LoraConfig(
            r=method.rank,
            lora_alpha=method.alpha,
            target_modules="all-linear",
            use_dora=method.use_dora,
            use_rslora=method.use_rslora,
            task_type="CAUSAL_LM",
        ),
    )
    model.train()
    weights = [w for w in model.parameters() if w.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1.0, weight_decay=training.weight_decay)
    losses = []
    for step in range(1, STEPS + 1):
        size = ACCUMULATION * BATCH
        step_rows = data[(step - 1) * size : step * size]
        count = trained_tokens(step_rows)
        total = 0.0
        for index in range(ACCUMULATION):
            part = step_rows[index * BATCH : (index + 1) * BATCH]
            width = max(len(row.ids) for row in part)
            ids, mask, labels = [], [], []
            for row in part:
                gap = width - len(row.ids)
                ids.append([*row.ids, *[257] * gap])
                mask.append([1] * len(row.ids) + [0] * gap)
                known = [
                    token if trained and place else -100
                    for place, (token, trained) in enumerate(
                        zip(row.ids, row.trained, strict=True)
                    )
                ]
                labels.append([*known, *[-100] * gap])
            out = model(
                input_ids=torch.tensor(ids),
                attention_mask=torch.tensor(mask),
                labels=torch.tensor(labels),
                num_items_in_batch=count,
            )
            out.loss.backward()
            total += out.loss.item()
        torch.nn.utils.clip_grad_norm_(weights, training.max_grad_norm)
        optimizer.param_groups[0]["lr"] = learning_rate(
            training, step=step, steps=STEPS
        )
        optimizer.step()
        optimizer.zero_grad()
        losses.append(total)
    kept = {n: w.detach() for n, w in model.named_parameters() if w.requires_grad}
    return losses, kept


@pytest.mark.parametrize(
    "method",
    [
        Method(kind="lora", rank=4, alpha=8),
        Method(kind="lora", rank=4, alpha=8, use_dora=True, use_rslora=True),
        Method(kind="qlora", rank=4, alpha=8),
        Method(kind="qlora", rank=4, alpha=8, quant_type="fp4", double_quant=False),
    ],
    ids=["lora", "dora", "nf4", "fp4"],
)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_same_seed_same_loss_as_plain_peft(
    tiny: Path, method: Method, checkpointing: bool
) -> None:
    """Losses and weights follow a plain peft + transformers loop to fp32 tolerance."""
    training = Training(
        learning_rate=5e-3,
        warmup_ratio=0.25,
        weight_decay=0.1,
        batch_size=BATCH,
        gradient_accumulation=ACCUMULATION,
        gradient_checkpointing=checkpointing,
    )
    data = rows(STEPS * ACCUMULATION * BATCH)
    expected, weights = reference_losses(tiny, method, data, training)
    learner = make_learner(tiny, method, training)

    found = our_losses(learner, data, training)

    assert found == pytest.approx(expected, rel=1e-5)
    assert found[-1] != found[0]
    for name, weight in learner.weights().items():
        torch.testing.assert_close(weight, weights[name], rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("kind", ["lora", "qlora"])
def test_looking_does_not_change_learning(tiny: Path, kind: str) -> None:
    """Held-out losses and samples between steps leave the training as it was."""
    method = Method(kind=kind, rank=4, alpha=8, dropout=0.1)
    training = Training(
        learning_rate=5e-3, warmup_ratio=0.0, gradient_checkpointing=False
    )
    data = rows(STEPS * ACCUMULATION * BATCH)
    expected = our_losses(make_learner(tiny, method, training), data, training)
    learner = make_learner(tiny, method, training)

    seen = []
    found = []
    for step in range(1, STEPS + 1):
        seen.append(sum(learner.losses([data[:2], data[2:4]])))
        learner.greedy([1, 2, 3], ends=frozenset([257]), most=5)
        size = ACCUMULATION * BATCH
        step_rows = data[(step - 1) * size : step * size]
        learner.begin_step(step_rows)
        for index in range(ACCUMULATION):
            part = step_rows[index * BATCH : (index + 1) * BATCH]
            learner.accumulate(part, step=step, number=index)
        rate = learning_rate(training, step=step, steps=STEPS)
        found.append(learner.apply(rate).loss)

    assert expected == found
    assert len(set(seen)) == STEPS


def test_held_out_loss_is_the_models_own(tiny: Path) -> None:
    """The summed held-out loss equals that of the model's full logits, row by row."""
    learner = make_learner(tiny, Method(rank=4), Training())
    data = rows(4)
    base = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    expected = 0.0
    for row in data:
        with torch.no_grad():
            logits_TV = base(torch.tensor([row.ids])).logits[0]
        chances = torch.log_softmax(logits_TV, dim=-1)
        for place in range(1, len(row.ids)):
            if row.trained[place]:
                expected -= float(chances[place - 1, row.ids[place]])

    assert sum(learner.losses([data[:3], data[3:]])) == pytest.approx(
        expected, rel=1e-5
    )


def test_greedy_answer_is_that_of_generate(tiny: Path) -> None:
    """A sample is what transformers' own greedy generation writes."""
    learner = make_learner(tiny, Method(rank=4), Training())
    prompt = [256, 40, 41, 42, 43]
    base = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    out = base.generate(
        torch.tensor([prompt]), max_new_tokens=12, do_sample=False, use_cache=True
    )
    expected = out[0, len(prompt) :].tolist()

    found = learner.greedy(prompt, ends=frozenset([257]), most=12)

    assert [token for token in expected if token != 257] == found


def test_nan_stops_before_the_step(tiny: Path) -> None:
    """A loss that is no number raises at once and leaves the weights finite."""
    training = Training(gradient_checkpointing=False)
    learner = make_learner(tiny, Method(rank=4), training)
    before = copy.deepcopy(learner.weights())
    data = rows(2)
    learner.begin_step(data)
    with torch.no_grad():
        learner._base.norm.weight.fill_(float("nan"))
    learner.accumulate(data, step=1, number=0)

    with pytest.raises(WorkFailed) as caught:
        learner.apply(1e-3)

    assert "train.nan" == caught.value.code
    for name, weight in learner.weights().items():
        assert torch.equal(weight, before[name])


def test_same_seed_same_adapter(tiny: Path) -> None:
    """The adapter's first weights follow from the seed alone."""
    one, same, other = (
        make_learner(tiny, Method(rank=4), Training(seed=seed)).weights()
        for seed in (1, 1, 2)
    )

    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_unknown_layers_are_a_wrong_request(tiny: Path) -> None:
    """Target modules this model does not have are named in an error with a way out."""
    model = load_base(tiny, compute=CPU)

    with pytest.raises(RequestError) as caught:
        add_adapter(model, Method(target_modules=("c_attn",)), seed=0, base_name="tiny")

    assert "plan.target_modules" == caught.value.code
    assert "c_attn" in caught.value.message


def test_padding_is_never_seen() -> None:
    """Trained places are real tokens' places, whatever the width of the batch."""
    short = EncodedRow(ids=(1, 2, 3), trained=(False, True, True))
    long = EncodedRow(ids=tuple(range(40)), trained=(*[False] * 39, True))

    batch = collate([short, long], pad_id=0, device=torch.device("cpu"))

    assert (2, 64) == batch.ids.shape
    assert [0, 1, 64 + 38] == batch.places.tolist()
    assert [2, 3, 39] == batch.targets.tolist()
    assert 43 == batch.tokens


@pytest.mark.parametrize("checkpointing", [True, False])
def test_half_precision_learns_and_passes_over_empty_steps(
    tiny: Path, checkpointing: bool
) -> None:
    """The loss scaler lets steps through, and one without a trained token too."""
    half = Compute(device=torch.device("cpu"), dtype_name="fp16")
    training = Training(gradient_checkpointing=checkpointing)
    base = load_base(tiny, compute=half)
    learner = Learner(
        add_adapter(base, Method(rank=4), seed=0, base_name="tiny"),
        training=training,
        compute=half,
        pad_id=257,
    )
    empty = [EncodedRow(ids=(1, 2, 3), trained=(False, False, False))]

    for step, data in enumerate((rows(4), empty, rows(4)), start=1):
        learner.begin_step(data)
        learner.accumulate(data, step=step, number=0)
        figures = learner.apply(1e-3)

        assert (figures.grad_norm > 0) is (figures.loss > 0) is (data is not empty)
    assert 65536.0 == learner.optimizer_state()["scaler"]["scale"]
