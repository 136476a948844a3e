"""The kernelspecs of this machine."""

from collections.abc import Mapping, Sequence

from jupyter_orch.domain.errors import BadInput


def kernels() -> Sequence[Mapping[str, str]]:
    """Name, display name and language of each, by name; broken ones are left out."""
    from jupyter_client.kernelspec import KernelSpecManager

    found = KernelSpecManager().get_all_specs()
    return [
        {
            "name": name,
            "display_name": str(found[name]["spec"].get("display_name", name)),
            "language": str(found[name]["spec"].get("language", "")),
        }
        for name in sorted(found)
    ]


def check_kernel(chosen: str | None, named_by_notebook: str | None) -> None:
    """Refuses a kernel that is not installed.

    Raises:
        BadInput: Field `kernel`.
    """
    name = chosen or named_by_notebook
    installed = [kernel["name"] for kernel in kernels()]
    if name is None or name in installed:
        return
    source = "" if chosen else ", which the notebook names,"
    raise BadInput(
        f"The kernel {name}{source} is not installed.",
        field="kernel",
        hint=f"Choose one of: {', '.join(installed)}." if installed else "Install a kernel.",
    )
