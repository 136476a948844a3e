"""What runs inside a notebook's kernel: light imports, no store."""
