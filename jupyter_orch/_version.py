"""The one place that names the version; package.json is held equal by a test."""

__version__ = "0.1.0"
