"""A notebook through papermill, in a file of its own: its imports are no other task's."""

import os

import pendulum
from airflow.providers.papermill.operators.papermill import PapermillOperator
from airflow.sdk import DAG

with DAG("notebook", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
    PapermillOperator(
        task_id="t",
        input_nb=os.environ["PEERS_NOTEBOOK"],
        output_nb=os.environ["PEERS_NOTEBOOK"].replace(".ipynb", ".out.ipynb"),
        kernel_name="python3",
    )
