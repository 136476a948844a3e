"""Identities. Every id sorts by the time it was made: keyset pages need no second column."""

import secrets
import time
from typing import NewType

JobId = NewType("JobId", str)
RunId = NewType("RunId", str)
BackfillId = NewType("BackfillId", str)
TeamId = NewType("TeamId", str)

#: The namespace of everything until an installation makes more of them.
DEFAULT_TEAM = TeamId("default")

#: Digits of an id, in the order of their values.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
_RANDOM_BITS = 80
_PAIRS = tuple(first + second for first in ALPHABET for second in ALPHABET)


def new_id() -> str:
    """A ULID in lower case: 26 characters, 48 bits of milliseconds, 80 random bits.

    Layout: https://github.com/ulid/spec
    """
    value = (time.time_ns() // 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(120, -1, -10)])
