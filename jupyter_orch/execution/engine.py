"""The papermill engine: `papermill in.ipynb out.ipynb --engine jupyter_orch`.

Papermill imports this while it is itself being imported, so that nothing of papermill may be
imported here before it is used.
"""

from typing import Any


class OrchEngine:
    """Executes in place as papermill's own engine does, and records the run in the history."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, **options: Any) -> Any:
        """Papermill's call: executes the parameterized notebook and answers it."""
        from jupyter_orch.execution.in_place import InPlaceEngine

        return InPlaceEngine.execute_notebook(nb, kernel_name, **options)

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> str:
        """Papermill's rule for the kernel."""
        from papermill.utils import nb_kernel_name

        return str(nb_kernel_name(nb, name))

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> str:
        """Papermill's rule for the language."""
        from papermill.utils import nb_language

        return str(nb_language(nb, language))
