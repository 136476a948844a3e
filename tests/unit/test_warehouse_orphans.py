"""Which files count as named by a commit: however their paths are spelt, and none too few."""

import pytest

from jupyter_orch.warehouse.orphans import is_inside, key, unnamed

HERE = "/lake/s/t-1/data/00000-0-ab.parquet"


@pytest.mark.parametrize(
    "name",
    [
        "/lake/s/t-1/data/00000-0-ab.parquet",
        "file:/lake/s/t-1/data/00000-0-ab.parquet",
        "file:///lake/s/t-1/data/00000-0-ab.parquet",
        "file:///lake/s//t-1/./data/00000-0-ab.parquet",
        "file:///lake/s/t-1/data/00000-0-ab.parquet/",
        "file:///mnt/other-name-of-lake/s/t-1/data/00000-0-ab.parquet",
        "s3a://bucket/lake/s/t-1/data/00000-0-ab.parquet",
        "s3://alias-of-bucket/t-1/data/00000-0-ab.parquet?versionId=1",
        "file:///lake/s/t-1/data/00000%2D0%2dab.parquet",
        "file:///lake/s/t-1/data/00000%252D0-AB.parquet",
    ],
)
def test_a_named_file_stays_however_its_path_is_spelt(name: str) -> None:
    """Schemes, slashes, links, aliases, percent signs and capitals make no difference."""
    assert unnamed([HERE], [name]) == []


@pytest.mark.parametrize(
    ("listed", "name"),
    [
        ("b/t/day=a%20b/x 1.parquet", "s3://b/t/day=a%20b/x%201.parquet"),
        ("b/t/day=a b/x%201.parquet", "s3://b/t/day=a%20b/x 1.parquet"),
        ("b/t/a?b.parquet", "s3://b/t/a%3Fb.parquet"),
        ("b/t/a#b.parquet", "s3://b/t/a#b.parquet"),
        ("b/t/a", "s3://b/t/a#b/c.parquet"),
        ("b/t/jose\u0301.parquet", "s3://b/t/jos\u00e9.parquet"),
        ("b/t/%E9\udcff.parquet", "s3://b/t/%E9\udcff.parquet"),
    ],
)
def test_odd_characters_are_no_reason_to_go(listed: str, name: str) -> None:
    """Whatever an engine escapes, and whatever a reader of addresses takes for its end."""
    assert key(listed) == key(name)
    assert unnamed([listed], [name]) == []


def test_what_nobody_names_is_found() -> None:
    """Each file by its own name; of two with one name neither goes when one is named."""
    files = [
        "b/t/data/1-x.parquet",
        "b/t/data/2-x.parquet",
        "b/t/p=1/0.parquet",
        "b/t/p=2/0.parquet",
    ]
    named = ["s3://b/t/data/2-x.parquet", "s3://b/t/p=1/0.parquet"]
    assert unnamed(files, named) == ["b/t/data/1-x.parquet"]
    assert unnamed(files, []) == files


def test_names_are_asked_for_only_as_long_as_it_matters() -> None:
    """A table without orphans is not read to its end."""

    def names():
        yield HERE
        raise AssertionError

    assert unnamed([HERE], names()) == []


@pytest.mark.parametrize(
    ("place", "inside"),
    [
        ("s3://bucket/lake/s/t-1", True),
        ("s3://bucket/lake/s/deep/t-1", True),
        ("s3://bucket/lake/s", False),
        ("s3://bucket/lake", False),
        ("s3://bucket/lake2/s/t-1", False),
        ("s3a://bucket/lake/s/t-1", False),
        ("s3://bucket/lake/s/../../t-1", False),
        ("s3://bucket/lake/s//t-1", False),
        ("file:///lake/s/t-1", False),
    ],
)
def test_only_folders_inside_the_warehouse_count(place: str, inside: bool) -> None:
    """A schema's folder holds tables, and is none."""
    assert is_inside(place, "s3://bucket/lake") is inside
