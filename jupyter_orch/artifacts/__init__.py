"""Executed notebooks and logs."""
