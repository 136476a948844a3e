"""The environment of a notebook's kernel: built from an allow-list, never copied.

What a service knows (address of its database, tokens of its host) is not for notebooks.
docs/explanation/execution.md lists the names for people.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from jupyter_orch.settings import Settings
from jupyter_orch.settings_warehouse import BY_WORKER, FRAME_ROWS, SHOWN_ROWS

_NAMES = frozenset(
    {
        # who and where
        "PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TERM",
        # the interpreter and its libraries
        "PYTHONPATH PYTHONHASHSEED VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV",
        "LD_LIBRARY_PATH JAVA_HOME SPARK_HOME R_HOME R_LIBS R_LIBS_USER",
        # Jupyter's folders: kernelspecs, settings
        "JUPYTER_PATH JUPYTER_DATA_DIR JUPYTER_CONFIG_DIR JUPYTER_CONFIG_PATH",
        "JUPYTER_PREFER_ENV_PATH IPYTHONDIR MPLCONFIGDIR MPLBACKEND",
        # threads of numeric libraries
        "OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS NUMEXPR_NUM_THREADS",
        "ARROW_DEFAULT_MEMORY_POOL ARROW_NUM_THREADS POLARS_MAX_THREADS",
        # certificates
        "SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE",
    }
)
ALLOWED = frozenset(name for line in _NAMES for name in line.split())
#: Variables that name a folder inside the attempt's private one; made by whoever executes it.
FOLDERS = {"TMPDIR": "tmp", "JUPYTER_RUNTIME_DIR": "runtime"}
ALLOWED_PREFIXES = ("LC_", "XDG_")


def allowed(environ: Mapping[str, str]) -> dict[str, str]:
    """What processes that deal with notebooks may know of the service's own variables."""
    return {
        name: value
        for name, value in environ.items()
        if name in ALLOWED or name.startswith(ALLOWED_PREFIXES)
    }


def kernel_environment(
    settings: Settings, folder: Path, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The variables of an attempt's processes.

    Args:
        settings: Give the warehouse, as this worker has it.
        folder: The attempt's private folder; temporary files go there.
        environ: Where allowed variables are taken from; absent: this process.
    """
    kept = allowed(os.environ if environ is None else environ)
    kept |= {name: str(folder / place) for name, place in FOLDERS.items()}
    # ipykernel asks debugpy, which warns about frozen modules; papermill's command line sets it
    kept["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    return kept | warehouse_variables(settings)


def warehouse_variables(settings: Settings) -> dict[str, str]:
    """The warehouse as variables, so that kernel and worker see the same tables.

    The password stays a reference: a connection asks the worker, who masks the value from then on.
    Of a team's catalog and bucket a kernel learns nothing: the worker reads and writes for it.
    """
    warehouse = settings.warehouse
    place = {
        "LOCATION": str(warehouse.folder),
        "CATALOG_URI": warehouse.catalog_uri if warehouse.on_this_host else BY_WORKER,
    }
    values = {
        "CATALOG": warehouse.catalog,
        "SCHEMA": warehouse.schema,
        **place,
        "MEMORY_LIMIT": warehouse.memory_limit,
        "THREADS": str(warehouse.threads),
        "STATEMENT_TIMEOUT_SECONDS": str(warehouse.statement_timeout_seconds),
        "TRINO__URL": warehouse.trino.url,
        "TRINO__USER": warehouse.trino.user,
        "TRINO__PASSWORD": warehouse.trino.password,
    }
    # A kernel of older code refuses settings that it does not know: only those that were set.
    if warehouse.frame_rows != FRAME_ROWS:
        values["FRAME_ROWS"] = str(warehouse.frame_rows)
    if warehouse.shown_rows != SHOWN_ROWS:
        values["SHOWN_ROWS"] = str(warehouse.shown_rows)
    if warehouse.trino.query_seconds:
        values["TRINO__QUERY_SECONDS"] = str(warehouse.trino.query_seconds)
    return {f"JUPYTER_ORCH__WAREHOUSE__{name}": value for name, value in values.items()}
