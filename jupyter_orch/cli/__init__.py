"""The command line: jupyter orch."""
