"""Equal failures as one: what many notices have in common."""

from collections.abc import Sequence

from jupyter_orch.domain.model import Notice


def fact(notice: Notice, name: str) -> object:
    """A fact of a notice; what stands in the database may be anything."""
    return notice.facts.get(name) if isinstance(notice.facts, dict) else None


def group(notices: Sequence[Notice]) -> list[list[Notice]]:
    """The notices in groups of equal failures, each where its first one stands."""
    groups: dict[object, list[Notice]] = {}
    for each in notices:
        fingerprint = fact(each, "fingerprint")
        same = each.kind == "failed" and isinstance(fingerprint, str)
        groups.setdefault(fingerprint if same else each.id, []).append(each)
    return list(groups.values())
