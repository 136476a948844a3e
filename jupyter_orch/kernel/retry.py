"""How a notebook says that trying again is of no use."""


class NonRetryableError(Exception):
    """Raised in a notebook it ends the run: no further attempt is made, whatever the job allows.

    The run's reason is `not_retryable`. It is recognised by its name, so that a class of one's own
    with this name does as well, and a subclass with another name does not.
    """
