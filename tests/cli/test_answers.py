"""Each command answers with at least the keys of interfaces.md."""

import json
import tomllib
from pathlib import Path

import pytest

from core.library import shelf
from core.library.facts import AdapterFacts
from core.places import Places
from core.plan.plan import Plan
from core.runs.folder import create_run
from core.units import GIB
from tests.cli.conftest import Cli
from tests.cli.tiny import write_rows, write_tiny_model
from tests.library.adapters import write_adapter

COMPONENTS = {
    "weights", "quantization", "adapter", "gradients", "optimizer", "activations",
    "logits", "workspace", "context",
}  # fmt: skip
ESTIMATE = {
    "allocated", "reserved", "process", "low", "high", "components", "fits", "verdict",
    "available", "reason", "disk",
}  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny")


@pytest.fixture
def adapter(places: Places, tmp_path: Path) -> str:
    """An adapter in the library; its id."""
    facts = AdapterFacts(name="Cards", base_model="starter", run_id="20260101-ab12")
    return shelf.add(places.make(), write_adapter(tmp_path / "made"), facts).adapter_id


def test_doctor_names_the_machine(cli: Cli) -> None:
    """And each problem with its fix."""
    told = cli("doctor", "--json")
    found = told.document

    assert {"ok", "gpus", "cpu", "memory", "disk", "torch", "problems"} <= set(found)
    assert (0 if found["ok"] else 1) == told.status
    for problem in found["problems"]:
        assert {"code", "message", "hint"} <= set(problem)
    assert "Disk" in cli("doctor").out


def test_models_lists_the_starter_then_what_fits_best(cli: Cli) -> None:
    """With what a person chooses by, and the verdict of either method."""
    words = ("--gpu", "3060", "--json")
    found = cli("models", *words).document["models"]

    assert "starter" == found[0]["id"]
    for facts in found:
        assert {
            "id", "source", "local", "parameters", "architecture", "context_length",
            "licence", "disk", "method", "verdict", "process", "verdicts",
        } <= set(facts)  # fmt: skip
    assert cli("models", "list", *words).document["models"] == found
    verdicts = [facts["verdict"] for facts in found[1:]]
    n_fitting = verdicts.count("fits")
    assert ["fits"] * n_fitting == verdicts[:n_fitting]
    sizes = [facts["parameters"] for facts in found[1 : 1 + n_fitting]]
    assert sorted(sizes, reverse=True) == sizes
    assert "too-large" in verdicts
    assert "QLoRA" in cli("models", "--gpu", "3060").out


def test_a_folder_becomes_a_model_and_leaves_again(cli: Cli, model: Path) -> None:
    """Its files stay where they are."""
    added = cli("models", "add", str(model), "--json").document
    assert str(model) in {added["id"], added["path"]}
    listed = [facts["id"] for facts in cli("models", "--json").document["models"]]
    assert added["id"] in listed
    shown = cli("models", "show", added["id"], "--json").document
    assert shown["parameters"] > 0
    assert shown["local"]

    cli("models", "remove", added["id"])
    listed = [facts["id"] for facts in cli("models", "--json").document["models"]]
    assert added["id"] not in listed
    assert (model / "model.safetensors").is_file()


def test_an_unknown_model_is_refused(cli: Cli) -> None:
    """Status 2."""
    told = cli("models", "show", "/nowhere", "--json")

    assert 2 == told.status
    assert told.document["error"]["code"].startswith("model.")


def test_estimate_prices_every_method(cli: Cli) -> None:
    """Integers of bytes, the whole and its parts."""
    found = cli(
        "estimate", "--model", "Qwen/Qwen3-8B", "--gpu-memory", "12GiB", "--method",
        "qlora", "--rank", "16", "--target-modules", "q_proj,v_proj", "--batch-size",
        "1", "--seq-len", "1024", "--gradient-checkpointing", "--optimizer",
        "adamw_torch", "--attention", "sdpa", "--no-double-quant", "--compute-dtype",
        "fp16", "--json",
    ).document  # fmt: skip

    assert set(found) >= ESTIMATE | {"methods"}
    assert COMPONENTS == set(found["components"])
    assert {"adapter", "checkpoints"} <= set(found["disk"])
    assert 12 * GIB == found["available"]
    assert found["process"] == sum(found["components"].values())
    assert found["low"] <= found["process"] <= found["high"]
    assert ["full", "lora", "lora8", "qlora"] == [m["method"] for m in found["methods"]]
    assert all(set(method) >= ESTIMATE for method in found["methods"])
    qlora = found["methods"][-1]
    assert found["process"] == qlora["process"]


def test_estimate_takes_a_bare_config(cli: Cli, model: Path) -> None:
    """Without weights beside it."""
    config = json.loads((model / "config.json").read_text())
    bare = model.parent / "elsewhere.json"
    bare.write_text(json.dumps(config))

    assert cli("estimate", "--model", str(bare), "--json").document["process"] > 0


@pytest.mark.parametrize("use", ["chat", "evaluate", "merge", "export"])
def test_estimate_answers_for_other_uses(cli: Cli, use: str) -> None:
    """Device, main memory and disk, each part with its formula."""
    words = ("estimate", "--for", use, "--model", "Qwen/Qwen3-8B", "--gpu", "4090")
    found = cli(*words, "--method", "qlora", "--json").document

    assert {
        "use", "device", "low", "high", "host", "disk", "parts", "verdict", "reason",
        "fits", "available", "on",
    } <= set(found)  # fmt: skip
    for place in ("device", "disk"):
        there = [part for part in found["parts"] if part["where"] == place]
        assert found[place] == sum(part["size"] for part in there)
    assert all(part["formula"] for part in found["parts"])
    told = cli(*words, "--method", "qlora", "--explain").out
    assert found["parts"][0]["formula"] in told
    assert "main memory" in told


def test_a_longer_talk_and_another_format_cost_otherwise(cli: Cli) -> None:
    """What only one use needs to know changes that use's figures."""
    chat = ("estimate", "--for", "chat", "--model", "starter", "--json")
    short = cli(*chat, "--context", "256").document["device"]
    assert cli(*chat, "--context", "8192").document["device"] > short
    assert cli(*chat, "--adapters", "4").document["device"] > short

    export = ("estimate", "--for", "export", "--model", "starter", "--json")
    small = cli(*export, "--format", "gguf-lora").document["disk"]
    assert cli(*export).document["disk"] > 4 * small


def test_explain_shows_every_formula(cli: Cli) -> None:
    """In the text as a column, in the document by component."""
    words = ("estimate", "--model", "starter", "--gpu-memory", "12GiB", "--explain")
    found = cli(*words, "--json").document["formulas"]

    assert COMPONENTS == set(found)
    assert all(formula["words"] for formula in found.values())
    told = cli(*words).out
    assert "FORMULA" in told
    assert found["weights"]["numbers"] in told


def test_a_plain_loop_costs_more(cli: Cli) -> None:
    """Full logits are what our engine saves."""
    words = ("estimate", "--model", "starter", "--gpu-memory", "12GiB", "--json")
    ours = cli(*words).document["process"]

    assert cli(*words, "--loop", "plain").document["process"] > ours


@pytest.mark.parametrize(
    "words",
    [
        ("--rank", "many"),
        ("--method", "lore"),
        ("--rank", "0"),
        ("--seq-len", "-5"),
        ("--gpu-memory", "big"),
        ("--gpu", "Voodoo 2"),
        ("--model", "/nowhere"),
        ("--loop", "other"),
        ("--for", "fun"),
        ("--context", "0"),
        ("--adapters", "-1"),
        ("--format", "exe"),
    ],
)
def test_a_wrong_estimate_is_refused(cli: Cli, words: tuple[str, str]) -> None:
    """Status 2, and words."""
    model = () if words[0] == "--model" else ("--model", "starter")
    use = ("--for", "chat") if words[0] in {"--context", "--adapters"} else ()
    told = cli("estimate", *model, *use, *words, "--json")

    assert 2 == told.status
    assert told.document["error"]["hint"]


def test_fit_changes_what_it_must_and_says_why(cli: Cli) -> None:
    """The plan it gives does fit."""
    words = ("fit", "--model", "Qwen/Qwen3-8B", "--gpu-memory", "12GiB")
    found = cli(*words, "--json").document

    assert {"plan", "changes", "estimate", "max_seq_len", "max_batch"} <= set(found)
    assert found["estimate"]["fits"]
    assert found["changes"]
    for change in found["changes"]:
        assert {"field", "from", "to", "saves", "why"} == set(change)
    assert "qlora" == found["plan"]["method"]["kind"]
    assert "method.kind" in cli(*words).out


def test_fit_names_the_cards_that_take_the_plan_as_it_is(cli: Cli) -> None:
    """The smallest that fits first, and what is too small after all that fit."""
    words = ("fit", "--model", "Qwen/Qwen3-8B", "--gpu", "3060", "--method", "qlora")
    told = cli(*words, "--json").document
    fits = [card["verdict"] in {"fits", "tight"} for card in told["cards"]]

    assert {"name", "kind", "memory", "process", "verdict", "tokens_per_s"} == set(
        told["cards"][0]
    )
    assert sorted(fits, reverse=True) == fits
    assert fits[0]
    assert not fits[-1]
    n_fitting = fits.count(True)
    sizes = [round(card["memory"] / GIB) for card in told["cards"][:n_fitting]]
    assert sorted(sizes) == sizes
    assert "in a data centre" in cli(*words).out


def test_a_forecast_stands_beside_the_memory(cli: Cli) -> None:
    """With its bounds and what it rests on; null where no rate is known."""
    words = ("--model", "Qwen/Qwen3-8B", "--method", "qlora", "--json")
    named = cli("estimate", *words, "--gpu", "4090").document["forecast"]

    assert {"tokens_per_s", "low", "high", "basis", "reason"} == set(named)
    assert 0 < named["low"] < named["tokens_per_s"] < named["high"]
    assert "card" == named["basis"]
    assert "RTX 4090" in named["reason"]
    for words_of_device in (("--gpu-memory", "24GiB"), ()):
        found = cli("estimate", *words, *words_of_device).document
        assert found["forecast"] is None
    assert "tokens/s" in cli("estimate", *words[:-1], "--gpu", "4090").out


def test_fit_keeps_what_it_is_told_to(cli: Cli) -> None:
    """Short names as in interfaces.md."""
    found = cli(
        "fit", "--model", "Qwen/Qwen3-4B", "--gpu-memory", "8GiB", "--seq-len", "2048",
        "--batch-size", "2", "--keep", "batch,seq_len", "--json",
    ).document  # fmt: skip

    assert 2048 == found["plan"]["train"]["seq_len"]
    assert 2 == found["plan"]["train"]["batch_size"]


def test_a_plan_is_written_shown_and_checked(
    cli: Cli, model: Path, tmp_path: Path
) -> None:
    """And not written over by accident."""
    rows, out = write_rows(tmp_path / "rows.jsonl"), tmp_path / "plan.toml"
    words = ("plan", "new", "--model", str(model), "--data", str(rows), "--out", str(out),
             "--rank", "4", "--alpha", "8", "--name", "Probe")  # fmt: skip
    made = cli(*words, "--json").document

    assert [] == made["problems"]
    assert 4 == tomllib.loads(out.read_text())["method"]["rank"]
    assert cli("plan", "show", str(out), "--json").document["plan"] == made["plan"]
    assert "Probe" == tomllib.loads(cli("plan", "show", str(out)).out)["name"]
    again = cli(*words, "--json")
    assert (2, "plan.exists") == (again.status, again.document["error"]["code"])
    assert 0 == cli(*words, "--force").status

    checked = cli("plan", "check", str(out), "--set", "rank=0", "--json")
    assert 2 == checked.status
    assert "method.rank" in {p["field"] for p in checked.document["problems"]}
    assert all(
        {"level", "field", "message"} == set(p) for p in checked.document["problems"]
    )
    assert 0 == cli("plan", "check", str(out)).status


def test_an_adapter_is_cared_for(cli: Cli, adapter: str) -> None:
    """Rename, tag, note, star; found again by any of them."""
    cli("library", "rename", adapter, "House cards")
    cli("library", "tag", adapter, "a", "b")
    cli("library", "tag", adapter, "a", "--remove")
    cli("library", "note", adapter, "for the café")
    cli("library", "star", adapter)
    (found,) = cli("library", "search", "café", "--json").document["adapters"]

    assert ("House cards", ["b"], True) == (
        found["name"],
        found["tags"],
        found["starred"],
    )
    assert {"adapters": []} == cli("library", "search", "dog", "--json").document
    assert "★ House cards" in cli("library", "list").out


def test_a_deleted_adapter_comes_back(cli: Cli, adapter: str) -> None:
    """The trash says how."""
    assert adapter in cli("library", "delete", adapter).err
    assert {"adapters": []} == cli("library", "list", "--json").document
    (trashed,) = cli("library", "list", "--trash", "--json").document["adapters"]
    assert adapter == trashed["adapter_id"]
    gone = cli("library", "show", adapter, "--json").document["error"]
    assert "library.in_trash" == gone["code"]
    assert f"restore {adapter}" in gone["hint"]

    assert (
        adapter == cli("library", "restore", adapter, "--json").document["adapter_id"]
    )
    assert 0 == cli("library", "verify", adapter).status


def test_the_trash_holds_every_kind_until_it_is_emptied(
    cli: Cli, places: Places, adapter: str
) -> None:
    """Adapters, runs and models; each comes back under its id."""
    run = create_run(places.runs, Plan(name="Old"), {})
    write_tiny_model(places.models / "mine")
    cli("library", "delete", adapter)
    cli("runs", "delete", run.run_id)
    cli("models", "delete", str(places.models / "mine"))
    found = {one["kind"]: one for one in cli("trash", "--json").document["trash"]}

    assert {"adapter", "run", "model"} == set(found)
    assert all(one["size"] > 0 for one in found.values())
    for one in found.values():
        assert 0 == cli("trash", "restore", one["id"]).status
    assert run.plan_file.is_file()
    assert (places.models / "mine" / "config.json").is_file()
    assert {"trash": []} == cli("trash", "list", "--json").document
    assert 2 == cli("trash", "restore", run.run_id).status

    cli("runs", "delete", run.run_id)
    assert cli("trash", "empty", "--json").document["freed"] > 0
    assert {"trash": []} == cli("trash", "--json").document


def test_a_damaged_adapter_is_told(cli: Cli, places: Places, adapter: str) -> None:
    """`verify` has status 1 and the reason; `chat` refuses it."""
    weights = places.library / adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    told = cli("library", "verify", adapter, "--json")

    assert 1 == told.status
    assert "damaged" in told.document["problem"]
    refused = cli("chat", "--model", "starter", "--adapter", adapter, "--prompt", "Hi",
                  "--json")  # fmt: skip
    assert (2, "library.damaged") == (refused.status, refused.document["error"]["code"])


@pytest.mark.slow
def test_data_is_examined_and_shown(cli: Cli, model: Path, tmp_path: Path) -> None:
    """Problems by line, lengths in tokens, and a row as the model sees it."""
    rows = write_rows(tmp_path / "rows.jsonl")
    with rows.open("a") as file:
        file.write('{"messages": [{"role": "user", "content": "Hi"}]}\n')
    found = cli(
        "data", "check", str(rows), "--model", str(model), "--seq-len", "40", "--json"
    ).document

    assert {
        "format", "rows", "usable", "problems", "tokens", "truncated", "duplicates",
        "leaks",
    } <= set(found)  # fmt: skip
    assert ("messages", 25, 24) == (found["format"], found["rows"], found["usable"])
    (problem,) = found["problems"]
    assert {"line", "code", "message"} <= set(problem)
    assert 25 == problem["line"]
    assert {"p50", "p90", "p99", "max", "total"} <= set(found["tokens"])
    assert found["truncated"] > 0

    words = ("data", "preview", str(rows), "--model", str(model), "--row", "3")
    shown = cli(*words, "--json").document
    trained = "".join(t["text"] for t in shown["tokens"] if t["trained"])
    assert "What is 3 and 3?" in shown["text"]
    assert trained.startswith("Ahoy: 6.")
    assert all({"text", "id", "trained"} <= set(token) for token in shown["tokens"])
    assert "⟦Ahoy: 6." in cli(*words).out
