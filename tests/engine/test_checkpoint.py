"""Checkpoints are whole or not there, and give back what they were given."""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from core import durable
from core.engine import checkpoint
from core.engine.checkpoint import Snapshot
from core.engine.standing import Standing, after_evaluation, after_step
from core.errors import CheckpointError, DiskFull


def trained(step: int = 3) -> tuple[Snapshot, torch.optim.Optimizer]:
    """A snapshot of a real optimiser after a step."""
    torch.manual_seed(step)
    weight = torch.nn.Parameter(torch.randn(4, 3))
    optimizer = torch.optim.AdamW([weight], lr=0.01)
    (weight**2).sum().backward()
    optimizer.step()
    standing = Standing()
    for _ in range(step):
        standing = after_step(standing, loss=1.5, tokens=10, seconds=0.25)
    snapshot = Snapshot(
        standing=after_evaluation(standing, 1.25),
        weights={"a.weight": weight.detach()},
        optimizer={
            "optimizer": optimizer.state_dict(),
            "scaler": {},
            "odd": [1, (2, None), {"x": torch.arange(3), 5: True}, torch.float16],
        },
        facts={"dtype": "fp32"},
    )
    return snapshot, optimizer


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    """Standing, weights, optimiser and oddly nested state survive, types included."""
    snapshot, optimizer = trained()

    found = checkpoint.load(checkpoint.save(tmp_path, snapshot))

    assert snapshot.standing == found.standing
    assert {"dtype": "fp32"} == found.facts
    assert torch.equal(snapshot.weights["a.weight"], found.weights["a.weight"])
    state = optimizer.state_dict()
    assert state["param_groups"] == found.optimizer["optimizer"]["param_groups"]
    for key, value in state["state"][0].items():
        assert torch.equal(value, found.optimizer["optimizer"]["state"][0][key])
    odd = found.optimizer["odd"]
    assert [1, (2, None)] == odd[:2]
    assert odd[2][5] is True
    assert [0, 1, 2] == odd[2]["x"].tolist()
    assert torch.float16 is odd[3]


def test_a_new_optimiser_goes_on_from_it(tmp_path: Path) -> None:
    """An optimiser given the loaded state takes the very same next step."""
    snapshot, optimizer = trained()
    found = checkpoint.load(checkpoint.save(tmp_path, snapshot))
    weight = torch.nn.Parameter(found.weights["a.weight"].clone())
    other = torch.optim.AdamW([weight], lr=1.0)
    other.load_state_dict(found.optimizer["optimizer"])
    original = optimizer.param_groups[0]["params"][0]
    for each, parameter in ((optimizer, original), (other, weight)):
        parameter.grad = torch.ones_like(parameter)
        each.step()

    assert torch.equal(original, weight)


@pytest.mark.parametrize(
    "name",
    ["adapter.safetensors", "optimizer.safetensors", "state.json", "manifest.json"],
)
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_damage_is_found_and_set_aside(tmp_path: Path, name: str, harm: str) -> None:
    """A flipped bit, a cut or a missing file: the checkpoint before is the newest."""
    checkpoints = tmp_path / "checkpoints"
    older = checkpoint.save(checkpoints, trained(3)[0])
    newer = checkpoint.save(checkpoints, trained(4)[0])
    file = newer / name
    content = bytearray(file.read_bytes())
    if harm == "flip":
        content[len(content) // 2] ^= 0x10
    file.write_bytes(content[: len(content) // 2] if harm == "cut" else content)
    if harm == "remove":
        file.unlink()

    assert older == checkpoint.newest_whole(checkpoints)
    assert not newer.exists()
    (kept,) = (tmp_path / "quarantine").iterdir()
    assert kept.name.startswith("step-4.")


def test_leftovers_of_a_killed_save_are_removed(tmp_path: Path) -> None:
    """What a kill left half-written is no checkpoint and does not stay."""
    whole = checkpoint.save(tmp_path, trained(3)[0])
    (tmp_path / ".step-4.ab12cd34").mkdir()
    (tmp_path / ".step-4.ab12cd34" / "adapter.safetensors").write_bytes(b"half")

    assert whole == checkpoint.newest_whole(tmp_path)
    assert [whole] == list(tmp_path.iterdir())


def test_ten_comes_after_nine(tmp_path: Path) -> None:
    """The newest checkpoint is that of the highest step, not of the last name."""
    for step in (9, 10):
        checkpoint.save(tmp_path, trained(step)[0])

    found = checkpoint.newest_whole(tmp_path)

    assert found is not None
    assert "step-10" == found.name


def test_prune_keeps_the_newest_and_the_best(tmp_path: Path) -> None:
    """Older checkpoints go; that of the best step stays."""
    for step in (1, 2, 3, 4, 5):
        checkpoint.save(tmp_path, trained(step)[0])

    checkpoint.prune(tmp_path, keep=2, best_step=2)

    assert {"step-2", "step-4", "step-5"} == {path.name for path in tmp_path.iterdir()}


def test_a_full_disk_is_told_before_a_byte_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too little room for the next checkpoint stops the save; the last one stands."""
    whole = checkpoint.save(tmp_path, trained(3)[0])
    monkeypatch.setattr(durable, "free_bytes", lambda folder: 100)

    with pytest.raises(DiskFull):
        checkpoint.save(tmp_path, trained(4)[0])

    assert [whole] == list(tmp_path.iterdir())


def test_another_versions_checkpoint_is_refused(tmp_path: Path) -> None:
    """A checkpoint of another format is named as such, not half understood."""
    folder = checkpoint.save(tmp_path, trained(3)[0])
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps({**state, "format": 99}))

    with pytest.raises(CheckpointError):
        checkpoint.load(folder)


def test_the_best_evaluation_is_remembered() -> None:
    """Best loss and step move with a gain; patience counts those without."""
    standing = Standing()
    for step, loss in enumerate([3.0, 2.0, 2.5, 2.0]):
        standing = after_evaluation(replace(standing, step=step), loss)

    assert (3.0, 2.0, 1) == (
        standing.eval_loss_before,
        standing.best_eval_loss,
        standing.best_step,
    )
    assert 2 == standing.evaluations_without_gain


MOMENTS = (
    "adapter.safetensors", "optimizer.safetensors", "state.json", "sync", "manifest",
    "rename", "renamed",
)  # fmt: skip


def dying_save(checkpoints: Path, moment: str) -> None:
    """Save a second checkpoint in this process and die of -9 at `moment`."""

    def before(owner: Any, name: str, fits: Callable[..., bool]) -> None:
        real = getattr(owner, name)

        def deadly(*arguments: Any, **keywords: Any) -> Any:
            if fits(*arguments):
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **keywords)

        setattr(owner, name, deadly)

    def staged(path: Path) -> bool:
        return path.name.startswith(".step-4.")

    match moment:
        case "adapter.safetensors" | "optimizer.safetensors":
            before(checkpoint, "save_file", lambda tensors, path: path.name == moment)
        case "state.json":
            before(Path, "write_text", lambda path, text: path.name == moment)
        case "sync":
            before(durable, "sync_file", lambda path: staged(path.parent))
        case "manifest":
            before(durable, "replace_text", lambda path, text: staged(path.parent))
        case "rename":
            before(Path, "rename", lambda path, to: staged(path))
        case _:
            before(durable, "sync_folder", lambda folder: folder == checkpoints)
    checkpoint.save(checkpoints, trained(4)[0])


@pytest.fixture(scope="module")
def single_threaded() -> Any:
    """Children of a fresh process: a fork of this one could inherit a held lock."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        pytest.skip("there is no fork here")
    children = multiprocessing.get_context("forkserver")
    # an optimiser's first step imports dynamo: once there, not in each child
    children.set_forkserver_preload([__name__, "torch._dynamo"])
    return children


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_at_each_write_leaves_a_whole_checkpoint(
    tmp_path: Path, moment: str, single_threaded: Any
) -> None:
    """Killed at any write of a save, the newest checkpoint is whole: old or new."""
    checkpoints = tmp_path / "checkpoints"
    checkpoint.save(checkpoints, trained(3)[0])
    child = single_threaded.Process(target=dying_save, args=(checkpoints, moment))
    child.start()
    child.join()

    assert -signal.SIGKILL == child.exitcode
    newest = checkpoint.newest_whole(checkpoints)
    assert newest is not None
    assert ("step-4" if moment == "renamed" else "step-3") == newest.name
    assert checkpoint.load(newest).standing.step in {3, 4}
    assert not (tmp_path / "quarantine").exists()
    assert not list(checkpoints.glob(".*"))
