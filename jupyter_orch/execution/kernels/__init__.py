"""Kernels that execute notebooks: stock ones of any kind, and forked ones (Python on Linux)."""
