"""The use cases: the only door to everything below it. Rights are checked here."""

from jupyter_orch.service.service import Service as Service

__all__ = ["Service"]
