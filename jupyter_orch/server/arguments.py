"""Types of query arguments, as the description of the API shows them."""

from typing import Annotated

from annotated_types import Interval

from jupyter_orch.service.pages import LARGEST_PAGE

#: Seconds that an answer may be held back.
LONGEST_WAIT = 60
Limit = Annotated[int, Interval(ge=1, le=LARGEST_PAGE)]
Attempt = Annotated[int, Interval(ge=1)]
Wait = Annotated[int, Interval(ge=0, le=LONGEST_WAIT)]

#: What every listing takes.
PAGE = {"cursor": str, "limit": Limit}
