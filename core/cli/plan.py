"""``plan new|show|check``: plan files, written, printed and checked."""

from pathlib import Path

from core.cli.plan_flags import plan_with_flags
from core.cli.request import Request
from core.errors import RequestError, reason_of
from core.models.starter import STARTER_ID
from core.places import called, expanded, is_file, is_folder
from core.plan.codec import read_plan, to_toml, to_tree, with_settings, write_plan
from core.plan.fields import with_value
from core.plan.plan import Plan
from core.plan.problems import Problem
from core.prepare import check, quick_plan, unsound
from core.runs.folder import find_run


def new(request: Request) -> int:
    """Write a plan file with sensible settings for this machine, or print it."""
    arguments = request.arguments
    files = tuple(str(expanded(name).absolute()) for name in arguments.data)
    plan = quick_plan(_lasting(arguments.model), files, request.places)
    plan = plan_with_flags(plan, arguments)
    found = check(plan, request.places).problems
    document = {"plan": to_tree(plan), "problems": _documents(found)}
    out: Path | None = arguments.out
    if out is None:
        request.console.answer(document, to_toml(plan).rstrip())
        return 0
    _write(out, plan, replace=arguments.force)
    text = f"Wrote {out}. “{called()} train {out}” starts it."
    request.console.answer(
        {**document, "path": str(out.absolute())}, _with_problems(text, found)
    )
    return 0


def _lasting(model: str) -> str:
    """Return a folder's whole path: a plan is trained from wherever one happens to be."""
    folder = expanded(model)
    is_path = model != STARTER_ID and is_folder(folder)
    return str(folder.absolute()) if is_path else model


def show(request: Request) -> int:
    """Print a plan file, or the plan a run used."""
    plan = _plan(request)
    found = check(plan, request.places).problems
    request.console.answer(
        {"plan": to_tree(plan), "problems": _documents(found)}, to_toml(plan).rstrip()
    )
    return 0


def check_command(request: Request) -> int:
    """Answer with all that is wrong with a plan; status 2 if it cannot be run."""
    plan = with_settings(_plan(request), request.arguments.settings)
    checked = check(plan, request.places)
    document = {
        "ok": not checked.errors,
        "plan": to_tree(plan),
        "problems": _documents(checked.problems),
        "estimate": checked.estimate,
    }
    if checked.errors:
        error = unsound(checked.errors).to_json()
        text = _with_problems("The plan cannot be run.", checked.problems)
        request.console.answer({"error": error, **document}, text)
        return 2
    text = _with_problems("The plan can be run.", checked.problems)
    request.console.answer(document, text)
    return 0


def _plan(request: Request) -> Plan:
    wanted: str = request.arguments.plan
    path = expanded(wanted)
    if path.suffix == ".toml" or is_file(path):
        return read_plan(path)
    run = find_run(request.places.runs, wanted)
    # a run keeps its files' full paths; the name says which run it was
    plan = run.plan()
    return plan if plan.name else with_value(plan, "name", run.run_id)


def _write(out: Path, plan: Plan, *, replace: bool) -> None:
    try:
        if out.exists() and not replace:
            raise RequestError(
                "plan.exists",
                f"{out} is there already.",
                hint="Give another --out, or --force to replace it.",
            )
        write_plan(out, plan)
    except OSError as err:
        raise RequestError(
            "plan.unwritable",
            f"{out} cannot be written: {reason_of(err)}.",
            hint="Give another --out.",
        ) from err


def _documents(found: tuple[Problem, ...]) -> list[dict[str, str]]:
    return [{"level": p.level, "field": p.field, "message": p.message} for p in found]


def _with_problems(text: str, found: tuple[Problem, ...]) -> str:
    told = [f"{p.level}: {p.field}: {p.message}" for p in found]
    return "\n".join((text, *told))
