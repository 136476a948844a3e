"""Pools as people use them: made, changed, removed, and named by jobs."""

from dataclasses import replace

import pytest

from jupyter_orch.domain.errors import BadFields, BadInput, Forbidden, NotFound
from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import Actor, JobSpec, Policies


def pools_of(service, ann) -> dict[str, int | None]:
    """Slots by name."""
    return {pool.name: pool.slots for pool in service.pools.list(ann).items}


def test_pools_are_made_changed_and_removed(service, ann) -> None:
    """`default` is always there, with or without a limit."""
    assert pools_of(service, ann) == {"default": None}
    service.pools.set(ann, "trino", slots=4)
    service.pools.set(ann, "trino", slots=0)
    service.pools.set(ann, "default", slots=8)
    assert pools_of(service, ann) == {"default": 8, "trino": 0}
    service.pools.delete(ann, "trino")
    service.pools.delete(ann, "default")
    assert pools_of(service, ann) == {"default": None}


def test_pools_come_in_pages(service, ann) -> None:
    """Each one once, also when one is made in between."""
    for name in "acd":
        service.pools.set(ann, name, slots=1)
    first = service.pools.list(ann, limit=2)
    assert [pool.name for pool in first.items] == ["a", "c"]
    service.pools.set(ann, "b", slots=1)
    second = service.pools.list(ann, cursor=first.next_cursor, limit=2)
    assert [pool.name for pool in second.items] == ["d", "default"]
    assert second.next_cursor is None
    with pytest.raises(BadInput) as refused:
        service.pools.list(ann, limit=501)
    assert refused.value.field == "limit"


def test_one_pool_is_found_by_its_name(service, ann) -> None:
    """`default` without having been made."""
    assert service.pools.get(ann, "default").slots is None
    with pytest.raises(NotFound):
        service.pools.get(ann, "trino")


@pytest.mark.parametrize(
    ("name", "slots", "fields"),
    [
        ("", 1, ["name"]),
        ("  ", 1, ["name"]),
        ("x" * 201, 1, ["name"]),
        ("a\nb", 1, ["name"]),
        ("a", -1, ["slots"]),
        ("a", 100_001, ["slots"]),
        ("\x00", -1, ["name", "slots"]),
    ],
)
def test_inv9_bad_pools_are_refused(service, ann, name, slots, fields) -> None:
    """Each bad field is named, and nothing is stored."""
    with pytest.raises(BadFields) as refused:
        service.pools.set(ann, name, slots=slots)
    assert [error.field for error in refused.value.errors] == fields
    assert pools_of(service, ann) == {"default": None}


def test_strangers_change_no_pools(service) -> None:
    """Nobody who is not known."""
    nobody = Actor(user="", team=DEFAULT_TEAM)
    for action in (
        lambda: service.pools.list(nobody),
        lambda: service.pools.set(nobody, "a", slots=1),
        lambda: service.pools.delete(nobody, "default"),
    ):
        with pytest.raises(Forbidden):
            action()


def test_inv9_a_job_names_a_pool_that_exists(service, ann, notebook) -> None:
    """An unknown one is refused with the known ones as a hint, when saved first and later."""
    notebook()
    spec = JobSpec(name="report", notebook="report.ipynb", policies=Policies(pool="trino"))
    with pytest.raises(BadFields) as refused:
        service.jobs.create(ann, spec)
    (error,) = refused.value.errors
    assert error.field == "policies.pool"
    assert "default" in error.hint
    service.pools.set(ann, "trino", slots=1)
    job = service.jobs.create(ann, spec)
    elsewhere = replace(spec, policies=Policies(pool="spark"))
    with pytest.raises(BadFields):
        service.jobs.update(ann, job.id, elsewhere, expected_version=None)
    service.jobs.run(ann, job.id, {})
    (_, trino) = service.pools.list(ann).items
    assert (trino.name, trino.queued) == ("trino", 1)
