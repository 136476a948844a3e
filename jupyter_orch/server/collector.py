"""Python's garbage collector in a process that lives for weeks."""

import gc

#: New objects until a look at the youngest, and looks at one age until one at the next.
THRESHOLDS = (10_000, 20, 50)


def spare() -> None:
    """Lets the collector pass over all that is loaded; call it once everything is.

    Modules and settings live as long as the process, yet each full look went through all of them:
    a third of the time of a wake-up in which a thousand jobs are due.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
