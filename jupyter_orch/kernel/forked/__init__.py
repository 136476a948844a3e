"""Python kernels forked from a process that has imported everything already (Linux).

`parent` imports, forks and reaps; `child` is the kernel: ipykernel's own application, shell and
streams, with messages as records on one unix socket instead of ZeroMQ. Runs in the notebooks'
environment and needs nothing of the product but this package.
"""
