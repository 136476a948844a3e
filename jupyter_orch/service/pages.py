"""How much a listing answers at once."""

from jupyter_orch.domain.errors import BadInput

PAGE = 50
LARGEST_PAGE = 500


def page_size(limit: int | None) -> int:
    """The number of items of a page.

    Raises:
        BadInput: Out of range (field `limit`).
    """
    if limit is None:
        return PAGE
    if not 1 <= limit <= LARGEST_PAGE:
        raise BadInput(f"A page has from 1 to {LARGEST_PAGE} items.", field="limit")
    return limit
