"""The table of errors: rows are read, judged and set beside other tools."""

import csv
import json
import os
import sys
from pathlib import Path

import pytest

from benchmarks.estimate import main, summary
from benchmarks.estimate_rivals import fitcheck_says, rules
from benchmarks.estimate_rows import read_rows
from core.units import GIB, MIB

# One run of fitcheck-llm's archive, and two rows that leave something open.
ROWS = [
    {
        "source": "PyPI fitcheck-llm 0.3.1 sdist: t4-sweep (MIT)",
        "model": "HuggingFaceTB/SmolLM2-135M",
        "method": "fp16 LoRA",
        "r": "32",
        "targets": "q,k,v,o",
        "seq_len": "4096",
        "micro_batch": "1",
        "grad_ckpt": "yes (non-reentrant)",
        "attention": "sdpa EFFICIENT + GQA expand",
        "loss_kernel": "std",
        "gpu": "Tesla T4",
        "measured_gb": "3.0743",
        "gb_or_gib": "GiB",
        "what_is_measured": "max_memory_allocated",
        "notes": "reserved 3.2070 GiB; CUDA context 140.875 MiB; process 3.3446 GiB",
    },
    {
        "source": "pytorch/torchtune@0:README",
        "model": "Llama-3.1-8B",
        "method": "nf4 QLoRA (torchao)",
        "r": "8",
        "targets": "q,v,o,mlp",
        "seq_len": "2048",
        "micro_batch": "2",
        "grad_ckpt": "on",
        "attention": "sdpa/flex",
        "loss_kernel": "chunked CE",
        "gpu": "RTX 4090",
        "measured_gb": "7.4",
        "gb_or_gib": "GiB",
        "what_is_measured": "peak memory (active)",
        "notes": "packed",
    },
    {
        "source": "Lightning-AI/litgpt@0",
        "model": "a model nobody knows",
        "method": "bf16 LoRA",
        "r": "8",
        "targets": "q,v",
        "seq_len": "512",
        "micro_batch": "1",
        "grad_ckpt": "no",
        "attention": "torch sdpa",
        "loss_kernel": "litgpt chunked",
        "gpu": "A10G 24GB",
        "measured_gb": "4.0",
        "gb_or_gib": "GB (1e9)",
        "what_is_measured": "max_memory_allocated",
        "notes": "",
    },
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "published.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ROWS[0])
        writer.writeheader()
        writer.writerows(ROWS)
    return path


def test_rows_are_plans(table: Path) -> None:
    """A row that says everything is scored, one that does not is set apart."""
    exact, near, left_out = read_rows(table)

    (row,) = exact
    assert row.plan.method.target_modules == ("q_proj", "k_proj", "v_proj", "o_proj")
    assert row.plan.train.gradient_checkpointing
    assert row.measured == int(3.0743 * GIB)
    assert row.process == int(3.3446 * GIB)
    assert row.loop == "plain"
    assert [found.loop for found in near] == ["tunesmith"]
    assert left_out == 0


def test_the_table_is_printed_and_kept(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Errors by row, others beside them, and no verdict that was wrong."""
    out = tmp_path / "found.json"

    status = main([str(table), "--no-row-dry-runs", "--json", str(out)])

    found = json.loads(out.read_text(encoding="utf-8"))
    assert status == 0
    assert abs(found["formula, allocated"]["worst"]) < 0.1
    assert abs(found["formula, process"]["worst"]) < 0.5
    assert found["others"]["llama-factory readme"]["most_under"] < -50
    assert found["others"]["accelerate estimate-memory"]["rows"] == 1
    assert found["verdicts"]["called_fits_but_cannot"] == []
    assert found["verdicts"]["called_fits_by_card_size"]["1.5"] == "1 of 1"
    assert len(found["class_b"]) == 1
    assert "SmolLM2-135M" in capsys.readouterr().out


def test_rules_of_thumb_know_no_batch(table: Path) -> None:
    """What others say of a model does not change with what it is trained on."""
    (row,), _, _ = read_rows(table)

    said = rules(row)

    assert said["unsloth studio badge"].process == pytest.approx(
        0.134515e9 * 2, rel=0.01
    )
    assert said["unsloth studio formula"].process > 1.4e9


def test_fitcheck_is_asked_in_a_python_of_its_own(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sizes and settings are handed over, and its answer comes back in bytes."""
    package = tmp_path / "fitcheck"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "config_parser.py").write_text(
        "def ModelConfig(**sizes): return sizes\n", encoding="utf-8"
    )
    (package / "gpu_db.py").write_text(
        "def get_gpu(name): return name\n", encoding="utf-8"
    )
    (package / "estimator.py").write_text(
        "from types import SimpleNamespace\n"
        "def TrainingConfig(**settings): return settings\n"
        "def estimate(model, training, card):\n"
        "    assert training['flash_attn'] and training['lora_rank'] == 32\n"
        "    return SimpleNamespace(total_mib=model['num_layers'] * 100.0,"
        " overhead_mib=500.0, verdict=card)\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path)]))
    exact, _, _ = read_rows(table)

    (said,) = fitcheck_says(sys.executable, exact)

    assert said.process == 3000 * MIB
    assert said.allocated == 2500 * MIB
    assert said.verdict == "t4"


def test_spreads_keep_the_sign_of_the_worst() -> None:
    """Under and over are told apart."""
    found = summary([-4.0, 1.0, 2.0])

    assert found["median"] == 2.0
    assert found["worst"] == 4.0
    assert found["most_under"] == -4.0
    assert found["most_over"] == 2.0
