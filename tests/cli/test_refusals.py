"""What cannot work is refused before a run begins, with its reason and nothing lost."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core import durable, prepare
from core.cli import train
from core.errors import WouldNotFit
from core.hardware.budget import cpu_budget
from core.hardware.gpu import Nvml
from core.hardware.torch_build import TorchBuild
from core.places import Places
from core.plan.codec import write_plan
from core.plan.fields import with_value
from core.plan.plan import Plan
from core.prepare import check, demo_plan, new_run, quick_plan
from core.runs.folder import RunFolder
from core.units import GIB, MIB
from tests.cli.conftest import Cli
from tests.cli.tiny import write_rows, write_tiny_model
from tests.hardware.fake_nvml import Card, FakeNvml


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny")


@pytest.fixture
def plan(tmp_path: Path, model: Path) -> Plan:
    """A plan nothing is wrong with."""
    rows = write_rows(tmp_path / "rows.jsonl")
    plan = with_value(Plan(), "model.id", str(model))
    plan = with_value(plan, "data.files", (str(rows),))
    return with_value(plan, "train.seq_len", 64)


def told(
    cli: Cli, tmp_path: Path, plan: Plan, *words: str
) -> tuple[int, dict[str, object]]:
    """Return status and error of ``train`` with `plan`."""
    write_plan(tmp_path / "plan.toml", plan)
    answer = cli("train", str(tmp_path / "plan.toml"), *words, "--json")
    return answer.status, answer.document["error"]


def without_weights(model: Path) -> None:
    (model / "model.safetensors").unlink()


def only_pickles(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")


def remote_code(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "evil.Model"}
    (model / "config.json").write_text(json.dumps(config))
    (model / "evil.py").write_text("raise SystemExit")


@pytest.mark.parametrize(
    ("spoil", "word"),
    [(without_weights, "weights"), (only_pickles, "pickle"), (remote_code, "code")],
)
def test_a_model_that_cannot_be_used_is_refused(
    cli: Cli,
    places: Places,
    tmp_path: Path,
    model: Path,
    plan: Plan,
    spoil: Callable[[Path], None],
    word: str,
) -> None:
    """Without weights, with pickles alone, or with code of its own."""
    spoil(model)
    status, error = told(cli, tmp_path, plan)

    assert 2 == status
    assert str(error["code"]).startswith("model.")
    assert word in f"{error['message']} {error['hint']}".lower()
    assert not places.runs.exists() or [] == list(places.runs.iterdir())


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "dataset."),
        (b"\x00\x01\x02\xff" * 100, "dataset."),
        (b'{"messages": [{"role": "user", "content": "Hi"}]}\n', "dataset."),
    ],
    ids=["empty", "binary", "no answer"],
)
def test_data_that_cannot_be_used_is_refused(
    cli: Cli, tmp_path: Path, plan: Plan, content: bytes, code: str
) -> None:
    """With the file named."""
    Path(plan.data.files[0]).write_bytes(content)
    status, error = told(cli, tmp_path, plan)

    assert 2 == status
    assert str(error["code"]).startswith(code)
    assert error["hint"]


def test_a_row_without_an_answer_names_its_line(
    cli: Cli, tmp_path: Path, plan: Plan
) -> None:
    """And how to go on without it."""
    rows = Path(plan.data.files[0])
    lines = rows.read_text().splitlines(keepends=True)
    lines[6] = '{"messages": [{"role": "user", "content": "Hi"}]}\n'
    rows.write_text("".join(lines))
    status, error = told(cli, tmp_path, plan)

    assert 2 == status
    assert {"file": str(rows), "line": 7} == error["where"]
    assert "skip" in str(error["hint"])
    run = new_run(
        with_value(plan, "data.on_bad_row", "skip"), Places(home=tmp_path / "home")
    )
    assert "queued" == run.status().status


def test_an_unknown_plan_key_names_the_nearest(cli: Cli, tmp_path: Path) -> None:
    """Status 2, and the file."""
    path = tmp_path / "plan.toml"
    path.write_text("[train]\nepoch = 2\n")
    answer = cli("train", str(path), "--json")

    assert 2 == answer.status
    assert "train.epochs" in answer.document["error"]["hint"]
    assert str(path) == answer.document["error"]["where"]["file"]


def test_everything_wrong_with_a_plan_is_said_at_once(cli: Cli, tmp_path: Path) -> None:
    """Not one thing after another."""
    write_plan(tmp_path / "p.toml", with_value(Plan(), "method.rank", 0))
    answer = cli("train", str(tmp_path / "p.toml"), "--json")

    assert 2 == answer.status
    for key in ("model.id", "data.files", "method.rank"):
        assert key in answer.document["error"]["message"]


def test_what_would_not_fit_needs_force(places: Places, plan: Plan) -> None:
    """Status 3, with both figures; --force starts it all the same."""
    small = replace(cpu_budget(), free=MIB // 2, total=GIB)
    with pytest.raises(WouldNotFit, match=r"not fit: .* [KM]iB .* 512 KiB"):
        new_run(plan, places, budget=small)

    assert 3 == WouldNotFit.exit_status
    assert new_run(plan, places, budget=small, force=True).plan_file.is_file()


def test_a_run_that_would_fill_the_disk_is_refused(
    cli: Cli, tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 1; the work could not have ended."""
    monkeypatch.setattr(durable, "free_bytes", lambda folder: 1000)
    status, error = told(cli, tmp_path, plan)

    assert (1, "disk.full") == (status, error["code"])


def test_the_starter_must_be_made_first(places: Places, plan: Plan) -> None:
    """`new_run` starts no long work of its own; it says what is missing."""
    from core.errors import ModelError

    with pytest.raises(ModelError, match="has not been made") as caught:
        new_run(with_value(plan, "model.id", "starter"), places)

    assert "models download starter" in caught.value.hint


def test_a_new_run_keeps_what_was_known(
    places: Places, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Absolute paths, hashes and the prediction, whatever folder it is started from."""
    folder = Path(plan.model.id).parent
    monkeypatch.chdir(folder)
    near = with_value(
        with_value(plan, "model.id", "tiny"), "data.files", ("rows.jsonl",)
    )
    run = new_run(near, places)
    facts = run.facts()

    assert with_value(plan, "name", "rows on tiny") == run.plan()
    assert str(folder / "tiny") == facts["model_path"]
    assert durable.files_sha256([folder / "rows.jsonl"]) == facts["data_sha256"]
    assert facts["predicted"]["process"] > 0
    assert facts["device"]["kind"] in {"cpu", "cuda"}
    assert "torch" in facts["versions"]


BAD: list[tuple[str, bytes, str]] = [
    ("config.json", b"", "model.bad_config"),
    ("config.json", b'{"model_type": "llama", "hidden', "model.bad_config"),
    ("config.json", b"[]", "model.bad_config"),
    ("config.json", b'{"model_type": "llama"}', "model.no_sizes"),
    ("config.json", b'{"model_type": "llama", "hidden_size": -1}', "model.bad_size"),
    ("config.json", b'{"model_type": "t5", "d_model": 1e99}', "model.bad_size"),
    ("config.json", b'{"quantization_config": {"bits": 4}}', "model.quantised"),
    ("config.json", b'{"auto_map": {"AutoModel": "m.M"}}', "model.remote_code"),
    ("config.json", b'{"model_type": "whisper"}', "model.not_causal"),
    ("model.gguf", b"GGUF", "model.gguf"),
    ("pytorch_model.bin", b"\x80", "model.pickle"),
    ("model.safetensors", b"torn", "model.torn"),
    ("notes.txt", b"hello", "model.none"),
]


@pytest.mark.parametrize(("name", "content", "code"), BAD)
def test_what_is_no_model_is_refused_by_every_command(
    cli: Cli, tmp_path: Path, plan: Plan, name: str, content: bytes, code: str
) -> None:
    """Status 2, the same code, a sentence and a way out; never a traceback."""
    file = tmp_path / name
    file.write_bytes(content)

    for words in (
        ("estimate", "--model", str(file)),
        ("fit", "--model", str(file), "--gpu-memory", "8GiB"),
        ("models", "show", str(file)),
        ("models", "add", str(file)),
    ):
        answer = cli(*words, "--json")
        error = answer.document["error"]
        assert 2 == answer.status
        assert error["message"]
        assert error["hint"]
        if words[1] != "add":  # which takes folders and ids alone
            assert code == error["code"]
    status, error = told(cli, tmp_path, with_value(plan, "model.id", str(file)))
    assert (2, code) == (status, error["code"])


@pytest.mark.parametrize(
    "words",
    [
        ("--rank", "0"),
        ("--rank=-1",),
        ("--rank", "1000000000"),
        ("--seq-len", "0"),
        ("--batch-size", "1000000000"),
        ("--dropout", "nan"),
        ("--learning-rate", "1e400"),
        ("--gpu-memory", "0"),
        ("--gpu-memory=-5GiB",),
        ("--gpu-memory", "1e30GiB"),
        ("--gpu-memory", ""),
        ("--gpu", "RTX 99999"),
        ("--target-modules", ""),
    ],
)
def test_absurd_wishes_are_refused(
    cli: Cli, plan: Plan, words: tuple[str, ...]
) -> None:
    """By estimate and fit alike, with what would be sensible."""
    for command in ("estimate", "fit"):
        answer = cli(command, "--model", plan.model.id, *words, "--json")
        assert 2 == answer.status
        assert answer.document["error"]["hint"]


def test_a_layer_the_model_lacks_is_named_at_once(
    cli: Cli, places: Places, tmp_path: Path, plan: Plan
) -> None:
    """By estimate and by train, with the layers there are; before anything is loaded."""
    strange = with_value(plan, "method.target_modules", ("q_porj",))
    status, error = told(cli, tmp_path, strange)

    assert 2 == status
    assert "no layer called q_porj. It has q_proj" in str(error["message"])
    answer = cli(
        "estimate", "--model", plan.model.id, "--target-modules", "q_porj", "--json"
    )
    assert (2, "plan.target_modules") == (
        answer.status,
        answer.document["error"]["code"],
    )
    assert ["method.target_modules"] == [p.field for p in check(strange, places).errors]
    two = with_value(plan, "method.target_modules", ("q_proj", "v_proj"))
    assert () == check(two, places).errors


def test_a_text_longer_than_the_model_reads_is_told(cli: Cli, plan: Plan) -> None:
    """The estimate answers and says so; training refuses it."""
    answer = cli("estimate", "--model", plan.model.id, "--seq-len", "8192", "--json")

    assert 0 == answer.status
    assert "reads at most 512 tokens" in answer.document["reason"]


def test_check_names_problems_and_price(places: Places, plan: Plan) -> None:
    """A model that cannot be used is a problem beside its field."""
    checked = check(plan, places)
    assert () == checked.problems
    assert checked.estimate is not None
    assert checked.estimate.fits

    lost = check(with_value(plan, "model.id", "nobody/knows-it"), places)
    assert ["model.id"] == [problem.field for problem in lost.errors]
    assert lost.estimate is None


def test_a_quick_plan_can_be_run_as_it_is(places: Places, plan: Plan) -> None:
    """Within the model's length, and small enough for this machine."""
    quick = quick_plan(plan.model.id, plan.data.files, places)

    assert 512 == quick.train.seq_len
    assert 8 == quick.train.effective_batch
    assert () == check(quick, places).errors


def test_a_quick_plan_for_a_small_card_is_leaner(places: Places) -> None:
    """Eight billion parameters on 12 GiB: four bits, and it fits."""
    from core.hardware.budget import device_budget

    card = device_budget(gpu_memory=12 * GIB)
    quick = quick_plan("Qwen/Qwen3-8B", ("x.jsonl",), places, budget=card)

    assert "qlora" == quick.method.kind
    checked = check(quick, places, budget=card)
    assert checked.estimate is not None
    assert checked.estimate.fits


def test_the_demo_plan_has_no_problems(places: Places) -> None:
    """Its data comes along."""
    plan = demo_plan(places, 7)

    assert 7 == plan.train.max_steps
    assert () == prepare.check(plan, places).errors


def test_a_card_the_driver_keeps_idle_is_named_before_training(
    cli: Cli, tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver too old for torch: said on stderr, with the way out."""
    old = Nvml(FakeNvml(cards=[Card()], cuda=12040)).gpus
    monkeypatch.setattr(train, "gpus", old)
    monkeypatch.setattr(
        train, "torch_build", lambda: TorchBuild(version="2.13.0+cu130", cuda="13.0")
    )

    def no_engine(run: RunFolder, *, resume: bool) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(train.launch, "start_run", no_engine)
    write_plan(tmp_path / "plan.toml", plan)
    answer = cli("train", str(tmp_path / "plan.toml"), "--json")

    assert 1 == answer.status
    assert "driver 550.54.14" in answer.err
    assert "Update the NVIDIA driver" in answer.err
    assert "error" in answer.document
