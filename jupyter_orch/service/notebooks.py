"""Notebooks on disk: which ones may be scheduled, what they say, and freezing their bytes."""

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.model import Actor, Job
from jupyter_orch.domain.parameters import NotebookFacts, read_notebook, require_notebook
from jupyter_orch.ports import Artifacts
from jupyter_orch.service.kernels import kernels
from jupyter_orch.service.rights import require

LARGEST_NOTEBOOK = 100 * 1024 * 1024  # bytes
FACTS_KEPT = 4096  # frozen notebooks of which it is remembered what they say


class Notebooks:
    """The notebooks inside the roots."""

    def __init__(self, artifacts: Artifacts, roots: Sequence[Path]) -> None:
        self.roots = tuple(dict.fromkeys(root.absolute() for root in roots))
        self._artifacts = artifacts
        #: Reading a notebook's code takes milliseconds, and bytes with a hash never change.
        self._facts = lru_cache(maxsize=FACTS_KEPT)(self._read_facts)

    def inspect(self, actor: Actor, path: str, *, root: Path | None = None) -> Mapping[str, Any]:
        """What the schedule form needs to know of a notebook.

        Raises:
            BadInput: It cannot be scheduled (field `path`).
        """
        require(actor, "read")
        resolved = self.resolve(path, root=root, field="path")
        content = self.read(resolved, field="path")
        facts = facts_of(content, field="path")
        return {
            "path": str(resolved),
            "name": resolved.stem,
            "sha256": self._artifacts.put_notebook(content),
            "kernel": facts.kernel,
            "kernels": kernels(),
            "parameters_cell": facts.parameters_cell,
            "schema": facts.schema,
            "hint": facts.hint,
            "outputs": facts.outputs,
        }

    def resolve(self, path: str, *, root: Path | None = None, field: str = "notebook") -> Path:
        """The absolute path, which is inside one of the roots by name and by real path.

        Args:
            path: Absolute, or relative to `root`.
            root: Where relative paths start; absent: the first of the roots.
            field: Name of the input that errors belong to.

        Raises:
            BadInput: The path is outside of every root, or not a path at all.
        """
        if not path.strip() or not path.isprintable():
            raise BadInput("The path of the notebook is empty or not printable.", field=field)
        resolved = os.path.normpath(os.path.join(root or self.roots[0], path))  # noqa: PTH118
        real_roots = [os.path.realpath(base) for base in self.roots]
        named = any(_inside(resolved, base) for base in [*map(str, self.roots), *real_roots])
        real = os.path.realpath(resolved)
        if not named or not any(_inside(real, base) for base in real_roots):
            allowed = ", ".join(map(str, self.roots))
            raise BadInput(
                f"{path} is outside of the folders whose notebooks may be scheduled.",
                field=field,
                hint=f"Move it into {allowed}, or add its folder to notebooks.roots.",
            )
        return Path(resolved)

    def read(self, path: Path, *, field: str = "notebook") -> bytes:
        """The bytes of the file now.

        Raises:
            BadInput: It is missing, not a file, not readable or too large.
        """
        try:
            if path.is_dir():
                raise BadInput(f"{path} is a folder, not a notebook.", field=field)
            if path.stat().st_size > LARGEST_NOTEBOOK:
                raise BadInput(
                    f"{path.name} is larger than {LARGEST_NOTEBOOK // 2**20} MB.",
                    field=field,
                    hint="Clear its outputs and save it again.",
                )
            return path.read_bytes()
        except FileNotFoundError:
            raise BadInput(f"There is no notebook at {path}.", field=field) from None
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}.", field=field) from None

    def freeze(self, job: Job) -> str:
        """Stores the bytes that a run of this job executes; answers their sha256.

        Raises:
            BadInput: The notebook is missing, left the roots, or is no notebook any more.
        """
        if job.notebook_sha256:
            return job.notebook_sha256
        return self.freeze_file(job.spec.notebook)

    def freeze_file(self, path: str) -> str:
        """Stores the bytes that the file has now; answers their sha256."""
        content = self.read(self.resolve(path))
        return self._artifacts.put_notebook(content, check=require_notebook)

    def frozen(self, sha256: str) -> NotebookFacts:
        """What a frozen notebook says."""
        return self._facts(sha256)

    def _read_facts(self, sha256: str) -> NotebookFacts:
        return facts_of(self._artifacts.get_notebook(sha256))

    def schema_of(self, sha256: str) -> Mapping[str, Any]:
        """JSON Schema of the parameters of a frozen notebook; read once, as it never changes."""
        return self._facts(sha256).schema


def _inside(path: str, folder: str) -> bool:
    """Whether a normal path is the folder or lies in it; faster than pathlib."""
    return path == folder or path.startswith(folder if folder.endswith("/") else f"{folder}/")


def facts_of(content: bytes, *, field: str = "notebook") -> NotebookFacts:
    """What a notebook says about itself, its errors named for `field`."""
    try:
        return read_notebook(content)
    except BadInput as error:
        raise BadInput(error.message, field=field, hint=error.hint) from None
