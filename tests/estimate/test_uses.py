"""Chat, evaluation, merging and export: what they take and how they are judged."""

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from core.estimate.uses.answer import ExportFormat
from core.estimate.uses.price import UseEstimate, UseKind, use_estimate
from core.hardware.budget import DeviceBudget, cpu_budget, device_budget
from core.models.catalogue import catalogue, catalogue_shape
from core.models.reading import read_shape
from core.models.shape import ModelShape
from core.plan.plan import Method, MethodKind, Plan
from core.units import GIB, MIB

CARD = device_budget(gpu_memory=12 * GIB)
PROCESSOR = DeviceBudget(kind="cpu", name="a CPU", total=16 * GIB, free=12 * GIB)
USES: tuple[UseKind, ...] = get_args(UseKind)
FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)


def shape(name: str = "meta-llama/Llama-3.2-1B") -> ModelShape:
    found = catalogue_shape(name)
    assert found is not None
    return found


def of(kind: MethodKind) -> Plan:
    return replace(Plan(), method=replace(Plan().method, kind=kind))


def size_of(found: UseEstimate, name: str) -> int:
    return sum(part.size for part in found.parts if part.name == name)


@given(
    use=some.sampled_from(USES),
    export_format=some.sampled_from(FORMATS),
    kind=some.sampled_from(["lora", "qlora", "lora8", "full"]),
    name=some.sampled_from([facts.id for facts in catalogue()]),
    rank=some.integers(1, 256),
    context=some.integers(1, 1 << 17),
    adapters=some.integers(0, 8),
    budget=some.sampled_from([CARD, PROCESSOR, replace(CARD, free=0)]),
    host_free=some.none() | some.integers(0, 1 << 40),
    disk_free=some.none() | some.integers(0, 1 << 42),
)
@settings(max_examples=150, deadline=None)
def test_every_answer_adds_up_and_is_judged_by_what_is_free(
    *,
    use: UseKind,
    export_format: ExportFormat,
    kind: MethodKind,
    name: str,
    rank: int,
    context: int,
    adapters: int,
    budget: DeviceBudget,
    host_free: int | None,
    disk_free: int | None,
) -> None:
    """Parts sum to the places; what may not fit is never said to."""
    plan = replace(Plan(), method=Method(kind=kind, rank=rank))
    found = use_estimate(
        use, plan, shape(name), budget, context=context, adapters=adapters,
        export_format=export_format, host_free=host_free, disk_free=disk_free,
    )  # fmt: skip

    places = dict.fromkeys(("device", "host", "disk"), 0)
    for part in found.parts:
        assert part.size > 0
        assert part.formula
        places[part.where] += part.size
    assert (places["device"], places["disk"]) == (found.device, found.disk)
    main = found.device or found.host
    assert 0 <= found.low <= main <= found.high
    if found.fits:
        assert found.device == 0 or found.high <= budget.free
        assert host_free is None or places["host"] <= host_free
        assert disk_free is None or found.disk <= disk_free


def test_a_conversation_costs_its_keys_and_values() -> None:
    """2 x layers x key width x 2 bytes a token, whatever the adapter."""
    whole = shape()
    keys = sum(block.count * block.attention.key for block in whole.blocks)
    found = use_estimate("chat", Plan(), whole, CARD, context=4096)

    assert size_of(found, "cache") == 2 * 2 * keys * 4096
    longer = use_estimate("chat", Plan(), whole, CARD, context=8192)
    assert longer.device > found.device


def test_adapters_share_one_base() -> None:
    """A second adapter costs its own weights and nothing else."""
    one, two = (
        use_estimate("chat", Plan(), shape(), CARD, adapters=n).parts for n in (1, 2)
    )
    sizes = [{p.name: p.size for p in parts} for parts in (one, two)]

    assert sizes[1]["adapters"] == 2 * sizes[0]["adapters"]
    assert sizes[1]["weights"] == sizes[0]["weights"]
    assert sizes[1]["scratch"] == sizes[0]["scratch"]


def test_four_bits_take_a_fraction_of_the_base() -> None:
    """QLoRA's base, as the chat holds it when asked to; 8 bits it holds as 16."""
    found = {
        kind: size_of(use_estimate("chat", of(kind), shape(), CARD), "weights")
        for kind in ("lora", "qlora", "lora8")
    }

    assert found["qlora"] < 0.5 * found["lora"]
    assert found["lora8"] == found["lora"]


def test_evaluation_never_holds_all_logits() -> None:
    """Forward only, chunk by chunk: far less than training, and no optimiser."""
    big = replace(Plan(), train=replace(Plan().train, seq_len=8192, batch_size=2))
    found = use_estimate("evaluate", big, shape(), CARD)
    logits = 4 * 2 * 8192 * shape().vocabulary

    assert size_of(found, "scratch") < logits / 4
    assert found.disk == 0


def test_merging_needs_no_card() -> None:
    """Main memory and disk: a shard, the largest product, and the 16-bit files."""
    found = use_estimate(
        "merge", of("qlora"), shape("meta-llama/Llama-3.1-8B"), replace(CARD, free=0),
        host_free=32 * GIB, disk_free=100 * GIB,
    )  # fmt: skip

    assert found.device == 0
    assert found.available == 32 * GIB
    assert found.host < 12 * GIB < 2 * shape("meta-llama/Llama-3.1-8B").parameters
    assert found.disk > 2 * shape("meta-llama/Llama-3.1-8B").parameters
    assert "fits" == found.verdict


@pytest.mark.parametrize(
    ("host_free", "disk_free", "place"),
    [(1 * GIB, 100 * GIB, "main memory"), (64 * GIB, 1 * GIB, "disk")],
)
def test_the_place_that_is_too_small_is_told_first(
    host_free: int, disk_free: int, place: str
) -> None:
    """Each place is judged by itself, and the worst decides."""
    found = use_estimate(
        "merge", Plan(), shape("meta-llama/Llama-3.1-8B"), CARD,
        host_free=host_free, disk_free=disk_free,
    )  # fmt: skip

    assert "too-large" == found.verdict
    assert place in found.reason.partition(";")[0]


def test_formats_differ_in_what_they_write() -> None:
    """Adapters are small, Q8_0 about half of F16, NF4 less; GGUF needs the merged too."""
    disks = {
        wanted: use_estimate("export", Plan(), shape(), CARD, export_format=wanted).disk
        for wanted in FORMATS
    }

    assert disks["gguf-lora"] < disks["peft-zip"] == disks["peft-dir"] < 100 * MIB
    assert disks["merged-nf4"] < 0.5 * disks["merged"]
    assert disks["merged"] < disks["gguf-q8_0"] < disks["gguf"]
    assert max(disks.values()) == disks["gguf"]


def test_without_an_adapter_there_is_nothing_to_merge() -> None:
    """Full fine-tuning leaves a whole model; merging it takes nothing."""
    found = use_estimate("merge", of("full"), shape(), CARD)

    assert (0, 0, "fits") == (found.host, found.disk, found.verdict)


def test_what_nobody_asked_about_is_not_judged() -> None:
    """Free bytes that are not known make no verdict; the need is still told."""
    found = use_estimate("merge", Plan(), shape(), CARD)

    assert "unknown" == found.verdict
    assert "main memory" in found.reason
    # one place that is known to do is enough to say so, one that is not as well
    some_disk = use_estimate("merge", Plan(), shape(), CARD, disk_free=100 * GIB)
    assert "fits" == some_disk.verdict
    assert "fits" == use_estimate("chat", Plan(), shape(), CARD).verdict
    full = replace(CARD, free=0)
    assert "too-large" == use_estimate("chat", Plan(), shape(), full).verdict


def test_on_a_processor_device_and_memory_are_one() -> None:
    """The same bytes, told once in the parts."""
    found = use_estimate("chat", Plan(), shape(), PROCESSOR)

    assert found.device == found.host
    assert {"device"} == {part.where for part in found.parts}
    assert use_estimate("chat", Plan(), shape(), cpu_budget()).available is not None


def test_a_model_that_writes_no_text_is_told_so() -> None:
    """Neither a figure that means nothing nor an error in the window."""
    bert = read_shape(
        {
            "model_type": "bert", "hidden_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 4, "intermediate_size": 128, "vocab_size": 100,
            "max_position_embeddings": 64, "type_vocab_size": 2,
            "architectures": ["BertForSequenceClassification"],
        }
    )  # fmt: skip
    for use in ("chat", "evaluate"):
        found = use_estimate(use, Plan(), bert, CARD)

        assert ("unknown", False, 0) == (found.verdict, found.fits, found.device)
        assert "bert" in found.reason
    assert use_estimate("merge", Plan(), bert, CARD).disk > 0


def test_a_chat_loads_as_the_chat_does_however_it_was_trained() -> None:
    """Its own quantisation and kernel; a plan's eager attention is for training."""
    for kind in ("lora", "qlora"):
        odd = replace(
            of(kind),
            method=replace(of(kind).method, double_quant=False, quant_type="fp4"),
            train=replace(Plan().train, attention="eager"),
        )
        assert use_estimate("chat", odd, shape(), CARD) == use_estimate(
            "chat", of(kind), shape(), CARD
        )


def test_two_answers_at_once_keep_two_caches() -> None:
    """Sequences side by side share weights and nothing else."""
    one, two = (use_estimate("chat", Plan(), shape(), CARD, answers=n) for n in (1, 2))

    assert size_of(two, "cache") == 2 * size_of(one, "cache")
    assert size_of(two, "weights") == size_of(one, "weights")


def test_what_is_deleted_at_the_end_is_told() -> None:
    """GGUF is made from a merged model, which takes its room only for a while."""
    found = use_estimate("export", Plan(), shape(), CARD, disk_free=100 * GIB)

    merged = 2 * shape().parameters
    assert size_of(found, "gguf") + merged <= found.disk
    assert "until it is done" in found.reason


def test_a_stranger_widens_the_bounds() -> None:
    """An architecture read as if it were a Llama may need more than a Llama."""
    known = use_estimate("chat", Plan(), shape(), CARD)
    stranger = use_estimate("chat", Plan(), replace(shape(), known=False), CARD)

    assert stranger.device == known.device
    assert stranger.low < known.low
    assert stranger.high > known.high + size_of(known, "cache")
