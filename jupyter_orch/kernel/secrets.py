"""References to secrets, and the values behind them. A value is never stored or shown."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from jupyter_orch.domain.errors import BadInput, NotFound

ENVIRONMENT_PREFIX = "JUPYTER_ORCH_SECRET_"
_NAME = re.compile(r"[A-Za-z][\w.-]*/[A-Za-z][\w.-]*", re.ASCII)


def variable_of(name: str) -> str:
    """The variable that holds the secret `<group>/<name>`."""
    return ENVIRONMENT_PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper())


def resolve(reference: str, environ: Mapping[str, str] | None = None) -> str:
    """The value behind `env:NAME`, `file:/path` or `<group>/<name>`.

    Raises:
        BadInput: The reference is of no known form.
        NotFound: There is no such variable or file; the hint says where it was looked for.
    """
    found = os.environ if environ is None else environ
    kind, _, place = reference.partition(":")
    if kind == "file" and place:
        try:
            return Path(place).read_text("utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            raise NotFound(
                f"The secret {reference} cannot be read.",
                field="ref",
                hint=f"The file {place} must be there, and readable for this user.",
            ) from error
    if kind == "env" and place:
        variable = place
    elif _NAME.fullmatch(reference):
        variable = variable_of(reference)
    else:
        raise BadInput(
            f"{reference!r} is not a reference to a secret.",
            field="ref",
            hint="Write group/name, env:VARIABLE or file:/path.",
        )
    if variable not in found:
        raise NotFound(
            f"There is no secret {reference}.",
            field="ref",
            hint=f"Set the variable {variable} where the service starts, "
            "or in this process when outside a run.",
        )
    return found[variable]
