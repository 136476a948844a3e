"""The values behind the references of the warehouse's settings."""

from jupyter_orch.domain.errors import BadInput, NotFound
from jupyter_orch.kernel.secrets import resolve


def value_of(reference: str, key: str, name: str) -> str:
    """The value behind a setting's reference.

    Args:
        reference: `env:NAME`, `file:/path` or `group/name`.
        key: The setting, for the error.
        name: What the value is, for the error.

    Raises:
        BadInput: It cannot be found here (field: the setting).
    """
    try:
        return resolve(reference)
    except (BadInput, NotFound) as error:
        raise BadInput(
            f"The {name} cannot be found.",
            field=key,
            hint="Write a reference that exists here: env:NAME or file:/path.",
        ) from error
