"""What a parent may import: modules that start no thread, open no socket and read no run's data.

Never pyplot, which would set up plots in notebooks that have none; nor a database's session, a
loop, CUDA, a JVM, gRPC, Polars (its threads do not survive a fork); nor a module that lies beside
notebooks: it may change between two runs.
"""

#: Imported by every parent: what each first cell needs anyway.
ALWAYS: tuple[str, ...] = (
    "IPython.core.async_helpers",
    "IPython.core.completer",
    "IPython.core.completerlib",
    "IPython.core.logger",
    "IPython.core.magics",
    "IPython.core.magics.history",
    "IPython.core.pylabtools",
    "IPython.extensions.storemagic",
    "comm",
    "faulthandler",
    "jupyter_orch.kernel.context",
    "pexpect",
    "pygments.formatters.terminal256",
    "pygments.lexers.python",
    "sqlite3",
    "stack_data",
    "tornado.platform.asyncio",
)

#: Imported by a parent once most notebooks of its environment have imported them.
LEARNED: tuple[str, ...] = (
    "numpy",
    "pandas",
    "pandas.io.formats.style",
    "pyarrow",
    "pyarrow.compute",
    "pyarrow.dataset",
    "pyarrow.pandas_compat",
    "pyarrow.parquet",
    "pyarrow.vendored.version",
    "trino",
    "trino.sqlalchemy",
    "sqlalchemy",
    "duckdb",
    "sqlglot",
    "pyiceberg",
    "pyiceberg.table",
    "matplotlib",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "ipywidgets",
    "jinja2",
    "jupyter_orch.kernel.output",
    "jupyter_orch.kernel.tables",
    "jupyter_orch.warehouse.connect",
    "lxml.etree",
    "openpyxl",
    "plotly",
    "requests",
    "scipy",
    "scipy.stats",
    "sklearn",
    "statsmodels.api",
    "tqdm",
    "tqdm.auto",
)
