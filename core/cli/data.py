"""``data check`` and ``data preview``: what a file holds, before training on it."""

from pathlib import Path
from typing import Any, cast

from core.cli.local_model import model_path
from core.cli.plan_flags import flag_value
from core.cli.request import Request
from core.cli.starter import follow_task
from core.plan.fields import BY_KEY

_SHOWN_PROBLEMS = 20


def check(request: Request) -> int:
    """Answer with the dataset doctor's report."""
    found = follow_task(request, "data_check", _order(request))
    request.console.answer(found, _check_text(found))
    return 0


def preview(request: Request) -> int:
    """Answer with one row as the model sees it, token by token."""
    order = _order(request)
    files = order.pop("files")
    order |= {"file": files[0], "row": request.arguments.row}
    found = follow_task(request, "data_preview", order)
    request.console.answer(found, _preview_text(found))
    return 0


def _order(request: Request) -> dict[str, Any]:
    order: dict[str, Any] = {
        "files": [str(Path(name).absolute()) for name in request.arguments.files],
    }
    for key in ("format", "columns", "train_on", "eval_fraction", "seed", "seq_len"):
        given = request.get(key)
        section = "train" if key in {"seed", "seq_len"} else "data"
        if given is not None:
            order[key] = flag_value(BY_KEY[f"{section}.{key}"], given)
    wanted = request.get("model")
    order["model_path"] = None if wanted is None else str(model_path(request, wanted))
    return order


def _check_text(found: dict[str, Any]) -> str:
    lines = [
        f"{found.get('format')}: {found.get('rows')} rows, {found.get('usable')} usable"
    ]
    tokens: dict[str, Any] = found.get("tokens") or {}
    if tokens.get("total"):
        lines.append(
            f"Tokens: half of the rows within {tokens['p50']}, 90 % within"
            f" {tokens['p90']}, 99 % within {tokens['p99']}, longest {tokens['max']}"
        )
    for key, words in (
        ("truncated", "rows are cut at this length"),
        ("duplicates", "duplicate rows"),
        ("leaks", "held-out rows that are also trained on"),
    ):
        if found.get(key):
            lines.append(f"{found[key]} {words}")
    if found.get("set_aside"):
        lines.append(f"{found['set_aside']} rows are set aside")
    lines += cast("list[str]", found.get("notes") or [])
    problems: list[dict[str, Any]] = found.get("problems") or []
    lines += [
        f"line {problem.get('line')}: {problem.get('message')}"
        for problem in problems[:_SHOWN_PROBLEMS]
    ]
    if len(problems) > _SHOWN_PROBLEMS:
        lines.append(f"… and {len(problems) - _SHOWN_PROBLEMS} more (--json has all)")
    return "\n".join(lines)


def _preview_text(found: dict[str, Any]) -> str:
    """Return the text with the trained tokens in brackets, for any terminal."""
    pieces: list[str] = []
    inside = False
    for token in found["tokens"]:
        if token["trained"] != inside:
            pieces.append("⟦" if token["trained"] else "⟧")
            inside = bool(token["trained"])
        pieces.append(str(token["text"]))
    text = "".join(pieces) + ("⟧" if inside else "")
    trained = sum(1 for token in found["tokens"] if token["trained"])
    return f"{text}\n\n{len(found['tokens'])} tokens, {trained} trained (in ⟦ ⟧)"
