"""`jupyter orch VERB`: everything that the sidebar does, from a shell."""
