"""Tables: the embedded engine, Trino, and publishing."""
