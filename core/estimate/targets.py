"""Layers a plan names for its adapter and a model does not have."""

from core.estimate.static import is_target
from core.models.shape import ModelShape
from core.plan.plan import ALL_LINEAR, Method

_MOST_NAMED = 12


def missing_targets(shape: ModelShape, method: Method) -> str:
    """Return what is wrong with the names in ``target_modules``; empty if nothing.

    Of an architecture we do not know every name is believed.
    """
    if not (shape.known and method.has_adapter):
        return ""
    if method.target_modules == ALL_LINEAR:
        return ""
    linears = [*(linear for linear, _ in shape.linears()), shape.head]
    names = list(dict.fromkeys(linear.name for linear in linears))
    having = ", ".join(names[:_MOST_NAMED])
    if not method.target_modules:
        return f"No layer is named. This model has {having}."
    # A name may also point into one layer: model.layers.3.self_attn.q_proj.
    wanted = {name.rpartition(".")[2]: name for name in method.target_modules}
    strange = [whole for last, whole in wanted.items() if last not in names]
    if not strange:
        return ""
    if any(is_target(linear, method) for linear in linears):
        return ""  # peft adapts those it finds
    return f"This model has no layer called {strange[0][:60]}. It has {having}."
