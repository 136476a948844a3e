"""Jupyter server extension and the service that runs alone."""
