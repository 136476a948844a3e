"""The ledger for workers elsewhere: each method of `ports.Ledger` as one POST."""

from inspect import signature
from typing import Any, get_type_hints

from jupyter_orch.domain.errors import BadInput, NotFound
from jupyter_orch.ports import Ledger
from jupyter_orch.server.call import Call
from jupyter_orch.service.rights import require
from jupyter_orch.wire import load

METHODS = frozenset(name for name in vars(Ledger) if not name.startswith("_"))


def call_ledger(ledger: Ledger, call: Call) -> Any:
    """Calls the method that the path names with the arguments of the body.

    Raises:
        NotFound: The ledger has no such method.
        BadInput: An argument is missing, unknown or of the wrong type.
    """
    require(call.actor, "operate")
    if call.key not in METHODS:
        raise NotFound(f"The ledger has no method {call.key}.")
    if not isinstance(call.body, dict):
        raise BadInput("The body holds the arguments by name.")
    method = getattr(Ledger, call.key)
    try:
        bound = signature(method).bind(ledger, **call.body)
    except TypeError as error:
        raise BadInput(f"{call.key}: {error}.") from None
    kinds = get_type_hints(method)
    for name, value in call.body.items():
        bound.arguments[name] = load(kinds[name], value, field=name)
    # By position where the port has a position: an implementation may name it otherwise.
    return getattr(ledger, call.key)(*bound.args[1:], **bound.kwargs)
