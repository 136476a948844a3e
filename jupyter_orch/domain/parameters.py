"""Parameters of a notebook: inferred from its `parameters` cell, described by JSON Schema."""
