"""`python -m jupyter_orch.cli`, for where scripts are not on the path."""

from jupyter_orch.cli.main import main

main()
