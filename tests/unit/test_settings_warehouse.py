"""Where tables are: read, refused with a name and without the secret, and hidden from kernels."""

from pathlib import Path

import pytest

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.runner.environment import kernel_environment
from jupyter_orch.settings import Settings, load
from jupyter_orch.settings_warehouse import BY_WORKER

TEAM = {
    "LOCATION": "s3://bucket/some/prefix/",
    "CATALOG_URI": "postgresql://lake@db/lake",
    "CATALOG_PASSWORD": "env:LAKE_PASSWORD",
    "S3__ENDPOINT": "http://s3.example.com:7070/",
    "S3__ACCESS_KEY": "env:LAKE_ACCESS",
    "S3__SECRET_KEY": "file:/run/secrets/lake",
    "S3__PATH_STYLE": "false",
    "TRINO__URL": "http://127.0.0.1:1",
}


def read(folder: Path, **values: str) -> Settings:
    """Settings with these of the warehouse."""
    environ = {f"JUPYTER_ORCH__WAREHOUSE__{name}": value for name, value in values.items()}
    return load({"JUPYTER_ORCH__STATE__DIR": str(folder), **environ}, folder / "none.toml")


def test_a_folder_is_what_a_newcomer_has(tmp_path: Path) -> None:
    """Tables, catalog, locks and staged files are in one folder."""
    warehouse = read(tmp_path).warehouse
    assert warehouse.location == f"file://{tmp_path / 'warehouse'}"
    assert warehouse.folder == tmp_path / "warehouse"
    assert warehouse.catalog_uri == f"sqlite:///{tmp_path / 'warehouse' / 'catalog.db'}"
    assert (warehouse.on_this_host, warehouse.in_s3, warehouse.in_postgres) == (True, False, False)


def test_a_team_has_a_bucket_and_a_server(tmp_path: Path) -> None:
    """Locks and staged files stay on the host; the driver is ours, whichever is named."""
    warehouse = read(tmp_path, **TEAM).warehouse
    assert warehouse.location == "s3://bucket/some/prefix"
    assert warehouse.folder == tmp_path / "warehouse"
    assert warehouse.catalog_uri == "postgresql+psycopg://lake@db/lake"
    assert warehouse.s3.endpoint == "http://s3.example.com:7070"
    assert warehouse.s3.path_style is False
    assert (warehouse.on_this_host, warehouse.in_s3, warehouse.in_postgres) == (False, True, True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("CATALOG_URI", "postgresql://lake:hunter2@db/lake"),
        ("CATALOG_URI", "postgresql+psycopg://:hunter2@db/lake"),
        ("CATALOG_URI", "postgresql://db/lake?user=lake&password=hunter2"),
        ("CATALOG_URI", "mysql://db/hunter2"),
        ("CATALOG_PASSWORD", "hunter2"),
        ("LOCATION", "s3://"),
        ("LOCATION", "s3://KEY:hunter2@bucket/x"),
        ("LOCATION", "s3://bucket/../hunter2"),
        ("LOCATION", "https://hunter2/x"),
        ("S3__ENDPOINT", "http://KEY:hunter2@s3.example.com"),
        ("S3__ACCESS_KEY", "hunter2"),
        ("S3__SECRET_KEY", "hunter2"),
        ("S3__SECRET_KEY", ""),
        ("S3__PATH_STYLE", "perhaps"),
    ],
)
def test_inv9_a_setting_of_the_warehouse_is_refused_by_name(
    tmp_path: Path, key: str, value: str
) -> None:
    """The message names the setting and shows no secret."""
    with pytest.raises(BadInput) as caught:
        read(tmp_path, **(TEAM | {key: value}))
    assert caught.value.field is not None
    assert caught.value.field.startswith(f"warehouse.{key.partition('__')[0].lower()}")
    assert "hunter2" not in caught.value.message + str(caught.value.hint)


def test_inv10_a_kernel_of_a_team_learns_nothing_of_catalog_and_bucket(tmp_path: Path) -> None:
    """Neither addresses nor references; the worker reads for it."""
    found = kernel_environment(read(tmp_path, **TEAM), tmp_path, {})
    shown = " ".join(found.values())
    for part in ("bucket", "lake@db", "LAKE_", "secrets", "s3.example.com"):
        assert part not in shown
    assert load(found, tmp_path / "none.toml").warehouse.catalog_uri == BY_WORKER
    assert found["JUPYTER_ORCH__WAREHOUSE__TRINO__URL"] == TEAM["TRINO__URL"]
