"""The form of `jupyter_orch.rerun`: change parameters, run again, watch, see the result."""

import threading
import weakref
from html import escape
from typing import Any

import ipywidgets as widgets

from jupyter_orch.client import Client
from jupyter_orch.domain.errors import BadFields, BadInput, OrchError, Unavailable
from jupyter_orch.domain.ids import new_id
from jupyter_orch.domain.model import Json
from jupyter_orch.domain.states import TERMINAL, RunState
from jupyter_orch.widgets.fields import Field
from jupyter_orch.widgets.html import complaint, result, standing

#: Distance of two looks at a run that goes on.
POLL_SECONDS = 0.5


def rerun(job: str, *, client: Client | None = None) -> "RerunForm":
    """A form that runs a job again, with the parameters of its last run to start from.

    Args:
        job: Name or id of the job.
        client: How to reach the service; absent: as configured.

    Raises:
        NotFound: There is no such job.
        Unavailable: No service runs.
    """
    if client is not None:
        return RerunForm(job, client)
    own = Client()
    try:
        form = RerunForm(job, own)
    except BaseException:
        own.close()
        raise
    weakref.finalize(form, own.close)
    return form


class RerunForm:
    """What `rerun` shows; `start`, `cancel` and `wait` do the same without a mouse."""

    def __init__(self, job: str, client: Client) -> None:
        self._client = client
        self._watcher: threading.Thread | None = None
        self._starting = threading.Lock()
        self._display: Any = None
        self.job: dict[str, Any] = client.job(job)["job"]
        runs = client.runs(job=self.job["id"], limit=1)["items"]
        #: The run that the form repeats; absent when the job never ran.
        self.last_run: dict[str, Any] | None = runs[0] if runs else None
        #: The run that the form started, as last seen.
        self.run: dict[str, Any] | None = None

        given = self.last_run["parameters"] if self.last_run else {}
        properties = client.schema(self.job["id"])["properties"]
        self.fields = {
            name: Field(name, schema, given.get(name, schema.get("default")))
            for name, schema in properties.items()
        }
        self.latest = widgets.Checkbox(value=True, description="the notebook as it is now")
        self.latest.tooltip = "Otherwise the very bytes of the run that is repeated."
        self.latest.layout.display = None if self.last_run else "none"
        self.button = widgets.Button(description="Run", icon="play", button_style="primary")
        self.stop = widgets.Button(description="Cancel", icon="stop", disabled=True)
        self.progress = widgets.IntProgress(max=1, layout=widgets.Layout(visibility="hidden"))
        self.status = widgets.HTML(standing(self.last_run))
        self.button.on_click(lambda _: self.start())
        self.stop.on_click(lambda _: self.cancel())
        self.box = widgets.VBox(
            [
                widgets.HTML(f"<b>{escape(self.job['spec']['name'])}</b>"),
                *(field.box for field in self.fields.values()),
                self.latest,
                widgets.HBox([self.button, self.stop, self.progress]),
                self.status,
            ]
        )

    def start(self) -> None:
        """Starts a run with the values of the form, or marks the fields that do not fit.

        Nothing happens while a run of the form goes on.
        """
        if not self._starting.acquire(blocking=False):
            return
        try:
            if self._watcher is None or not self._watcher.is_alive():
                self._start()
        finally:
            self._starting.release()

    def _start(self) -> None:
        self.button.disabled = True
        for field in self.fields.values():
            field.complain("")
        try:
            values = self._values()
            if self.last_run:
                self.run = self._client.rerun(
                    self.last_run["id"],
                    values,
                    latest_notebook=self.latest.value,
                    idempotency_key=new_id(),
                )
            else:
                self.run = self._client.run(self.job["id"], values, idempotency_key=new_id())
        except OrchError as error:
            self.button.disabled = False
            self._complain(error)
            return
        self._follow(self.run)

    def cancel(self) -> None:
        """Stops the run that the form started."""
        if self.run is None:
            return
        try:
            self._client.cancel(self.run["id"])
        except OrchError as error:
            self._complain(error)

    def wait(self, timeout: float | None = None) -> dict[str, Any] | None:
        """The run that the form started, once it ended or `timeout` seconds have passed."""
        if self._watcher is not None:
            self._watcher.join(timeout)
        return self.run

    def _values(self) -> dict[str, Json]:
        values, errors = {}, []
        for name, field in self.fields.items():
            try:
                values[name] = field.value()
            except BadInput as error:
                errors.append(error)
        if errors:
            raise BadFields(errors)
        return values

    def _complain(self, error: OrchError) -> None:
        """Each error at its field; what belongs to none, below the button."""
        elsewhere = []
        for one in error.errors if isinstance(error, BadFields) else (error,):
            field = self.fields.get((one.field or "").removeprefix("parameters."))
            if field is None:
                elsewhere.append(complaint(one))
            else:
                field.complain(one.message)
        self.status.value = "<br>".join(elsewhere) or "Nothing was started."

    def _follow(self, run: dict[str, Any]) -> None:
        self.stop.disabled = False
        self.progress.layout.visibility = "visible"
        self._show(run)
        self._watcher = threading.Thread(target=self._watch, args=(run["id"],), daemon=True)
        self._watcher.start()

    def _watch(self, run_id: str) -> None:
        """Looks at the run until it ended. In a thread: the kernel may be busy meanwhile."""
        pause = threading.Event()
        while True:
            try:
                detail = self._client.run_detail(run_id)
            except Unavailable as error:  # it may come back, and the run goes on without us
                self.status.value = complaint(error)
                pause.wait(POLL_SECONDS * 4)
                continue
            except OrchError as error:
                self.status.value = complaint(error)
                break
            self.run = detail["run"]
            self._show(detail["run"], detail.get("usual"))
            if RunState(detail["run"]["state"]) in TERMINAL:
                self.last_run = detail["run"]
                self.status.value = result(detail)
                break
            pause.wait(POLL_SECONDS)
        self.button.disabled, self.stop.disabled = False, True
        if self._display is not None:  # what a saved notebook shows without a kernel
            self._display.update(self._bundle(), raw=True)

    def _show(self, run: dict[str, Any], usual: dict[str, Any] | None = None) -> None:
        self.progress.max = max(run["cells_total"], 1)
        self.progress.value = run["cells_done"]
        self.progress.bar_style = {"succeeded": "success", "failed": "danger"}.get(run["state"], "")
        self.status.value = standing(run, usual)

    def __repr__(self) -> str:
        return f"<rerun of {self.job['spec']['name']}: {(self.run or {}).get('state', 'ready')}>"

    def _ipython_display_(self) -> None:
        """The live form; where no widget can live, its last state."""
        from IPython.display import display

        self._display = display(  # type: ignore[no-untyped-call]
            self._bundle(), raw=True, display_id=True
        )

    def _bundle(self) -> dict[str, Any]:
        bundle = self.box._repr_mimebundle_()
        data: dict[str, Any] = bundle[0] if isinstance(bundle, tuple) else bundle
        return data | {"text/plain": repr(self), "text/html": self.status.value}
