"""The dataset doctor and the preview, where a tokenizer can be had: in a worker."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.data.doctor import check
from core.data.load import no_files
from core.data.preview import preview
from core.errors import ModelError
from core.plan.codec import from_tree
from core.plan.plan import DataChoice, Training
from core.wire import known_fields, to_json

if TYPE_CHECKING:
    from core.engine.tokenizer import ModelTokenizer

Tell = Callable[[dict[str, Any]], None]


def data_check(request: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Return the doctor's report as JSON.

    Args:
        request: ``files``, and where wanted the other keys of `DataChoice`, ``seq_len``,
            ``seed``, ``model_path`` (without it, nothing is said about tokens).
        tell: Hears progress in bytes.

    Raises:
        DatasetError: A file as a whole cannot be used.
        PlanError: A key of the request has a value of the wrong kind.
        ModelError: The model's tokenizer cannot be used.
    """
    tokenizer = _tokenizer(request)

    def advance(done: int, total: int) -> None:
        tell(_progress("Reading the data", done, total))

    default = Training()
    report = check(
        _choice(request),
        tokenizer=tokenizer,
        seq_len=int(request.get("seq_len") or default.seq_len),
        seed=int(request.get("seed", default.seed)),
        tell=advance,
    )
    found: dict[str, Any] = to_json(report)
    if tokenizer is None:  # null says “not measured”; a missing key would say nothing
        found |= {"tokens": None, "histogram": None, "truncated": None}
    elif tokenizer.note:
        found["notes"] = [*found["notes"], tokenizer.note]
    return found


def data_preview(request: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Return one row, after the chat template, token by token, as JSON.

    Args:
        request: As for `data_check`, with ``row`` counted from 0 and ``model_path``.
        tell: Hears progress.

    Raises:
        DatasetError: A file cannot be used, there is no such row, or the template
            refuses it.
        ModelError: The model's tokenizer cannot be used.
    """
    tell(_progress("Opening the tokenizer", 0, 1))
    tokenizer = _tokenizer(request)
    if tokenizer is None:
        raise ModelError(
            "model.missing",
            "A preview needs the model whose eyes it looks through.",
            hint="Choose a model first.",
        )
    found = preview(
        _choice(request),
        tokenizer,
        row=int(request.get("row", 0)),
        seq_len=int(request.get("seq_len") or Training().seq_len),
    )
    return {**to_json(found), "note": tokenizer.note}


def _choice(request: Mapping[str, Any]) -> DataChoice:
    files = request.get("files") or [request.get("file") or ""]
    known = known_fields(DataChoice, request) | {"files": list(files)}
    choice = from_tree({"data": known}).data
    if not all(choice.files):
        raise no_files()
    return choice


def _tokenizer(request: Mapping[str, Any]) -> "ModelTokenizer | None":
    path = request.get("model_path")
    if not path:
        return None
    # Only now: transformers takes a second to load, and a check may do without a model.
    from core.engine.tokenizer import open_tokenizer

    return open_tokenizer(Path(str(path)), template=str(request.get("template") or ""))


def _progress(what: str, done: int, total: int) -> dict[str, Any]:
    return {
        "kind": "progress", "what": what, "done": done, "total": total, "unit": "bytes",
    }  # fmt: skip
