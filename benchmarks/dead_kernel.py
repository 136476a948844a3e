"""How soon a kernel that was killed is noticed, and how soon its notebook has a result.

Counted from `kill -9`; the notebook waits in its second cell. The result is there once the partial
notebook is on disk, and whatever the kernel has left in a session of its own has ended. Prints one
JSON line.
"""

import argparse
import asyncio
import os
import signal
import statistics
import tempfile
import time
from pathlib import Path

import nbformat
from kit import report
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_orch.domain.states import Reason
from jupyter_orch.execution.kernels.pool import KernelPool
from jupyter_orch.execution.log import RunLog
from jupyter_orch.execution.mask import Masker
from jupyter_orch.execution.pipeline import NotebookRequest, NotebookRun

LEAVE = "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)"
WAIT = "import time\nopen('waits', 'w').close()\ntime.sleep(600)"


async def killed(folder: Path, kernels: KernelPool, *, fork: bool) -> tuple[float, float]:
    """Seconds until the end of one kernel is known, and until its notebook has a result."""
    waits = folder / "waits"
    waits.unlink(missing_ok=True)
    request = NotebookRequest(
        input=str(folder / "in.ipynb"),
        output=str(folder / "out.ipynb"),
        notebook=str(folder / "in.ipynb"),
        cwd=str(folder),
        sockets=str(folder / "k"),
        fork=fork,
    )
    log = RunLog(folder / "log.jsonl")
    run = NotebookRun(request, run_log=log, masker=Masker(), progress=lambda _done, _total: None)
    ending = asyncio.ensure_future(run.execute(dict(os.environ), kernels))
    while not waits.exists():
        await asyncio.sleep(0.01)
    if run.kernel is None:
        raise RuntimeError("The kernel is not known.")
    began = time.perf_counter()
    os.kill(run.kernel.pid, signal.SIGKILL)
    await asyncio.wait({run.kernel.exited})
    noticed = time.perf_counter() - began
    result = await ending
    took = time.perf_counter() - began
    log.close()
    if result.reason is not Reason.KERNEL_DIED:
        raise RuntimeError(f"It ended otherwise: {result}")
    return noticed, took


async def main() -> None:
    """Kills them one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=30)
    count = parser.parse_args().count
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cells = [new_code_cell(LEAVE), new_code_cell(WAIT)]
        spec = {"name": "python3", "display_name": "P", "language": "python"}
        nbformat.write(
            new_notebook(cells=cells, metadata={"kernelspec": spec}), folder / "in.ipynb"
        )
        kernels = KernelPool()
        for kind, fork in (("forked", True), ("stock", False)):
            times = [await killed(folder, kernels, fork=fork) for _ in range(count)]
            for what, each in zip(("noticed", "result"), zip(*times, strict=True), strict=True):
                seconds = sorted(each)
                found.append(
                    {
                        "kernel": kind,
                        "until": what,
                        "median_ms": round(statistics.median(seconds) * 1000, 1),
                        "p95_ms": round(seconds[int(count * 0.95)] * 1000, 1),
                        "longest_ms": round(seconds[-1] * 1000, 1),
                    }
                )
        kernels.close()
    report("dead_kernel", found)


if __name__ == "__main__":
    asyncio.run(main())
