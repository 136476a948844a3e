"""How many rows a notebook takes into memory before somebody has to say that it is meant."""

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.settings import Settings


def guard(limit: int | None, settings: Settings) -> int | None:
    """The most rows that a frame may have; None when a limit was asked for or none is set.

    Raises:
        BadInput: The limit is no number of rows (field `limit`).
    """
    if limit is not None:
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise BadInput(f"{limit!r} is no number of rows.", field="limit")
        return None
    return settings.warehouse.frame_rows or None


def check(rows: int, most: int | None, what: str) -> None:
    """Refuses a frame that is too large: a part of it would be taken for the whole.

    Args:
        rows: That it would have at least.
        most: As `guard` says.
        what: `The table has`, `The query answers`.

    Raises:
        BadInput: There are too many (field `limit`).
    """
    if most is not None and rows > most:
        raise BadInput(
            f"{what} more than {most:,} rows, the most that a frame takes.",
            field="limit",
            hint="Choose fewer rows, say limit=… for the most that you want, or raise the setting "
            "warehouse.frame_rows; output(…).sql(…) takes any number to a table.",
        )
