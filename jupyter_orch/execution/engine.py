"""The papermill engine: `papermill in.ipynb out.ipynb --engine jupyter_orch`.

Papermill imports this while it is itself being imported, so that nothing of papermill may be
imported here before it is used. Only its translators may, once the engine is there: papermill looks
for the one of a notebook's language before it asks an engine anything.
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
        """Papermill's rule for the language; it asks right before it writes the parameters."""
        from papermill.utils import nb_language

        from jupyter_orch.execution.java_translator import learn

        learn(nb)
        return str(nb_language(nb, language))


class JavaWords:
    """Papermill's translator for Java; papermill alone, too, has one where we are installed."""

    @staticmethod
    def inspect(parameters_cell: Any) -> Any:
        """What the cell declares."""
        from jupyter_orch.execution.java_translator import JavaTranslator

        return JavaTranslator.inspect(parameters_cell)

    @staticmethod
    def codify(parameters: Any, comment: str = "Parameters") -> str:
        """The text of the injected cell."""
        from jupyter_orch.execution.java_translator import JavaTranslator

        return JavaTranslator.codify(parameters, comment)


from papermill.translators import papermill_translators  # noqa: E402 - see above

for language in ("java", "Java"):  # as its kernels call it
    papermill_translators.register(language, JavaWords)
