"""Papermill's injected cell, and what is said when a language has no words for it."""

from collections.abc import Mapping
from typing import Any

from papermill.exceptions import PapermillException
from papermill.parameterize import parameterize_notebook
from papermill.translators import papermill_translators

from jupyter_orch.execution.java_translator import ParametersRefused, learn


def parameterize(nb: Any, parameters: Mapping[str, Any], *, kernel: str, language: str) -> Any:
    """The notebook with the injected cell.

    Raises:
        ParametersRefused: The language has no words for the values.
    """
    learn(nb)
    try:
        papermill_translators.find_translator(kernel, language)
    except PapermillException:
        raise ParametersRefused(
            f"Parameters cannot be written in {language}: {', '.join(parameters)}. "
            "Set them in the notebook, and give none."
        ) from None
    return parameterize_notebook(nb, parameters, kernel_name=kernel, language=language)
