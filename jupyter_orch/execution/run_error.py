"""What is kept of an error: plain text of bounded length, without known secrets."""

from jupyter_orch.domain.model import RunError
from jupyter_orch.domain.text import cut, cut_middle, plain
from jupyter_orch.execution.mask import Masker

LONGEST_SOURCE = 4_000  # characters
LONGEST_MESSAGE = 20_000  # characters
LONGEST_TRACEBACK = 100_000  # characters


def run_error(
    name: str,
    message: str,
    *,
    masker: Masker,
    cell: int | None = None,
    source: str = "",
    traceback: str = "",
) -> RunError:
    """The error as the database keeps it.

    Args:
        name: Exception class, or the reason's name.
        message: What it says.
        masker: Knows the secrets.
        cell: Position of the cell in the executed notebook, from 0.
        source: The cell's source.
        traceback: As the kernel wrote it.
    """
    return RunError(
        name=masker.text(plain(name)),
        message=cut(masker.text(plain(message)), LONGEST_MESSAGE),
        cell_index=cell,
        traceback=cut_middle(masker.text(plain(traceback)), LONGEST_TRACEBACK),
        cell_source=cut(masker.text(plain(source)), LONGEST_SOURCE),
    )
