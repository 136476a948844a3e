"""Trino SQL as DuckDB SQL that means the same, or a refusal in one sentence."""
